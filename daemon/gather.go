package daemon

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// gatherFor is how long what is streamed may wait for more to come: nobody reads faster.
const gatherFor = 10 * time.Millisecond

// gathered streams values as lines does, but what comes in a burst goes out together: the start of a thousand services has
// two thousand steps, and each that is sent alone wakes the front end up.
type gathered[T any] struct {
	mu    sync.Mutex
	enc   *json.Encoder
	flush func() error
	last  time.Time   // of the last flush
	timer *time.Timer // of the next one; nil when nothing waits for it
	over  bool
}

func gather[T any](w http.ResponseWriter) *gathered[T] {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &gathered[T]{enc: enc, flush: http.NewResponseController(w).Flush}
}

// send sends a value, soon. To a peer that is gone it is lost, and the work goes on.
func (g *gathered[T]) send(v T) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over || g.enc.Encode(v) != nil || g.timer != nil {
		return
	}
	if wait := gatherFor - time.Since(g.last); wait > 0 {
		g.timer = time.AfterFunc(wait, g.late)
		return
	}
	_ = g.flush()
	g.last = time.Now()
}

func (g *gathered[T]) late() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	if g.over {
		return
	}
	_ = g.flush()
	g.last = time.Now()
}

// end leaves what waits to the end of the answer. It must come before that: the answer is not to be written to after.
func (g *gathered[T]) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	if g.timer != nil {
		g.timer.Stop()
	}
}
