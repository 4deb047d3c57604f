package daemon

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestGaugeIsReadAheadWhileSomebodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		g := gauge[int]{read: func() int { return int(reads.Add(1)) }}
		assert.Equal(t, 1, g.get())
		assert.Equal(t, 1, g.get(), "fresh")
		time.Sleep(gaugeEvery + time.Millisecond)
		synctest.Wait()
		assert.EqualValues(t, 2, reads.Load(), "nobody had to ask for it")
		assert.Equal(t, 2, g.get())
		assert.EqualValues(t, 2, reads.Load())

		time.Sleep(time.Hour)
		synctest.Wait()
		silent := int(reads.Load())
		assert.LessOrEqual(t, silent, 3+int(gaugeIdle/gaugeEvery), "it does not go on for nobody")
		assert.Equal(t, silent+1, g.get(), "what is that old is not shown")

		g.clear()
		assert.Equal(t, silent+2, g.get())
		g.stop()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.EqualValues(t, silent+2, reads.Load())
	})
}
