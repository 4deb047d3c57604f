package supervisor

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// lane bounds how many new processes an operation has launched at a time. A machine launches no more of them than it has
// processors, and the start of a thousand services would else have thousands of goroutines, each with a stack that is scanned
// at every collection, waiting for their turn.
//
// It bounds launches, not waiting to be ready: who has launched makes room. And as a launch may hang, nobody waits for ever.
type lane chan struct{}

func newLane() lane { return make(lane, 4*runtime.GOMAXPROCS(0)) }

// pass is the right to launch one. Nil is the right of those whom nobody counts.
type pass struct {
	lane lane
	left atomic.Bool
}

// enter waits for room, or until it has waited long enough.
func (l lane) enter() *pass {
	select {
	case l <- struct{}{}:
		return &pass{lane: l}
	default:
	}
	clock := time.NewTimer(patience)
	defer clock.Stop()
	select {
	case l <- struct{}{}:
		return &pass{lane: l}
	case <-clock.C:
		return nil
	}
}

// leave makes room, once.
func (p *pass) leave() {
	if p != nil && p.left.CompareAndSwap(false, true) {
		<-p.lane
	}
}

// raising has new processes come up.
type raising struct {
	lane lane
	r    *reporter
	wg   sync.WaitGroup
}

// raising has new processes come up, and reports on r.
func (s *Supervisor) raising(r *reporter) *raising { return &raising{lane: s.lane, r: r} }

// wait returns when all have come up, or failed to.
func (g *raising) wait() { g.wg.Wait() }

// all starts processes, all at once, and reports those that did not come up. then is called if all did. It returns when they
// are under way, which is soon.
func (g *raising) all(ctx context.Context, keepers []*keeper, detach bool, then func()) {
	errs := make([]error, len(keepers))
	var left atomic.Int64
	left.Store(int64(len(keepers)))
	for i, k := range keepers {
		by := g.lane.enter()
		g.wg.Go(func() {
			errs[i] = k.raiseBy(ctx, lifecycle.Start{}, detach, by)
			if !detach {
				by.leave() // at the latest
			}
			if left.Add(-1) == 0 {
				g.over(keepers, errs, then)
			}
		})
	}
}

func (g *raising) over(keepers []*keeper, errs []error, then func()) {
	ok := true
	for i, err := range errs {
		if err != nil {
			ok = false
			k := keepers[i]
			g.r.send(app.Progress{Step: app.StepFailed, ID: k.id, Name: k.view.Load().Name, Kind: "failed", Message: err.Error()})
		}
	}
	if ok {
		then()
	}
}
