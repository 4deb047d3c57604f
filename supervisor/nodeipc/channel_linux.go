package nodeipc

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Channel is our end of one child's IPC.
type Channel struct {
	x     *Exchange
	id    uint64 // in the exchange
	hooks Hooks
	kind  framing

	mu       sync.Mutex
	fd       int
	closed   bool
	urgent   []frame // answers to handles: they overtake
	queue    []frame
	queued   int    // bytes in queue
	rest     []byte // of the frame that is being written
	awaited  *frame // the handle that was sent and is not acknowledged
	tries    int
	late     *frame // a probe that was given up; its answer may still come
	knows    bool   // the child answers to handles
	wantsOut bool
	muted    bool // it is read by the clock

	endsItself atomic.Bool

	// Of the exchange's goroutine.
	acted int // bytes of the window that were acted on, and are still in the socket
	hup   bool
	long  []byte // what was taken so far of a frame longer than the window
	left  int    // what is still to come of it, if that is known
	skip  bool   // it is too long, and dropped
	talk  talk
}

// frame is one to be sent.
type frame struct {
	raw     []byte // as it is sent
	fd      int    // goes with it; -1 is none
	release func() // when fd is not needed any more
	probe   func() // called when the child has answered; it is a handle without a descriptor then
}

// plain reports whether nothing has to be answered to it.
func (f *frame) plain() bool { return f.fd < 0 && f.probe == nil }

func (f *frame) drop() {
	if f.release != nil {
		f.release()
		f.release = nil
	}
}

// Open makes a channel and returns the child's end of it too, which is the caller's to close.
func (x *Exchange) Open(h Hooks) (c *Channel, child int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, fmt.Errorf("open an IPC channel: %w", err)
	}
	roomy(fds[1])
	if c, err = x.Adopt(fds[0], h); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, -1, err
	}
	return c, fds[1], nil
}

// room is how much of a child's messages the kernel keeps until they are read, counted with the kernel's own 700 bytes and
// more for each. By default that is 277 short ones, and each that does not fit costs Node twice the time.
const room = 1 << 20

// roomy lets a child send more before it has to wait. The system's limit holds for whoever is not root.
func roomy(fd int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, room) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, room) // it works without, only slower
	}
}

// Adopt makes a channel of a descriptor that was one before, which it owns from then on if there is no error.
func (x *Exchange) Adopt(fd int, h Hooks) (*Channel, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("serve an IPC channel: %w", err)
	}
	c := &Channel{x: x, hooks: h, fd: fd, kind: lines}
	if h.Advanced {
		c.kind = values
	}
	c.mu.Lock() // its first event may come before its id is known
	defer c.mu.Unlock()
	var err error
	c.id, err = x.watch(fd, reading, c)
	if err != nil {
		return nil, fmt.Errorf("serve an IPC channel: %w", err)
	}
	return c, nil
}

// Edges: what lies in the socket unanswered must not be told again and again.
const reading = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// Send gives the child a message, one JSON text. It does not wait: what the child does not read yet is kept, within bounds.
func (c *Channel) Send(raw []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.push(frame{raw: raw, fd: -1})
}

// Queue is Send for who has more to send, and flushes then.
func (c *Channel) Queue(raw []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.enqueue(frame{raw: raw, fd: -1})
}

// Flush sends what has been queued.
func (c *Channel) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
}

// sendHandle gives the child a descriptor with an internal message. release is called when it was taken, or never will be.
func (c *Channel) sendHandle(kind string, inner []byte, fd int, release func()) error {
	f := frame{raw: withHandle(kind, inner), fd: fd, release: release}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.push(f)
	if err != nil {
		f.drop()
	}
	return err
}

// probe has answered called when the child reads what it is sent: a handle without a descriptor, which Node says it has not
// got and otherwise ignores. No handle may be on its way at the same time: in what Node reads at once there must be one at most.
func (c *Channel) probe(answered func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.knows {
		return ErrUnsupported
	}
	return c.push(frame{raw: withHandle(netHandle, []byte(`{"cmd":"NODE_WEAVER_PROBE"}`)), fd: -1, probe: answered})
}

// trust notes that the child answered to handles before.
func (c *Channel) trust() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.knows = true
}

// giveUp has what waits behind a probe go on: the child does not know what to say to it.
func (c *Channel) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.awaited != nil && c.awaited.probe != nil {
		c.late, c.awaited, c.knows = c.awaited, nil, false
		c.flush()
	}
}

// push queues a frame and sends what can be sent. Call it with mu held.
func (c *Channel) push(f frame) error {
	err := c.enqueue(f)
	if err == nil {
		c.flush()
	}
	return err
}

// enqueue queues a frame. Call it with mu held.
func (c *Channel) enqueue(f frame) error {
	if c.closed {
		return ErrClosed
	}
	var err error
	if f.raw, err = c.kind.pack(f.raw); err != nil {
		return fmt.Errorf("send an IPC message: %w", err)
	}
	full := func() bool { return c.queued > 0 && c.queued+len(f.raw) > MaxQueue }
	if full() {
		if c.flush(); full() {
			return ErrFull
		}
	}
	c.queue = append(c.queue, f)
	c.queued += len(f.raw)
	return nil
}

