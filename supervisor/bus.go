package supervisor

import (
	"context"
	"sync"
	"time"

	"weaver/app"
)

// history is how many events are kept for those who come late, and for `describe`.
const history = 512

// bus spreads events. A slow reader misses some, which the gap in Seq tells it, and blocks nobody.
type bus struct {
	mu   sync.Mutex
	seq  uint64
	ring []app.Event // the last ones, oldest first once full: at (seq % history)
	subs map[chan app.Event]struct{}
}

func newBus() *bus { return &bus{subs: make(map[chan app.Event]struct{})} }

func (b *bus) publish(e app.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	e.Seq = b.seq
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if len(b.ring) < history {
		b.ring = append(b.ring, e)
	} else {
		b.ring[(b.seq-1)%history] = e
	}
	for c := range b.subs {
		select {
		case c <- e:
		default: // it sees the gap
		}
	}
}

// subscribe returns events as they come, after those kept that are newer than since. The channel closes with ctx.
func (b *bus) subscribe(ctx context.Context, since uint64) <-chan app.Event {
	c := make(chan app.Event, history+64)
	b.mu.Lock()
	if since > 0 {
		for _, e := range b.recentLocked(nil) {
			if e.Seq > since {
				c <- e
			}
		}
	}
	b.subs[c] = struct{}{}
	b.mu.Unlock()
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subs, c)
		close(c)
	})
	return c
}

// recent returns the events kept that want accepts, oldest first.
func (b *bus) recent(want func(*app.Event) bool) []app.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.recentLocked(want)
}

func (b *bus) recentLocked(want func(*app.Event) bool) []app.Event {
	var out []app.Event
	start := 0
	if len(b.ring) == history {
		start = int(b.seq % history)
	}
	for i := range b.ring {
		e := b.ring[(start+i)%len(b.ring)]
		if want == nil || want(&e) {
			out = append(out, e)
		}
	}
	return out
}
