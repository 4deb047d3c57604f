package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// world is what a keeper stands between: processes that obey effects, more or less, and an operator with whims. It keeps
// its own books, by what was told and done, and panics with a broken promise when the machine breaks one.
type world struct {
	r   *rand.Rand
	p   Policy
	s   State
	now time.Time
	log func(string, ...any)
	in  Input // the one being carried out

	procs map[uint64]*proc // those of which not all was told
	spent []uint64         // generations of which all was told

	newer    uint64 // what an accepted Restart promised to leave behind
	restart  bool   // newer is promised by Restart, not only tried by Reload
	notUntil time.Time
	row      []time.Time // starts of the quick runs in a row, since the operator last acted
	restarts []time.Time // automatic ones since an operator acted
	delayed  bool        // the pause before the automatic restart is not over
	asked    bool        // an Await has no answer that ends it yet
}

// proc is a process as the world sees it.
type proc struct {
	gen       uint64
	pid       int  // 0 while being spawned
	survivors bool // others of its tree will outlive it
	deaf      bool // does not mind Term
	exited    bool // Exited was told
	since     time.Time
	mustSay   bool // it was to say so when it is ready
	said      bool // it did
	online    bool
	stopping  bool
	drains    time.Time // told to finish what it began
	termed    time.Time
	killed    time.Time // last Kill
	immortal  int       // Kills that will not help, yet
}

type broken string

// through reports whether nobody has to wait for p any more.
func (w *world) through(p *proc) bool { return p.exited && (p.pid == 0 || !w.p.TreeKill) }

func (w *world) require(ok bool, format string, args ...any) {
	if !ok {
		panic(broken(fmt.Sprintf(format, args...)))
	}
}

// pick returns one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

func newWorld(r *rand.Rand) *world {
	ms := func(choices ...int) time.Duration { return time.Duration(pick(r, choices...)) * time.Millisecond }
	return &world{r: r, now: t0, procs: map[uint64]*proc{}, p: Policy{
		AutoRestart:   r.IntN(6) > 0,
		MinUptime:     ms(1000, 1000, 100, 5000),
		MaxRestarts:   pick(r, 16, 16, 3, 3, 1, 0, -1),
		RestartDelay:  ms(0, 0, 0, 200, 3000),
		ExpBackoff:    ms(0, 0, 0, 100, 20000),
		BackoffReset:  ms(30000, 30000, 2000, 0),
		StopExitCodes: pick(r, nil, nil, []int{0}, []int{3, 7}),
		KillTimeout:   ms(1600, 1600, 1, 8000),
		WaitReady:     r.IntN(2) == 0,
		ListenTimeout: ms(3000, 3000, 10),
		DrainTimeout:  ms(0, 0, 5000, 1),
		Overlap:       r.IntN(3) > 0,
		TreeKill:      r.IntN(3) > 0,
		Growth:        pick(r, PM2s, PM2s, PM2s, Linear, Doubling),
		BackoffCap:    ms(0, 0, 700),
		Jitter:        pick(r, 0, 0, 0.5),
		Window:        ms(0, 0, 0, 10000),
		Breaker:       pick(r, 0, 0, 0, 2, 5),
		OpenFor:       ms(60000, 60000, 100),
		Gated:         r.IntN(3) == 0,
	}}
}

// feed gives the machine one input, checks what it answers and carries it out.
func (w *world) feed(in Input) {
	before := w.s
	after, out := Step(w.p, before, w.now, in)
	if w.log != nil {
		w.log("%v %T%+v: %s -> %s, %s", w.now.Sub(t0), in, in, before.Status(), after.Status(), words(out))
	}
	w.s, w.in = after, in
	w.expect(before, in)
	for i, e := range out {
		w.carryOut(before, e, i == len(out)-1)
	}
	w.check(before, in, out)
}

