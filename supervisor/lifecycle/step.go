package lifecycle

import "time"

// Step returns what follows from an input: the next state, and what the keeper must do, in order. It is pure; now must
// not be the zero time. News about an incarnation that is not there, and wishes after Delete, change nothing.
func Step(p Policy, s State, now time.Time, in Input) (State, []Effect) {
	if stale(s, in) {
		return s, nil
	}
	m := machine{p: p, s: s, now: now}
	m.take(in)
	m.settle()
	m.tellRest(s)
	return m.s, m.out
}

// machine is one step in progress.
type machine struct {
	p   Policy
	s   State
	now time.Time
	out []Effect

	cleared bool // nothing is in the way of the child that is due
}

// stale reports whether the input is about an incarnation that is not there, or a wish for a deleted process.
func stale(s State, in Input) bool {
	switch in := in.(type) {
	case Spawned:
		return s.find(in.Gen) == nil
	case Ready:
		return s.find(in.Gen) == nil
	case Drained:
		c := s.find(in.Gen)
		return c == nil || c.DrainBy.IsZero()
	case Exited:
		return s.find(in.Gen) == nil
	case Empty:
		return s.find(in.Gen) == nil
	case Restart:
		return s.Want == Gone || in.Gen != 0 && (in.Gen != s.Cur.Gen || !s.Cur.serving())
	case Reload:
		return s.Want == Gone || in.Gen != 0 && (in.Gen != s.Cur.Gen || !s.Cur.serving())
	case Idle:
		return s.Want != Up || in.Gen == 0 || in.Gen != s.Cur.Gen || !s.Cur.serving() || !s.Cur.Ready
	case Clear, Wait:
		return s.Hold == Free
	case Start, Stop:
		return s.Want == Gone
	}
	return false
}

// find returns the child of that generation, or nil.
func (s *State) find(gen uint64) *Child {
	switch {
	case gen == 0:
		return nil
	case s.Cur.Gen == gen:
		return &s.Cur
	case s.Old.Gen == gen:
		return &s.Old
	}
	return nil
}

// take handles the input itself.
func (m *machine) take(in Input) {
	switch in := in.(type) {
	case Start:
		m.start()
	case Stop:
		m.end(Down, false)
	case Delete:
		m.end(Gone, in.Drain)
	case Restart:
		m.restart()
	case Reload:
		m.reload()
	case Spawned:
		m.spawned(in)
	case Ready:
		m.s.find(in.Gen).Said = true
		m.ready(in.Gen)
	case Drained:
		m.drained(m.s.find(in.Gen))
	case Exited:
		m.exited(in)
	case Empty:
		if c := m.s.find(in.Gen); c.Dead {
			*c = Child{}
		}
	case Clear:
		m.cleared = true
	case Wait:
		m.s.Hold = max(in.Hold, Waiting)
	case Idle:
		m.idle()
	case Tick:
		m.tick()
	case Reset:
		m.s.Restarts, m.s.Unstable, m.s.RowSince, m.s.Backoff = 0, 0, time.Time{}, 0
		m.s.Open, m.s.InWindow, m.s.WindowSince = false, 0, time.Time{}
		m.s.Born = m.now
	default:
		panic("lifecycle: unknown input while " + m.s.Status())
	}
}

// start wants a child, and one that is dying or due later does not count.
func (m *machine) start() {
	s := &m.s
	if s.Cur.serving() {
		return
	}
	m.forgive()
	s.Want = Up
	s.RestartAt, s.Auto, s.Hold = m.now, false, Free
}

// end wants no child, for now or for ever.
func (m *machine) end(w Want, drain bool) {
	s := &m.s
	s.Want = w
	s.RestartAt, s.Auto, s.ReloadDue, s.GaveUp, s.Hold = time.Time{}, false, false, false, Free
	if drain {
		m.relieve(&s.Cur)
		m.relieve(&s.Old)
		return
	}
	m.ask(&s.Cur)
	m.ask(&s.Old)
}

// restart wants a newer child. Whatever serves now is asked to die, so that no failing reload can bring it back.
func (m *machine) restart() {
	s := &m.s
	if !s.Cur.serving() {
		m.start()
		return
	}
	m.forgive()
	s.Restarts++
	s.RestartAt, s.Auto, s.ReloadDue = m.now, false, false
	m.ask(&s.Cur)
	m.ask(&s.Old)
}

