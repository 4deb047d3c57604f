package supervisor

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
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
	hear map[chan app.Event]struct{} // those of subs that want to know what programs say

	listeners atomic.Int32 // len(hear), for those who say
}

// newBus begins to number events after first, or some before that.
func newBus(first uint64) *bus {
	return &bus{seq: first / history * history, subs: make(map[chan app.Event]struct{}), hear: make(map[chan app.Event]struct{})}
}

// publish numbers and dates an event, and tells it to all.
func (b *bus) publish(e app.Event) app.Event {
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
	return e
}

// What programs say fills at most so much of a reader's queue: there is always room for what happens to them.
const (
	chatter     = 256
	longChatter = 16       // as long as a message may be, this many are much
	long        = 64 << 10 // bytes
)

// say spreads what a program said. It is not remembered, and has the number of the event before it. data is copied, if
// anybody listens.
func (b *bus) say(e app.Event, data []byte) {
	if b.listeners.Load() == 0 {
		return
	}
	e.Data, e.At = slices.Clone(data), time.Now()
	room := chatter
	if len(data) > long {
		room = longChatter
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Seq = b.seq
	for c := range b.hear {
		if len(c) < room {
			c <- e
		}
	}
}

// subscribe returns events as they come, after those kept that are newer than since. The channel closes with ctx.
func (b *bus) subscribe(ctx context.Context, since uint64, messages bool) <-chan app.Event {
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
	if messages {
		b.hear[c] = struct{}{}
		b.listeners.Store(int32(len(b.hear)))
	}
	b.mu.Unlock()
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subs, c)
		delete(b.hear, c)
		b.listeners.Store(int32(len(b.hear)))
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
