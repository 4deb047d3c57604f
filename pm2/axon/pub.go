package axon

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The bounds of a Publisher's subscribers.
const (
	queueBytes = 4 << 20          // what may wait for one
	stallTime  = 30 * time.Second // how long one may take nothing
)

// Publisher sends every message to everybody who is connected; filtering is the subscribers' own business. A slow one
// misses whole messages, the oldest first; one that takes nothing at all for a while is hung up on.
type Publisher struct {
	// Active is called with true when the first subscriber comes, and with false when the last one has gone, one call
	// after the other. It may be nil.
	Active func(bool)

	count     atomic.Int64
	mu        sync.Mutex // subs
	subs      map[*subscriber]struct{}
	switching sync.Mutex // calls of Active
	active    bool
	settling  settling
}

// Serve takes subscribers from l until it is closed. They are hung up on when ctx ends.
func (p *Publisher) Serve(ctx context.Context, l net.Listener) error { return p.Listen(ctx, l)() }

// Listen is Serve, of which the caller does the waiting: from its return on Settle knows who connects to l.
func (p *Publisher) Listen(ctx context.Context, l net.Listener) (serving func() error) {
	greet := func(c net.Conn) talk {
		s := p.subscribe(c)
		return func(ctx context.Context, c net.Conn) { p.feed(ctx, c, s) }
	}
	q, ok := l.(Queue)
	if !ok {
		return func() error { return serve(ctx, l, greet) }
	}
	meet, end := meeting(ctx, greet)
	p.settling.opens(q, meet)
	return func() error {
		defer end()
		defer p.settling.closes()
		return until(ctx, func() error {
			if err := q.Await(); err != nil {
				return err
			}
			return p.settling.empty()
		})
	}
}

// Settle returns when everybody is subscribed who had connected before it was called, if the listener is a Queue. Clients subscribe
// and then call for something whose news they wait for; the two come in by different sockets.
func (p *Publisher) Settle() {
	_ = p.settling.empty() // who serves has the same trouble, and sees to it
}

// Subscribed reports that somebody listens: publishing anything is in vain otherwise.
func (p *Publisher) Subscribed() bool { return p.count.Load() > 0 }

// Publish sends a topic with its payload, which is JSON. It waits for nobody.
func (p *Publisher) Publish(topic string, payload []byte) {
	if !p.Subscribed() {
		return
	}
	frame, err := AppendFrame(make([]byte, 0, 16+len(topic)+len(payload)), Message{Text(topic), JSON(payload)})
	if err != nil {
		return // a topic's argument has its mark at least
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.subs {
		s.put(frame)
	}
}

func (p *Publisher) subscribe(c net.Conn) *subscriber {
	s := &subscriber{conn: c, ready: make(chan struct{}, 1)}
	p.mu.Lock()
	if p.subs == nil {
		p.subs = map[*subscriber]struct{}{}
	}
	p.subs[s] = struct{}{}
	p.count.Store(int64(len(p.subs)))
	p.mu.Unlock()
	p.tell()
	return s
}

// feed sends a subscriber what is published until one of the two has gone.
func (p *Publisher) feed(ctx context.Context, c net.Conn, s *subscriber) {
	defer func() {
		p.mu.Lock()
		delete(p.subs, s)
		p.count.Store(int64(len(p.subs)))
		p.mu.Unlock()
		p.tell()
	}()
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer c.Close()
	defer cancel()
	reading.Go(func() { // ends with the connection; what a subscriber sends means nothing
		defer cancel()
		io.Copy(io.Discard, c) //nolint:errcheck // it ended, one way or the other
	})
	s.send(ctx)
}

// tell calls Active when whether anybody listens has changed.
func (p *Publisher) tell() {
	p.switching.Lock()
	defer p.switching.Unlock()
	if now := p.Subscribed(); now != p.active {
		p.active = now
		if p.Active != nil {
			p.Active(now)
		}
	}
}

// subscriber is one connection with the whole frames that wait for it.
type subscriber struct {
	conn  net.Conn
	ready chan struct{}

	mu      sync.Mutex
	queue   [][]byte
	bytes   int
	dropped int
}

// put queues a frame, in the place of older ones if there is no room.
func (s *subscriber) put(frame []byte) {
	s.mu.Lock()
	for len(s.queue) > 0 && s.bytes+len(frame) > queueBytes {
		s.bytes -= len(s.queue[0])
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.dropped++
	}
	s.queue = append(s.queue, frame)
	s.bytes += len(frame)
	s.mu.Unlock()
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

func (s *subscriber) take() net.Buffers {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	const most = 64 // so that what is dropped for slowness is still in the queue
	if len(q) > most {
		q = q[:most:most]
	}
	s.queue = s.queue[len(q):]
	for _, f := range q {
		s.bytes -= len(f)
	}
	if len(s.queue) == 0 {
		s.queue = nil
	}
	return q
}

// send writes what is queued until the connection or ctx ends.
func (s *subscriber) send(ctx context.Context) {
	for {
		for batch := s.take(); len(batch) > 0; batch = s.take() {
			s.conn.SetWriteDeadline(time.Now().Add(stallTime))
			if _, err := batch.WriteTo(s.conn); err != nil {
				return
			}
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return
		}
	}
}

// isEnd reports that a connection just ended.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET)
}
