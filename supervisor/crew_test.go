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

// What is left for later is done, all of it, though nothing else is ever given.
func TestChoresAreDoneInTheEndAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		var done atomic.Int32
		for range 100 {
			c.later(func() { done.Add(1) })
		}
		synctest.Wait()
		assert.EqualValues(t, 100, done.Load())
		release := make(chan struct{})
		for range runtime.GOMAXPROCS(0) + 2 { // all members busy
			go c.do(func() { <-release })
		}
		synctest.Wait()
		c.later(func() { done.Add(1) })
		synctest.Wait()
		assert.EqualValues(t, 100, done.Load(), "it waits for a member")
		close(release)
		synctest.Wait()
		assert.EqualValues(t, 101, done.Load())
		c.later(func() { done.Add(1) })
		c.close()
		assert.EqualValues(t, 102, done.Load(), "close leaves nothing undone")
	})
}
