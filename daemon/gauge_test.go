package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestGaugeIsReadAheadWhileSomebodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		g := gauge[int]{read: func() int { reads++; return reads }}
		assert.Equal(t, 1, g.get())
		assert.Equal(t, 1, g.get(), "fresh")
		time.Sleep(gaugeEvery + time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 2, reads, "nobody had to ask for it")
		assert.Equal(t, 2, g.get())
		assert.Equal(t, 2, reads)

		time.Sleep(time.Hour)
		synctest.Wait()
		silent := reads
		assert.LessOrEqual(t, silent, 3+int(gaugeIdle/gaugeEvery), "it does not go on for nobody")
		assert.Equal(t, silent+1, g.get(), "what is that old is not shown")

		g.clear()
		assert.Equal(t, silent+2, g.get())
		g.stop()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, silent+2, reads)
	})
}
