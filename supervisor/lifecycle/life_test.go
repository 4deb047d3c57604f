package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRandomLives lets thousands of processes live in a world that is sometimes slow, deaf and contradictory, checks every
// promise at every step, and at the end of each life that it comes to what was wished last.
func TestRandomLives(t *testing.T) {
	lives, steps := 20000, 400
	if testing.Short() || raceEnabled {
		lives = 1000
	}
	for seed := range lives {
		if fault := live(uint64(seed), steps, nil); fault != "" {
			live(uint64(seed), steps, t.Logf)
			require.Fail(t, fault, "life %d", seed)
		}
	}
}

// live lives one life and returns the promise that was broken, if any.
func live(seed uint64, steps int, log func(string, ...any)) (fault string) {
	defer func() {
		if r := recover(); r != nil {
			fault = fmt.Sprint(r)
		}
	}()
	w := newWorld(rand.New(rand.NewPCG(seed, 1)))
	w.log = log
	for range steps {
		w.happen()
	}
	w.calm()
	return ""
}

// happen lets one thing happen.
func (w *world) happen() {
	r := w.r
	switch n := r.IntN(100); {
	case n < 8:
		w.operate()
	case n < 13: // a watcher, of a child that may be long gone
		gen := uint64(r.Int64N(int64(w.s.LastGen + 2)))
		if gen != 0 {
			w.feed(pick[Input](r, Restart{gen}, Reload{gen}))
		}
	case n < 14: // a new spec
		w.p.Overlap = !w.p.Overlap
	case n < 18 && w.s.Hold != Free:
		w.feed(pick[Input](r, Clear{}, Wait{Waiting}, Wait{Blocked}, Wait{Asleep}))
	case n == 18:
		w.idle()
	case n < 20:
		w.late()
	case n < 45:
		w.wait()
	default:
		if p := w.anyone(); p != nil {
			w.live(p)
		}
	}
}

func (w *world) operate() {
	in := pick[Input](w.r, Start{}, Start{}, Stop{}, Restart{}, Reload{}, Reload{}, Reset{})
	if w.r.IntN(40) == 0 {
		in = Delete{Drain: w.r.IntN(2) == 0}
	}
	before := w.s
	w.feed(in)
	if before.Want == Gone {
		_, again := in.(Delete) // it may hurry what drains
		if in != (Reset{}) && !again {
			w.require(w.s == before, "%T after Delete changed something", in)
		}
		return
	}
	switch in.(type) {
	case Start, Restart, Reload:
		w.require(w.s.Want == Up, "%T does not want Up", in)
	case Stop:
		w.require(w.s.Want == Down, "Stop does not want Down")
	}
}

// idle tells that nobody needs the child.
func (w *world) idle() {
	before := w.s
	w.feed(Idle{w.s.Cur.Gen})
	if w.p.Gated && before.Cur.serving() && before.Cur.Ready && before.Want == Up {
		w.require(w.s.Cur.Asked && !w.s.RestartAt.IsZero() && w.s.Restarts == before.Restarts, "idle, and goes on: %+v", w.s)
		return
	}
	w.require(w.s == before, "idle, which it cannot be: %+v", w.s)
}

// late tells news of a child of which all was told before.
func (w *world) late() {
	if len(w.spent) == 0 {
		return
	}
	gen := pick(w.r, w.spent...)
	before := w.s
	w.feed(pick[Input](w.r, Spawned{Gen: gen, PID: 9}, Ready{gen}, Exited{Gen: gen, Code: 1}, Empty{gen}, Drained{gen}, Restart{gen}, Reload{gen}, Idle{gen}))
	w.require(w.s == before, "late news of %d changed something", gen)
}

// wait lets time pass: a little, or until the alarm, on which the keeper owes a Tick.
func (w *world) wait() {
	d := w.s.Deadline(w.p)
	next := w.now.Add(pick(w.r, time.Millisecond, 50*time.Millisecond, time.Second, 40*time.Second))
	if w.r.IntN(2) == 0 && !d.IsZero() && d.After(w.now) {
		next = d
	}
	w.now = next
	if !d.IsZero() && !d.After(next) {
		before := w.s
		w.feed(Tick{})
		w.require(w.s != before, "a Tick at the deadline did nothing")
	} else if w.r.IntN(4) == 0 {
		before := w.s
		w.feed(Tick{})
		w.require(w.s == before, "a Tick before the deadline did something")
	}
}

