package supervisor

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weaver/app"
	"weaver/order"
	"weaver/supervisor/lifecycle"
)

// gate is what holds a keeper's process back while it is due: other apps that are not yet as it asks.
type gate struct {
	since  time.Time     // when it began to wait; zero while it does not
	waits  []app.Awaited // for what
	failed bool          // some of that will not come by itself
	told   bool          // the world knows that it waits
	timer  *time.Timer   // for the next timeout
}

// reconsider has a keeper whose process is held look again.
type reconsider struct{}

func (reconsider) message() {}

// gated reports whether a process of this spec may have to wait before it is spawned.
func gated(s *app.Spec) bool { return len(s.DependsOn) > 0 || onDemand(s) }

// look answers an Await: it looks at what the process needs. While something is in the way whoever changes wakes the keeper.
func (k *keeper) look() lifecycle.Input {
	g := &k.gate
	if g.since.IsZero() {
		g.since = time.Now()
		k.sup.lookouts.add(k) // before looking: what changes from here on is seen
	}
	waits, next := k.sup.missing(k.proc.Spec, g.since, time.Now())
	if len(waits) == 0 && onDemand(k.proc.Spec) {
		if w := k.demandOf(k.proc.Spec); w != nil {
			waits = []app.Awaited{*w}
		}
	}
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	if len(waits) == 0 {
		return lifecycle.Clear{}
	}
	if next > 0 {
		g.timer = time.AfterFunc(next, func() { k.mail.put(reconsider{}) }) // the mailbox takes it, whatever became of the keeper
	}
	was := g.failed
	g.waits, g.failed = waits, false
	for i := range waits {
		g.failed = g.failed || waits[i].Failed
	}
	switch {
	case len(waits) == 1 && waits[0].Name == "" && !g.failed:
		return lifecycle.Wait{Hold: lifecycle.Asleep}
	case g.failed && !was:
		k.publishEvent(app.Event{Kind: app.EventFailed, ID: k.id, Name: k.proc.Name, Message: waitText(waits)})
	case !g.told:
		k.publishEvent(app.Event{Kind: app.EventWarning, ID: k.id, Name: k.proc.Name, Message: waitText(waits)})
	}
	g.told = true
	if g.failed {
		return lifecycle.Wait{Hold: lifecycle.Blocked}
	}
	return lifecycle.Wait{Hold: lifecycle.Waiting}
}

// reconsider looks again, since something has changed.
func (k *keeper) reconsider() {
	k.byHand, k.cause = false, "what it waited for is there"
	if k.state.Hold == lifecycle.Asleep {
		k.cause = "on demand: somebody connected"
	}
	k.step(k.look())
}

// ungate forgets what the process waited for, once it does not any more.
func (k *keeper) ungate() {
	g := &k.gate
	if g.since.IsZero() || k.state.Hold != lifecycle.Free {
		return
	}
	k.sup.lookouts.remove(k)
	if g.timer != nil {
		g.timer.Stop()
	}
	*g = gate{}
}

// waitText says what a process waits for; what has failed comes first.
func waitText(waits []app.Awaited) string {
	var failed, open []string
	for _, w := range waits {
		if w.Name == "" {
			return w.Is
		}
		text := w.Name + " " + w.Is
		if w.Failed {
			failed = append(failed, text)
			continue
		}
		open = append(open, w.Name+" ("+string(w.Condition)+"), which "+w.Is)
	}
	if len(failed) > 0 {
		return "dependency failed: " + strings.Join(failed, "; ")
	}
	return "waits for " + strings.Join(open, ", ")
}

// missing is what is in the way of a process of spec that has been due since then, and in how long to look again even if
// nothing changes; 0 is never.
func (s *Supervisor) missing(spec *app.Spec, since, now time.Time) (waits []app.Awaited, next time.Duration) {
	keepers := s.reg.snapshot()
	cycle := s.cycle(keepers, spec)
	for i := range spec.DependsOn {
		d := &spec.DependsOn[i]
		w := app.Awaited{Name: d.Name, Condition: d.Wanted()}
		if len(cycle) > 0 && cycleHas(cycle, d.Name) {
			w.Is, w.Failed = "depends on it in turn: "+order.Arrows(cycle), true
			waits = append(waits, w)
			continue
		}
		met, n := true, 0
		for _, k := range keepers {
			if v := k.view.Load(); v.Name == d.Name {
				n++
				if x := judge(d, k.standing(v)); !x.met && (met || x.failed && !w.Failed) {
					met, w.Is, w.Failed = false, x.is, x.failed
				}
			}
		}
		switch {
		case n == 0:
			w.Is, w.Failed = "does not exist", true
			met = d.Optional
		case d.Optional && w.Failed:
			met = true
		}
		if met {
			continue
		}
		if d.Timeout > 0 && !w.Failed {
			if left := since.Add(d.Timeout.D()).Sub(now); left > 0 {
				next = soonest(next, left)
			} else if d.Optional {
				continue
			} else {
				w.Is, w.Failed = "was not "+string(d.Wanted())+" within "+d.Timeout.D().String()+": it "+w.Is, true
			}
		}
		waits = append(waits, w)
	}
	return waits, next
}