// idle ends a child that nobody needs. The next one waits until somebody does, so this is no restart, and forgives nothing.
func (m *machine) idle() {
	if !m.p.Gated { // nobody would say when it is needed
		return
	}
	s := &m.s
	s.RestartAt, s.Auto, s.ReloadDue = m.now, false, false
	m.ask(&s.Cur)
}

// reload wants a newer child without a gap. With one reload under way, another waits for its end.
func (m *machine) reload() {
	s := &m.s
	if !m.p.Overlap || !s.Cur.serving() || !s.Cur.Ready && !s.Old.serving() {
		m.restart()
		return
	}
	m.forgive()
	s.ReloadDue = true
}

// spawned notes the process. In an overlap the child must always say that it is ready, or Old would end too early.
func (m *machine) spawned(in Spawned) {
	c := m.s.find(in.Gen)
	if c.Dead || c.PID != 0 || in.PID <= 0 {
		return
	}
	since := in.Since
	if since.Before(c.Since) { // clocks of processes are coarse: not before it was asked for
		since = c.Since
	}
	if in.Since.IsZero() || since.After(m.now) {
		since = m.now
	}
	c.PID, c.Since = in.PID, since
	switch {
	case c.Asked:
		m.term(c)
	case c.Ready:
	case m.s.Old.serving() && m.s.Old.Said && m.p.ReloadTimeout > 0:
		c.ReadyBy = m.now.Add(m.p.ReloadTimeout)
	case m.p.WaitReady || m.s.Old.serving():
		c.ReadyBy = m.now.Add(m.p.ListenTimeout)
	default:
		m.ready(c.Gen)
	}
}

// ready brings Cur online and lets Old go. A dying child never comes online.
func (m *machine) ready(gen uint64) {
	s := &m.s
	if s.Cur.Gen != gen || s.Cur.Ready || !s.Cur.serving() {
		return
	}
	s.Cur.Ready, s.Cur.ReadyBy = true, time.Time{}
	m.do(Emit{What: WhatOnline, Gen: gen})
	m.relieve(&s.Old)
}

// exited handles the end of a main process: of Old, of the new child of a reload, of one that was asked, or a crash.
func (m *machine) exited(in Exited) {
	s := &m.s
	c := s.find(in.Gen)
	if c.Dead {
		return
	}
	s.Exit = ExitInfo{Gen: in.Gen, Code: in.Code, Signal: in.Signal, Err: in.Err, At: m.now}
	m.do(Emit{What: WhatExited, Gen: in.Gen, Asked: c.Asked})
	was, current := *c, c == &s.Cur
	m.bury(c)
	switch {
	case !current, was.Asked: // expected, or no longer of interest
	case s.Old.serving():
		s.Cur, s.Old = s.Old, s.Cur
		m.do(Emit{What: WhatReloadFailed, Gen: was.Gen})
	default:
		m.crash(was)
	}
}

// bury removes a child whose main process ended, or starts to clean away what it left behind.
func (m *machine) bury(c *Child) {
	if !m.p.TreeKill || c.PID == 0 {
		*c = Child{}
		return
	}
	untermed := !c.Asked || !c.DrainBy.IsZero()
	c.Dead, c.ReadyBy, c.DrainBy = true, time.Time{}, time.Time{}
	if untermed {
		c.Asked = true
		m.term(c)
	}
}

// tick does what is due. A child that is due is settle's.
func (m *machine) tick() {
	s := &m.s
	for _, c := range [...]*Child{&s.Cur, &s.Old} {
		if m.due(c.KillAt) {
			c.KillAt = m.now.Add(killAgain)
			m.do(Kill{c.Gen})
		}
		if m.due(c.DrainBy) {
			m.drained(c)
		}
	}
	if m.due(s.Cur.ReadyBy) {
		m.late()
	}
	if m.due(s.stableAt(m.p)) {
		s.Backoff = 0
	}
	if m.due(s.lasted(m.p)) {
		s.Open, s.Unstable, s.RowSince = false, 0, time.Time{}
		m.do(Emit{What: WhatClosed, Gen: s.Cur.Gen})
	}
}

