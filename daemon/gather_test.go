package daemon

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// flushes is a response whose flushes are counted.
type flushes struct {
	*httptest.ResponseRecorder
	n    atomic.Int32
	seen atomic.Pointer[string] // as of the last flush
}

func (f *flushes) FlushError() error {
	f.n.Add(1)
	text := f.Body.String()
	f.seen.Store(&text)
	return nil
}

var _ http.ResponseWriter = (*flushes)(nil)

func TestBurstGoesOutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flushes{ResponseRecorder: httptest.NewRecorder()}
		g := gather[int](f)
		g.send(0)
		assert.Equal(t, "0\n", *f.seen.Load(), "the first goes out at once")
		for i := range 1000 {
			g.send(i)
		}
		assert.EqualValues(t, 1, f.n.Load())
		time.Sleep(gatherFor)
		synctest.Wait()
		assert.EqualValues(t, 2, f.n.Load())
		assert.Equal(t, 1001, strings.Count(*f.seen.Load(), "\n"), "nothing waits longer than that")

		time.Sleep(gatherFor)
		g.send(1)
		assert.EqualValues(t, 3, f.n.Load(), "after a pause it is at once again")
		g.send(2)
		g.end()
		g.send(3)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 3, f.n.Load(), "the answer is over")
		assert.True(t, strings.HasSuffix(f.Body.String(), "1\n2\n"))
	})
}
