package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMemoryIsGivenBackWhenItIsCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d tidy
		defer d.stop()
		runs := func() time.Time { synctest.Wait(); d.mu.Lock(); defer d.mu.Unlock(); return d.last }
		for range 10 { // a burst: not in the middle of it
			d.soon()
			time.Sleep(calm / 2)
			assert.Zero(t, runs())
		}
		time.Sleep(calm)
		first := runs()
		assert.NotZero(t, first)

		for range 50 { // somebody asks all the time
			d.sometime()
			time.Sleep(time.Second)
			assert.Equal(t, first, runs())
		}
		time.Sleep(rest)
		assert.Equal(t, rest, runs().Sub(first))
	})
}

func TestProgramRunsOnWithoutItsPages(t *testing.T) {
	releaseProgram()
	assert.Equal(t, "all is well", "all "+"is "+"well")
}
