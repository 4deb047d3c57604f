package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/daemon/anchor"
)

func TestMemoryIsGivenBackWhenItIsCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d tidy
		defer d.stop()
		began := time.Now()
		runs := func() time.Duration { // when the heap was last collected
			synctest.Wait()
			d.mu.Lock()
			defer d.mu.Unlock()
			return max(d.last.Sub(began), 0)
		}
		for range 10 { // a burst: not in the middle of it
			d.soon()
			time.Sleep(calm / 2)
			assert.Zero(t, runs())
		}
		time.Sleep(calm)
		first := runs()
		assert.NotZero(t, first)

		for range 5 { // little things: not so often
			d.sometime()
			time.Sleep(2 * calm)
			assert.Equal(t, first, runs())
		}
		time.Sleep(rest)
		d.sometime()
		time.Sleep(2 * calm)
		assert.Greater(t, runs(), first)
	})
}

func TestProgramRunsOnWithoutItsPages(t *testing.T) {
	anchor.ReleaseProgram()
	assert.Equal(t, "all is well", "all "+"is "+"well")
}
