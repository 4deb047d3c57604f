package logs

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weaver/app"
)

// FollowOptions says what a follower wants to see.
type FollowOptions struct {
	// Match selects pipes; nil is all. It must be quick, and must not call the engine.
	Match func(id app.ID, name, namespace string, s app.Stream) bool
	// Buffer is how many lines may wait for a slow reader; 1024 when 0. What waits is also limited to 4 MiB.
	Buffer int
}

// followBytes bounds what waits for one follower, in bytes of text.
const followBytes = 4 << 20

// Follow returns the lines that are printed from now on, in the order in which they reach the files. A reader that is
// too slow loses the oldest lines that wait for it: the next line it gets says in Missed how many. The channel closes
// when ctx ends; or when the engine is closed, after what waits has been read.
func (e *Engine) Follow(ctx context.Context, o FollowOptions) <-chan app.Line {
	f := &follower{match: o.Match, buffer: o.Buffer, wake: make(chan struct{}, 1)}
	if f.match == nil {
		f.match = func(app.ID, string, string, app.Stream) bool { return true }
	}
	if f.buffer <= 0 {
		f.buffer = 1024
	}
	e.hub.add(f)
	ch := make(chan app.Line)
	go func() { // ends with ctx, or when the hub has closed and the queue is empty
		defer close(ch)
		defer e.hub.remove(f)
		f.feed(ctx, ch)
	}()
	return ch
}

// hub knows the followers.
type hub struct {
	mu        sync.Mutex
	followers []*follower
	closed    bool
	// version changes with followers, so that a pipe can remember who wants it.
	version atomic.Uint64
}

func (h *hub) add(f *follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.ending = h.closed
	h.followers = append(h.followers, f)
	h.version.Add(1)
}

func (h *hub) remove(f *follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.followers = slices.DeleteFunc(h.followers, func(g *follower) bool { return g == f })
	h.version.Add(1)
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, f := range h.followers {
		f.end()
	}
}

// wanting returns the followers of a pipe.
func (h *hub) wanting(o *origin) []*follower {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*follower
	for _, f := range h.followers {
		if f.match(o.ID, o.Name, o.Namespace, o.Stream) {
			out = append(out, f)
		}
	}
	return out
}

// follower is one reader with its queue.
type follower struct {
	match  func(app.ID, string, string, app.Stream) bool
	buffer int
	wake   chan struct{}

	mu     sync.Mutex
	queue  []app.Line // queue[head:] waits
	head   int
	bytes  int
	missed int // lines dropped before queue[head]
	ending bool
}

// publish queues the pieces of in, which became the pieces of out, which lie at the end of the file before at.
func (f *follower) publish(o *origin, in, out []byte, plain bool, now time.Time, at app.Place) {
	at.End -= int64(len(out))
	f.mu.Lock()
	for len(in) > 0 {
		raw, text := nextPiece(in), nextPiece(out)
		in, out = in[len(raw):], out[len(text):]
		l := app.Line{At: now, ID: o.ID, Name: o.Name, Namespace: o.Namespace, Stream: o.Stream}
		l.Text = string(bytes.TrimSuffix(text, []byte{'\n'}))
		if at.End += int64(len(text)); at.File != "" && at.End-int64(len(text)) >= 0 { // else it is in a file before that one
			l.Place = at
		}
		if !plain {
			l.Raw = string(bytes.TrimSuffix(raw, []byte{'\n'}))
		}
		f.push(l)
	}
	f.mu.Unlock()
	f.poke()
}

func (f *follower) push(l app.Line) {
	size := len(l.Text) + len(l.Raw)
	for f.head < len(f.queue) && (len(f.queue)-f.head >= f.buffer || f.bytes+size > followBytes) {
		f.missed++
		f.pop()
	}
	if f.head > len(f.queue)/2 && len(f.queue) == cap(f.queue) { // use the room at the front before growing
		n := copy(f.queue, f.queue[f.head:])
		clear(f.queue[n:])
		f.queue, f.head = f.queue[:n], 0
	}
	f.queue = append(f.queue, l)
	f.bytes += size
}

// pop takes the oldest line. There must be one.
func (f *follower) pop() app.Line {
	l := f.queue[f.head]
	f.queue[f.head] = app.Line{}
	f.head++
	f.bytes -= len(l.Text) + len(l.Raw)
	if f.head == len(f.queue) {
		f.queue, f.head = f.queue[:0], 0
	}
	return l
}

// take returns the next line, if there is one, and whether there will never be another.
func (f *follower) take() (l app.Line, ok, over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head == len(f.queue) {
		return l, false, f.ending
	}
	l = f.pop()
	l.Missed, f.missed = f.missed, 0
	return l, true, false
}

func (f *follower) feed(ctx context.Context, ch chan<- app.Line) {
	for {
		l, ok, over := f.take()
		switch {
		case over:
			return
		case ok:
			select {
			case ch <- l:
			case <-ctx.Done():
				return
			}
		default:
			select {
			case <-f.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *follower) end() {
	f.mu.Lock()
	f.ending = true
	f.mu.Unlock()
	f.poke()
}

func (f *follower) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