// expect keeps the books on what the input promises.
func (w *world) expect(before State, in Input) {
	switch in := in.(type) {
	case Exited:
		if before.find(in.Gen) == nil {
			return
		}
		p := w.procs[in.Gen]
		crash := in.Gen == before.Cur.Gen && !p.stopping && !before.ReloadDue && !(before.Old.Gen != 0 && !before.Old.Dying())
		if crash {
			w.judge(p, in)
		}
	case Start, Restart, Reload:
		gen := uint64(0)
		if r, ok := in.(Restart); ok {
			gen = r.Gen
		} else if r, ok := in.(Reload); ok {
			gen = r.Gen
		} else if before.Cur.serving() {
			return
		}
		if before.Want == Gone || gen != 0 && !(gen == before.Cur.Gen && before.Cur.serving()) {
			return
		}
		w.row, w.delayed, w.restarts = nil, false, nil
		if _, ok := in.(Start); !ok {
			w.newer = before.LastGen
			_, w.restart = in.(Restart)
		}
	case Stop, Delete:
		if before.Want != Gone {
			w.newer, w.delayed = 0, false
		}
	case Reset:
		w.row, w.restarts = nil, nil
	case Ready:
		if p := w.procs[in.Gen]; p != nil {
			p.said = true
		}
	case Spawned:
		if p := w.procs[in.Gen]; p != nil {
			p.mustSay = w.p.WaitReady || before.Old.serving()
		}
	}
}

// judge holds the machine's verdict on a crash against the promises of the crash rule.
func (w *world) judge(p *proc, in Exited) {
	quick := p.pid == 0 || w.now.Sub(p.since) < w.p.MinUptime
	if quick {
		w.row = append(w.row, p.since)
	} else {
		w.row = nil
	}
	limit := w.p.MaxRestarts
	final := !w.p.AutoRestart
	for _, c := range w.p.StopExitCodes {
		final = final || in.Signal == 0 && in.Err == "" && in.Code == c
	}
	within := func(n int) bool { // the last n runs were quick, and together
		lasting := w.p.Growth != PM2s || w.p.Breaker > 0 // the row counts however long it lasts
		return len(w.row) >= n && (n == 1 || lasting || w.now.Sub(w.row[len(w.row)-n]) < w.p.MinUptime*time.Duration(limit))
	}
	switch {
	case final:
		w.require(!w.s.GaveUp && w.s.RestartAt.IsZero() && w.s.Cur.Gen <= p.gen, "goes on after a final exit")
	case w.p.Window > 0:
		w.windowed(limit)
	case limit == 0:
		w.require(w.s.GaveUp, "a limit of 0 was ignored")
	case limit < 0:
		w.require(!w.s.GaveUp, "gave up without a limit")
	case w.s.GaveUp:
		w.require(within(limit), "gave up too early")
	case len(w.row) == limit:
		w.require(!within(limit), "did not give up")
	default:
		w.require(len(w.row) < 2*limit-1 || !within(2*limit-1), "does not give up at all")
	}
	if w.s.GaveUp {
		w.row = nil
	}
}

// windowed holds the rule of the window: no more than the limit in any window that began with a restart, and not given up
// with fewer than that in the time before.
func (w *world) windowed(limit int) {
	recent := 0
	for _, at := range w.restarts {
		if w.now.Sub(at) < w.p.Window {
			recent++
		}
	}
	switch {
	case limit < 0:
		w.require(!w.s.GaveUp, "gave up without a limit")
	case w.s.GaveUp:
		w.require(recent >= limit, "gave up after %d restarts in the window", recent)
	default:
		w.require(recent <= 2*limit, "%d restarts in the window", recent)
	}
}