// anyone returns a process that is not through, chosen by the seed alone.
func (w *world) anyone() *proc {
	gens := make([]uint64, 0, 4)
	for gen := max(w.s.LastGen, 8) - 8; gen <= w.s.LastGen; gen++ {
		if w.procs[gen] != nil {
			gens = append(gens, gen)
		}
	}
	if len(gens) == 0 {
		return nil
	}
	return w.procs[pick(w.r, gens...)]
}

// live lets something happen to one process.
func (w *world) live(p *proc) {
	r := w.r
	switch {
	case p.exited:
		if !p.survivors || w.obeys(p) {
			w.empty(p)
		}
	case !p.drains.IsZero() && p.termed.IsZero() && r.IntN(3) == 0:
		w.feed(Drained{p.gen})
	case p.pid == 0 && r.IntN(20) == 0:
		w.feed(Ready{p.gen}) // overtook Spawned
	case p.pid == 0 && r.IntN(4) > 0:
		w.spawn(p)
	case p.pid == 0:
		w.exit(p, Exited{Gen: p.gen, Err: "no such file"})
	case w.obeys(p):
		w.exit(p, Exited{Gen: p.gen, Signal: 2})
	case r.IntN(3) == 0:
		w.exit(p, Exited{Gen: p.gen, Code: r.IntN(8), Signal: pick(r, 0, 0, 11)})
	case r.IntN(8) == 0:
		w.feed(Spawned{Gen: p.gen, PID: p.pid + 5000}) // once more, and wrong
	default:
		w.feed(Ready{p.gen})
	}
}

// obeys reports whether the process, or what is left of it, ends because it was told to.
func (w *world) obeys(p *proc) bool {
	return !p.killed.IsZero() && p.immortal == 0 || !p.termed.IsZero() && !p.deaf
}

func (w *world) spawn(p *proc) {
	p.pid, p.since = int(p.gen)+1000, w.now
	w.feed(Spawned{Gen: p.gen, PID: p.pid})
}

func (w *world) exit(p *proc, in Exited) {
	p.exited = true
	w.feed(in)
	if w.through(p) {
		w.forget(p)
	}
}

func (w *world) empty(p *proc) {
	w.forget(p)
	w.feed(Empty{p.gen})
}

func (w *world) forget(p *proc) {
	delete(w.procs, p.gen)
	w.spent = append(w.spent, p.gen)
	if len(w.spent) > 16 {
		w.spent = w.spent[1:]
	}
}

// calm lets everybody behave, and time pass, until nothing is due. Then the last wish must have come true.
func (w *world) calm() {
	for range 300 {
		if p := w.restless(); p != nil {
			switch {
			case p.exited:
				w.empty(p)
			case p.pid == 0:
				w.spawn(p)
			default:
				w.exit(p, Exited{Gen: p.gen, Signal: 9})
			}
			continue
		}
		if w.s.Hold != Free {
			w.feed(Clear{})
			continue
		}
		d := w.s.Deadline(w.p)
		if d.IsZero() {
			w.rest()
			return
		}
		if d.After(w.now) {
			w.now = d
		}
		w.feed(Tick{})
	}
	w.require(false, "does not come to rest: %+v", w.s)
}

// restless returns the oldest process that will do something by itself.
func (w *world) restless() *proc {
	for gen := max(w.s.LastGen, 8) - 8; gen <= w.s.LastGen; gen++ {
		p := w.procs[gen]
		if p != nil && (p.pid == 0 || p.exited && !p.survivors || w.obeys(p)) {
			return p
		}
	}
	return nil
}

// rest checks that the last wish came true and every promise was kept.
func (w *world) rest() {
	s := w.s
	w.require(s.Old.Gen == 0 && !s.ReloadDue && s.RestartAt.IsZero(), "unfinished: %+v", s)
	switch {
	case s.Want == Gone:
		w.require(s.Done(), "not done: %+v", s)
	case s.Want == Down:
		w.require(s.Status() == statusStopped, "not stopped: %+v", s)
	case s.Cur.Gen == 0:
		w.require(s.GaveUp || !w.p.AutoRestart || len(w.p.StopExitCodes) > 0, "nobody lives: %+v", s)
	default:
		w.require(s.Status() == statusOnline, "not online: %+v", s)
	}
	if w.newer != 0 {
		w.require(s.LastGen > w.newer, "no newer child was ever spawned: %+v", s)
		w.require(!w.restart || s.Cur.Gen == 0 || s.Cur.Gen > w.newer, "a restart was undone: %+v", s)
	}
	w.require(s.Backoff == 0 || w.p.BackoffReset == 0 || s.Cur.Gen == 0, "back-off was never reset: %+v", s)
}
