package supervisor

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func TestLaneBoundsAndNobodyWaitsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane()
		var passes []*pass
		for range cap(l) {
			passes = append(passes, l.enter())
		}
		var entered atomic.Int32
		enter := func() {
			go func() { // ends when there is room, or patience is over
				l.enter().leave()
				entered.Add(1)
			}()
			synctest.Wait()
		}
		enter()
		assert.Zero(t, entered.Load())
		passes[0].leave()
		passes[0].leave() // counts once
		synctest.Wait()
		assert.EqualValues(t, 1, entered.Load())
		passes[0] = l.enter()
		enter()
		assert.EqualValues(t, 1, entered.Load(), "all is taken")
		time.Sleep(patience)
		synctest.Wait()
		assert.EqualValues(t, 2, entered.Load(), "those who hang stall nobody")
		for _, p := range passes {
			p.leave()
		}
		assert.Empty(t, l)
	})
}

// Launches are bounded, and not how many may be waiting to be ready.
func TestAllAreLaunchedBeforeAnyIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		specs := make([]app.Spec, 3*cap(f.lane))
		for i := range specs {
			specs[i] = app.Spec{Name: fmt.Sprint("a", i), Script: "/a", WaitReady: true, ListenTimeout: ptr(app.Duration(time.Minute))}
		}
		begin := time.Now()
		steps := f.start(specs...)
		assert.Empty(t, failed(steps))
		assert.Equal(t, time.Minute, time.Since(begin))
		for _, l := range f.w.launches() {
			assert.Equal(t, begin, l.at)
		}
		assert.Len(t, f.w.launches(), len(specs))
		assert.Empty(t, f.lane, "who was told has left")
		f.run(func(report func(app.Progress)) {
			f.Start(t.Context(), []app.Spec{{Name: "b", Script: "/b"}, {Name: "c", Script: "/c"}}, StartOptions{Detach: true}, report)
		})
		synctest.Wait()
		assert.Empty(t, f.lane, "also where nobody waits")
	})
}
