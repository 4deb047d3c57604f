package supervisor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// ask gives the keeper an input and returns when until holds for what came of it, when the keeper has ended, or with ctx.
// One that was told this part of an operation before is only waited for.
// until gets the newest incarnation from before the input, which ask returns.
func (k *keeper) ask(ctx context.Context, in lifecycle.Input, until func(*lifecycle.State, uint64) bool) (gen uint64, err error) {
	return k.askBy(ctx, in, until, nil)
}

// askBy is ask by a pass, which is left when the input has been worked on.
func (k *keeper) askBy(ctx context.Context, in lifecycle.Input, until func(*lifecycle.State, uint64) bool, by *pass) (gen uint64, err error) {
	j := &join{until: until, done: make(chan struct{})}
	p := partOf(ctx)
	if gen, told := p.has(k); told {
		j.gen = gen
		k.mail.put(j)
	} else {
		k.mail.put(tell{in: in, by: true, cause: causeOf(ctx), join: j, part: p, pass: by})
	}
	return k.await(ctx, j)
}

// nudge gives the keeper an input that nobody waits for.
func (k *keeper) nudge(ctx context.Context, in lifecycle.Input) { k.nudgeBy(ctx, in, nil) }

func (k *keeper) nudgeBy(ctx context.Context, in lifecycle.Input, by *pass) {
	p := partOf(ctx)
	if _, told := p.has(k); told {
		by.leave()
		return
	}
	k.mail.put(tell{in: in, by: true, cause: causeOf(ctx), part: p, pass: by})
}

// sync returns when the keeper has done what was put into its mailbox so far.
func (k *keeper) sync() {
	j := &join{until: func(*lifecycle.State, uint64) bool { return true }, done: make(chan struct{})}
	k.mail.put(j)
	k.await(context.Background(), j) // ends with the keeper at the latest
}

func (k *keeper) await(ctx context.Context, j *join) (gen uint64, err error) {
	select {
	case <-j.done:
		return j.gen, nil
	case <-k.done:
		return 0, nil
	case <-ctx.Done():
		v := k.view.Load()
		return 0, fmt.Errorf("wait for %s (%d), which is %s: %w", v.Name, k.id, v.Status, ctx.Err())
	}
}

// The conditions that callers wait for.

// never holds only when the keeper has ended.
func never(*lifecycle.State, uint64) bool { return false }

// resting holds when nothing of the process is left and nothing will come by itself.
func resting(s *lifecycle.State) bool {
	return s.Cur.Gen == 0 && s.Old.Gen == 0 && s.RestartAt.IsZero()
}

// stopped holds when nothing is left of what was there up to gen. Somebody else may have it started again meanwhile.
func stopped(s *lifecycle.State, gen uint64) bool {
	return resting(s) || s.Cur.Gen > gen && s.Old.Gen == 0
}

// renewed holds when an incarnation newer than gen is ready, or has ended without being; after a reload that failed the
// one before it is current again.
func renewed(s *lifecycle.State, gen uint64) bool {
	if s.Cur.Gen > gen {
		return s.Cur.Ready || s.Cur.Dead
	}
	if s.Hold == lifecycle.Blocked || s.Hold == lifecycle.Asleep { // as far as it comes without somebody's doing
		return true
	}
	return s.LastGen > gen || resting(s)
}

// reloaded is renewed once the one from before has left too: what was asked for is that nothing old serves.
func reloaded(s *lifecycle.State, gen uint64) bool {
	return renewed(s, gen) && (s.Old.Gen == 0 || s.Old.Gen > gen || s.Cur.Gen <= gen)
}

// up holds when any incarnation is ready and well, or a newer one than gen has ended without being.
func up(s *lifecycle.State, gen uint64) bool {
	return s.Cur.Ready && !s.Cur.Dying() || renewed(s, gen)
}

// outcome says whether the process came up, given that it is renewed or up since gen.
func (k *keeper) outcome(gen uint64) error {
	select {
	case <-k.done:
		return errGone
	default:
	}
	s, v := k.life.Load(), k.view.Load()
	x := v.Exit
	if s.Unready > gen && s.Cur.Gen != 0 && s.Cur.Gen <= gen {
		return fmt.Errorf("reload of %s failed, the process from before goes on: %s", v.Name, notReady(k.sup.opts.Defaults.policy(v.Spec).ReloadTimeout))
	}
	if x != nil && x.Gen > gen && s.Cur.Gen != 0 && s.Cur.Gen <= gen {
		return fmt.Errorf("reload of %s failed, the process from before goes on: %s", v.Name, orElse(reasonOf(x), "exited with code 0"))
	}
	if s.Cur.Ready && !s.Cur.Dying() {
		return nil
	}
	if s.Want != lifecycle.Up {
		return fmt.Errorf("%s was stopped meanwhile", v.Name)
	}
	if s.Hold == lifecycle.Blocked {
		return fmt.Errorf("%s is not started: %s", v.Name, v.Reason)
	}
	if x != nil && x.Gen > gen {
		if x.Err != "" {
			return errors.New(x.Err)
		}
		if v.Spec.WaitReady || v.Spec.Health.WaitsReady() {
			return fmt.Errorf("%s ended before it was ready: %s", v.Name, orElse(v.Reason, "exited with code 0"))
		}
	}
	return nil // it ran; what became of it is in the list
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// each runs do for every keeper, at most parallel at a time, and returns the first error; after an error no further one
// is begun.
func (s *Supervisor) each(ctx context.Context, keepers []*keeper, parallel int, do func(*keeper) error) error {
	if parallel <= 1 || len(keepers) <= 1 {
		for _, k := range keepers {
			if err := do(k); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
		stop  = make(chan struct{})
		slots = make(chan struct{}, parallel)
	)
	for _, k := range keepers {
		select {
		case <-stop:
			wg.Wait()
			return first
		case slots <- struct{}{}:
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := do(k); err != nil {
				once.Do(func() { first = err; close(stop) })
			}
		})
	}
	wg.Wait()
	return first
}

// reporter makes report safe for concurrent use and counts failures.
type reporter struct {
	mu       sync.Mutex
	report   func(app.Progress)
	failures int
}

func (r *reporter) send(p app.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Step == app.StepFailed {
		r.failures++
	}
	r.report(p)
}

// end reports the last step, after having the desired list written: success is not told before it is durable.
func (r *reporter) end(s *Supervisor, changed bool) {
	if changed {
		if err := s.persist(); err != nil {
			r.send(app.Progress{Step: app.StepWarn, ID: -1, Message: "state not durable: " + err.Error()})
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report(app.Progress{Step: app.StepEnd, ID: -1, Failures: r.failures})
}

// newUUID returns a random UUID, version 4.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
