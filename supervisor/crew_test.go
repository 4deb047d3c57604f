package supervisor

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func TestCrewBoundsLaunches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		defer c.close()
		var now, most atomic.Int32
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				c.do(func() {
					n := now.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					now.Add(-1)
				})
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, int(most.Load()), max(2, runtime.GOMAXPROCS(0)))
		assert.EqualValues(t, 200, c.finished.Load())
	})
}

func TestStuckLaunchesStallNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		defer c.close()
		stuck := make(chan struct{})
		var wg sync.WaitGroup
		for range 50 { // many more than the crew has members
			wg.Go(func() { c.do(func() { <-stuck }) })
		}
		synctest.Wait()
		done := false
		c.do(func() { done = true }) // would deadlock, which synctest tells
		assert.True(t, done)
		close(stuck)
		wg.Wait()
	})
}