func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}

// cycle returns the cycle that spec is on, nil if there is none. Cycles are refused; a list that was edited may have one.
func (s *Supervisor) cycle(keepers []*keeper, spec *app.Spec) []string {
	g := graphOf(keepers, nil)
	for _, name := range g.Below(spec.Name) {
		if name == spec.Name {
			return g.Among(append(g.Below(spec.Name), spec.Name)).Cycle()
		}
	}
	return nil
}

func cycleHas(cycle []string, name string) bool {
	for _, c := range cycle {
		if c == name {
			return true
		}
	}
	return false
}

// standing is what a dependency's process is, to who waits for it.
type standing struct {
	life    lifecycle.State
	healthy bool
	reason  string
	renewed bool // it is about to be restarted, and counts only then
}

func (k *keeper) standing(v *app.Process) standing {
	return standing{*k.life.Load(), v.Health != nil && v.Health.Healthy, v.Reason, k.stale.Load()}
}

// verdict says whether one process of a dependency is as it is asked to be, and if not what it is.
type verdict struct {
	met, failed bool
	is          string
}

// judge holds what one process of a dependency is against what is asked of it. What will be by itself has not failed, and
// what somebody stopped has not either.
func judge(d *app.Dependency, s standing) verdict {
	l := &s.life
	ended := l.Want == lifecycle.Up && resting(l) && !l.GaveUp // by itself, for good
	because := func(fallback string) string { return orElse(s.reason, fallback) }
	switch {
	case s.renewed:
		return verdict{is: "is about to be restarted"}
	case l.GaveUp && resting(l):
		return verdict{failed: true, is: because("gave up")}
	case l.Hold == lifecycle.Blocked:
		return verdict{failed: true, is: "cannot start: " + s.reason}
	case l.Hold == lifecycle.Asleep:
		return verdict{met: d.Wanted() != app.IsCompleted, is: "is started on demand"}
	case ended && l.LastGen > 0 && (l.Exit.Code != 0 || l.Exit.Signal != 0 || l.Exit.Err != ""):
		return verdict{failed: true, is: because("ended with a failure")}
	case ended && l.LastGen > 0:
		return verdict{met: d.Wanted() != app.IsHealthy, failed: d.Wanted() == app.IsHealthy, is: "ended"}
	}
	serves := func(c *lifecycle.Child) bool { return c.Alive() && !c.Asked && c.PID != 0 }
	ready := serves(&l.Cur) && l.Cur.Ready || serves(&l.Old) && l.Old.Ready
	is := "is " + l.Status()
	met := false
	switch d.Wanted() {
	case app.IsStarted:
		met = serves(&l.Cur) || serves(&l.Old)
	case app.IsHealthy:
		met = ready && s.healthy
		if ready {
			is = "is not known to be healthy"
		}
	case app.IsCompleted:
		if ready {
			is = "has not ended yet"
		}
	default:
		met = ready
	}
	return verdict{met: met, is: is}
}

// lookouts are the keepers that wait for others. While there is none, others pay for a look at one number.
type lookouts struct {
	n  atomic.Int32
	mu sync.Mutex
	by map[*keeper][]string // the names that each waits for
}

func (l *lookouts) add(k *keeper) {
	names := make([]string, len(k.proc.Spec.DependsOn))
	for i := range names {
		names[i] = k.proc.Spec.DependsOn[i].Name
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[*keeper][]string{}
	}
	l.by[k] = names
	l.n.Store(int32(len(l.by)))
}

func (l *lookouts) remove(k *keeper) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.by, k)
	l.n.Store(int32(len(l.by)))
}

// wake has those look again that wait for an app of that name.
func (l *lookouts) wake(name string) {
	if l.n.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, names := range l.by {
		for _, n := range names {
			if n == name {
				k.mail.put(reconsider{})
				break
			}
		}
	}
}