// late ends the waiting for Cur to be ready. It counts as ready, unless it should replace one that serves and that was: what made
// that ready, and does not come now, is what it would lack.
func (m *machine) late() {
	s := &m.s
	if s.Old.serving() && s.Old.Said {
		s.Cur, s.Old = s.Old, s.Cur
		s.Unready = s.Old.Gen
		m.do(Emit{What: WhatReloadFailed, Gen: s.Old.Gen})
		m.ask(&s.Old)
		return
	}
	if m.p.WaitReady {
		m.do(Emit{What: WhatUnready, Gen: s.Cur.Gen})
	}
	m.ready(s.Cur.Gen)
}

// settle does what the state now allows: begin a reload that waited, spawn a child that is due.
func (m *machine) settle() {
	s := &m.s
	if !m.p.TreeKill { // nobody waits for survivors any more
		for _, c := range [...]*Child{&s.Cur, &s.Old} {
			if c.Dead {
				*c = Child{}
			}
		}
	}
	if s.ReloadDue && s.Cur.serving() && s.Cur.Ready && s.Old.Gen == 0 {
		if !m.p.Overlap { // no longer allowed
			m.restart()
			return
		}
		s.Restarts++
		s.Old = s.Cur
		m.spawn()
		return
	}
	if m.due(s.RestartAt) && s.roomy(m.p) {
		if m.p.Gated && !m.cleared {
			if s.Hold == Free {
				s.Hold = Waiting
				m.do(Await{})
			}
			return
		}
		m.spawn()
	}
}

// spawn makes the next incarnation the current one.
func (m *machine) spawn() {
	s := &m.s
	if s.Auto {
		s.Restarts++
	}
	s.RestartAt, s.Auto, s.ReloadDue, s.Hold = time.Time{}, false, false, Free
	s.LastGen++
	s.Cur = Child{Gen: s.LastGen, Since: m.now}
	m.do(Emit{What: WhatStarting, Gen: s.LastGen})
	m.do(Spawn{s.LastGen})
}

// relieve lets a child finish what it began before it is asked to die, where that is wished.
func (m *machine) relieve(c *Child) {
	if !c.DrainBy.IsZero() {
		return
	}
	if !c.serving() || c.PID == 0 || m.p.DrainTimeout <= 0 {
		m.ask(c)
		return
	}
	c.Asked, c.ReadyBy, c.DrainBy = true, time.Time{}, m.now.Add(m.p.DrainTimeout)
	m.do(Emit{What: WhatStopping, Gen: c.Gen})
	m.do(Drain{c.Gen})
}

// drained ends the time that a child has to finish what it began.
func (m *machine) drained(c *Child) {
	c.DrainBy = time.Time{}
	m.term(c)
}

// ask asks a child to die, once. One that is still being spawned gets its Term when it is there, one that drains at once.
func (m *machine) ask(c *Child) {
	if !c.DrainBy.IsZero() {
		m.drained(c)
	}
	if !c.serving() {
		return
	}
	c.Asked, c.ReadyBy = true, time.Time{}
	m.do(Emit{What: WhatStopping, Gen: c.Gen})
	if c.PID != 0 {
		m.term(c)
	}
}

func (m *machine) term(c *Child) {
	c.KillAt = m.now.Add(m.p.KillTimeout)
	m.do(Term{c.Gen})
}

// tellRest emits that the process came to rest in this step.
func (m *machine) tellRest(was State) {
	e := Emit{Gen: m.s.LastGen}
	status := m.s.Status()
	switch {
	case m.s.Want == Gone:
		if m.s.Done() && !was.Done() {
			e.What = WhatGone
		}
	case m.s.Hold != Free: // a child is due
	case status == was.Status() && was.Hold == Free:
	case status == statusStopped:
		e.What = WhatStopped
	case status == statusErrored:
		e.What = WhatErrored
	}
	if e.What != 0 {
		m.do(e)
	}
}

// due reports whether a time that is not never has come.
func (m *machine) due(t time.Time) bool { return !t.IsZero() && !m.now.Before(t) }

func (m *machine) do(e Effect) {
	if m.out == nil {
		m.out = make([]Effect, 0, 4) // as many as a crash brings
	}
	m.out = append(m.out, e)
}