// carryOut does what an effect says.
func (w *world) carryOut(before State, e Effect, last bool) {
	switch e := e.(type) {
	case Spawn:
		w.require(last, "something follows a Spawn")
		w.require(e.Gen == before.LastGen+1, "generation %d follows %d", e.Gen, before.LastGen)
		for gen, p := range w.procs {
			if w.through(p) {
				continue
			}
			w.require(gen == w.s.Old.Gen && w.p.Overlap, "spawned while %d lives", gen)
		}
		_, cleared := w.in.(Clear)
		w.require(!w.p.Gated || cleared && before.Hold != Free || w.s.Old.serving(), "spawned %d before it was cleared", e.Gen)
		w.asked = false
		w.require(!w.delayed || !w.now.Before(w.notUntil), "did not wait for the delay")
		w.delayed = false
		w.procs[e.Gen] = &proc{
			gen: e.Gen, since: w.now, deaf: w.r.IntN(4) == 0, survivors: w.r.IntN(3) == 0, immortal: w.r.IntN(8) / 7,
		}
	case Await:
		w.require(last, "something follows an Await")
		w.require(w.p.Gated && w.s.Hold == Waiting, "awaits without a gate: %+v", w.s)
		w.require(!w.delayed || !w.now.Before(w.notUntil), "awaits before it is due")
		w.asked = true
	case Term:
		p := w.procs[e.Gen]
		w.require(p != nil && p.pid != 0, "term for %d, which is not there", e.Gen)
		w.require(p.termed.IsZero(), "%d asked twice", e.Gen)
		w.require(p.drains.IsZero() || w.cutsShort(p), "%d was not left to finish", e.Gen)
		p.termed = w.now
	case Drain:
		p := w.procs[e.Gen]
		w.require(p != nil && p.pid != 0 && p.termed.IsZero() && p.drains.IsZero(), "drain for %d: %+v", e.Gen, p)
		w.require(w.p.DrainTimeout > 0, "drains unasked")
		p.drains = w.now
	case Kill:
		p := w.procs[e.Gen]
		w.require(p != nil && !p.termed.IsZero(), "%d killed unasked", e.Gen)
		if p.killed.IsZero() {
			w.require(w.now.Sub(p.termed) >= w.p.KillTimeout, "%d killed early", e.Gen)
		} else {
			w.require(w.now.Sub(p.killed) >= 5*time.Second, "%d killed again too soon", e.Gen)
			p.immortal = 0
		}
		p.killed = w.now
	case Emit:
		w.hear(e)
	}
}

// cutsShort reports whether the input may end the time that p has to finish what it began.
func (w *world) cutsShort(p *proc) bool {
	switch w.in.(type) {
	case Stop, Delete, Restart, Reload, Drained, Exited: // a Reload that is a Restart
		return true
	}
	return w.now.Sub(p.drains) >= w.p.DrainTimeout
}

func (w *world) hear(e Emit) {
	p := w.procs[e.Gen]
	switch e.What {
	case WhatOnline:
		w.require(p != nil && !p.online && !p.stopping && !p.exited, "%d came online", e.Gen)
		w.require(!p.mustSay || p.said || !w.now.Before(p.since.Add(w.p.ListenTimeout)), "%d is online and did not say so", e.Gen)
		p.online = true
	case WhatStopping:
		w.require(p != nil && !p.stopping && !p.exited, "%d is stopping", e.Gen)
		p.stopping = true
	case WhatRestarting:
		w.require(w.s.Want == Up && w.p.AutoRestart, "restarts unwanted")
		w.restarts = append(w.restarts, w.now)
		if w.s.Open {
			w.require(e.Delay >= w.p.OpenFor && w.p.Breaker > 0 && w.s.Unstable > 0, "an open circuit tries after %v", e.Delay)
		} else if w.p.Breaker > 0 {
			w.require(w.s.Unstable < w.p.Breaker, "the circuit stays closed after %d failures", w.s.Unstable)
		}
		if w.p.Growth != PM2s {
			longest := w.p.BackoffCap
			if longest == 0 {
				longest = time.Minute
			}
			w.require(e.Delay >= 0 && e.Delay <= max(longest, pace, w.p.OpenFor), "delay %v", e.Delay)
		} else if !w.s.Open && w.p.ExpBackoff == 0 && w.p.MaxRestarts >= 0 && w.s.Exit.Err == "" {
			w.require(e.Delay == w.p.RestartDelay, "delay %v", e.Delay)
		}
		w.require(w.s.Cur.Gen > e.Gen && e.Delay == 0 || w.s.RestartAt.Equal(w.now.Add(e.Delay)), "the delay announced is not the delay kept")
		w.delayed, w.notUntil = true, w.now.Add(e.Delay)
	case WhatOpened:
		w.require(w.s.Open && w.s.Unstable >= w.p.Breaker && w.p.Breaker > 0, "opened after %d failures", w.s.Unstable)
	case WhatClosed:
		w.require(p != nil && p.online && w.now.Sub(p.since) >= w.p.MinUptime, "closed by a trial that did not last")
		w.row = nil
	case WhatStopped, WhatErrored, WhatGone:
		w.require(w.s.Cur.Gen == 0 && w.s.Old.Gen == 0 && w.s.RestartAt.IsZero(), "%v, but not at rest", e.What)
		w.require((e.What == WhatErrored) == w.s.GaveUp && (e.What == WhatGone) == (w.s.Want == Gone), "%v in %+v", e.What, w.s)
	}
}

