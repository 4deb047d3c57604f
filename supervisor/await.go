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

// await returns when until holds for the keeper's state, when the keeper has ended, or with ctx. A nil until waits for
// the end.
func (k *keeper) await(ctx context.Context, until func(*lifecycle.State) bool) error {
	j := join{until: until, done: make(chan struct{})}
	k.mail.put(j)
	select {
	case <-j.done:
	case <-k.done:
	case <-ctx.Done():
		v := k.view.Load()
		return fmt.Errorf("wait for %s (%d), which is %s: %w", v.Name, k.id, v.Status, ctx.Err())
	}
	return nil
}

// resting holds when nothing of the process is left and nothing will come by itself.
func resting(s *lifecycle.State) bool {
	return s.Cur.Gen == 0 && s.Old.Gen == 0 && s.RestartAt.IsZero()
}

// settled holds when an incarnation newer than gen is ready, or has ended without being.
func settled(gen uint64) func(*lifecycle.State) bool {
	return func(s *lifecycle.State) bool {
		if s.Cur.Gen > gen {
			return s.Cur.Ready || s.Cur.Dead
		}
		return s.LastGen > gen && s.Cur.Gen == 0 || resting(s)
	}
}

// outcome says whether the incarnation after gen came up, given that it is settled.
func (k *keeper) outcome(gen uint64) error {
	s, v := k.life.Load(), k.view.Load()
	if s.Want != lifecycle.Up && s.Cur.Gen <= gen {
		return fmt.Errorf("%s was stopped meanwhile", v.Name)
	}
	if s.Cur.Gen > gen && s.Cur.Ready {
		return nil
	}
	if x := v.Exit; x != nil && x.Gen > gen {
		if x.Err != "" {
			return errors.New(x.Err)
		}
		if v.Spec.WaitReady {
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