// flush writes as much as the socket takes. Call it with mu held.
func (c *Channel) flush() {
	for !c.closed {
		if len(c.rest) > 0 {
			n, err := unix.SendmsgN(c.fd, c.rest, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
			if !c.wrote(n, err) {
				return
			}
			continue
		}
		switch {
		case len(c.urgent) > 0:
			c.rest, c.urgent = c.urgent[0].raw, c.urgent[1:]
		case len(c.queue) == 0 || c.awaited != nil:
			c.want(false)
			return
		case c.queue[0].plain():
			c.rest = c.next()
		case !c.hand():
			return
		}
	}
}

// next takes frames off the queue, as many as one write is worth.
func (c *Channel) next() []byte {
	b := c.queue[0].raw
	c.advance()
	if len(c.queue) == 0 || !c.queue[0].plain() {
		return b
	}
	b = append(make([]byte, 0, min(window, len(b)+c.queued)), b...)
	for len(c.queue) > 0 && c.queue[0].plain() && len(b)+len(c.queue[0].raw) <= window {
		b = append(b, c.queue[0].raw...)
		c.advance()
	}
	return b
}

// hand sends the first of the queue, which the child answers, with its descriptor, which travels with the first byte. It returns false if the
// socket takes nothing now.
func (c *Channel) hand() bool {
	f := c.queue[0]
	var rights []byte
	if f.fd >= 0 {
		rights = unix.UnixRights(f.fd)
	}
	n, err := unix.SendmsgN(c.fd, f.raw, rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	if n > 0 {
		c.advance()
		c.awaited, c.rest = &f, f.raw
	}
	return c.wrote(n, err)
}

// advance takes the first frame off the queue.
func (c *Channel) advance() {
	c.queued -= len(c.queue[0].raw)
	c.queue[0] = frame{}
	c.queue = c.queue[1:]
	if len(c.queue) == 0 {
		c.queue = nil
	}
}

// wrote notes what a write did; false if the socket takes no more now.
func (c *Channel) wrote(n int, err error) bool {
	switch {
	case n > 0:
		c.rest = c.rest[n:]
		return true
	case errors.Is(err, unix.EINTR):
		return true
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ETOOMANYREFS):
		c.want(true)
	default: // the child is gone, as reading will tell
		c.abandon()
	}
	return false
}

// want has the exchange tell when the socket takes more.
func (c *Channel) want(out bool) {
	if out == c.wantsOut || c.closed {
		return
	}
	c.wantsOut = out
	c.arm()
}

// mute has the exchange tell of what comes, or not. It returns false if the channel is closed.
func (c *Channel) mute(yes bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.muted = yes
	c.arm()
	return true
}

// arm says what the exchange tells of. Call it with mu held.
func (c *Channel) arm() {
	events := uint32(reading)
	if c.muted {
		events = unix.EPOLLET // and the end
	}
	if c.wantsOut {
		events |= unix.EPOLLOUT
	}
	_ = c.x.rearm(c.fd, events, c.id) // a set that is closed serves nobody
}

// abandon drops what waits to be sent.
func (c *Channel) abandon() {
	if c.awaited != nil {
		c.awaited.drop()
	}
	for i := range c.queue {
		c.queue[i].drop()
	}
	c.urgent, c.queue, c.queued, c.rest, c.awaited = nil, nil, 0, nil, nil
}

// acknowledged is the child's answer to a handle.
func (c *Channel) acknowledged(got bool) {
	c.mu.Lock()
	f := c.awaited
	switch late := c.late; {
	case late != nil && !got: // to what was sent first: it is no refusal of a handle
		f, c.late, c.knows = late, nil, true
	case f != nil:
		c.late = nil
		c.took(f, got)
	}
	c.mu.Unlock()
	if f != nil && f.probe != nil {
		f.probe()
	}
}

// took notes an answer. Call it with mu held.
func (c *Channel) took(f *frame, got bool) {
	c.awaited = nil
	c.knows = true
	if f.probe != nil {
		c.flush()
		return
	}
	c.tries++
	if !got && c.tries < attempts {
		c.queue = append([]frame{*f}, c.queue...)
		c.queued += len(f.raw)
	} else {
		c.tries = 0
		f.drop()
	}
	c.flush()
}

// answer sends what overtakes: an un-acknowledged handle of ours must not hold up the child's.
func (c *Channel) answer(raw string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, err := c.kind.pack([]byte(raw)); err == nil && len(c.urgent) < 64 { // a child that never reads gets no more
		c.urgent = append(c.urgent, frame{raw: b, fd: -1})
	}
	c.flush()
}

// settled reports whether everything that was to be sent has been.
func (c *Channel) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) == 0 && len(c.urgent) == 0 && len(c.rest) == 0 && c.awaited == nil
}

// Close ends the channel for both sides, whoever else has copies of its ends. Closed is called soon.
func (c *Channel) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // the exchange sees the end, and closes
	}
}

// drop is Close without an end for others, once the exchange is over.
func (c *Channel) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandon()
	c.closed = true
	unix.Close(c.fd)
}

// EndsItself reports that the child has said that, once the channel is closed, it ends as if it were sent the message for that.
func (c *Channel) EndsItself() bool { return c.endsItself.Load() }

// FD returns the descriptor of our end, for who keeps a copy of it; it is open until Closing is called. -1 if it is not.
func (c *Channel) FD() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return -1
	}
	return c.fd
}

// shut is the end of the channel.
func (c *Channel) shut() {
	if c.hooks.Closing != nil {
		c.hooks.Closing()
	}
	c.mu.Lock()
	c.abandon()
	c.closed = true
	c.x.forget(c.fd, c.id)
	unix.Close(c.fd)
	c.mu.Unlock()
	if c.hooks.Closed != nil {
		c.hooks.Closed()
	}
}