// check holds for every step.
func (w *world) check(before State, in Input, out []Effect) {
	s, status := w.s, w.s.Status()
	present := 0
	for gen, p := range w.procs {
		if !w.through(p) {
			w.require(s.find(gen) != nil, "%d was forgotten", gen)
			present++
		}
	}
	w.require(s.LastGen >= before.LastGen && s.LastGen <= before.LastGen+1, "generations jump")
	w.require(s.Cur.Gen == 0 || s.Cur.Gen != s.Old.Gen, "one child twice")
	if s.Want != Up {
		w.require(s.RestartAt.IsZero() && !s.Cur.serving() && !s.Old.serving(), "lives unwanted: %+v", s)
	}
	if before.Want == Gone {
		w.require(s.Want == Gone, "came back from Delete")
	}
	if s.GaveUp {
		w.require(s.RestartAt.IsZero() && !s.Cur.serving() && s.Unstable == 0, "gave up half: %+v", s)
	}
	if s.Hold != Free {
		w.require(w.asked && s.Want == Up && s.Cur.Gen == 0 && !s.RestartAt.IsZero() && !s.RestartAt.After(w.now), "holds what is not due: %+v", s)
		w.require(status != statusOnline && status != statusLaunching, "%s, and held: %+v", status, s)
	}
	if s.Old.serving() {
		w.require(s.Old.Ready && s.Cur.serving() && !s.Cur.Ready, "old serves needlessly: %+v", s)
	}
	switch status {
	case statusOnline, statusLaunching:
		p := w.procs[s.Cur.Gen]
		w.require(p != nil && !p.exited && !p.stopping && p.online == (status == statusOnline), "%s: %+v", status, s)
		w.require(s.Cur.PID == p.pid && s.Cur.Since.Equal(p.since), "pid %d since %v: %+v", p.pid, p.since, s)
	case statusWaiting:
		w.require(present == 0 && s.Want == Up && (w.delayed && s.RestartAt.After(w.now) || s.Hold == Waiting), "waits for nothing: %+v", s)
	case statusStopped, statusErrored:
		if s.Hold != Free {
			w.require(present == 0 && s.Hold == map[string]Hold{statusErrored: Blocked, statusStopped: Asleep}[status], "%s: %+v", status, s)
			break
		}
		w.require(present == 0 && s.RestartAt.IsZero() && (status == statusErrored) == s.GaveUp, "%s: %+v", status, s)
	case statusStopping:
		w.require(present > 0, "stopping nothing: %+v", s)
	default:
		w.require(false, "status %q", status)
	}
	d := s.Deadline(w.p)
	if _, ok := in.(Tick); ok {
		w.require(d.IsZero() || d.After(w.now), "a Tick left the deadline %v", d)
		w.require(len(out) > 0 || s == before || before.Backoff != s.Backoff, "a Tick changed something and said nothing")
	}
}
