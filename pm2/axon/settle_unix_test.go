//go:build unix

package axon

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// queue is a listener as the daemon has them.
type queue struct{ *net.UnixListener }

func (q queue) Waiting() (yes bool) {
	c, err := q.SyscallConn()
	if err != nil {
		return false
	}
	_ = c.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		yes = n > 0 || err != nil
	})
	return yes
}

// TestWhoeverHasConnectedHears: what is published after Settle reaches those who connected before, however late they are accepted.
func TestWhoeverHasConnectedHears(t *testing.T) {
	p := &Publisher{}
	known, held := make(chan struct{}), make(chan struct{})
	path := listen(t, func(ctx context.Context, l net.Listener) error {
		return p.Serve(ctx, &slow{queue: queue{l.(*net.UnixListener)}, known: known, held: held})
	})
	var readers []*Reader
	for range 3 {
		_, r := dial(t, path)
		readers = append(readers, r)
	}
	<-known
	require.False(t, p.Subscribed())
	go close(held)
	p.Settle(t.Context())
	p.Publish("axm:reply", []byte(`1`))
	for _, r := range readers {
		m, err := r.Read()
		require.NoError(t, err)
		require.Equal(t, Message{Text("axm:reply"), JSON([]byte(`1`))}, m)
	}
}

// settled serves on a socket, and returns when Settle counts who connects to it.
func settled(t *testing.T, p *Publisher) string {
	t.Helper()
	known := make(chan struct{})
	path := listen(t, func(ctx context.Context, l net.Listener) error {
		q := queue{l.(*net.UnixListener)}
		p.Listen(q)
		close(known)
		return p.Serve(ctx, q)
	})
	<-known
	return path
}

// TestSettlingIsNoSubscription: it switches nothing on.
func TestSettlingIsNoSubscription(t *testing.T) {
	p := &Publisher{Active: func(bool) { t.Error("somebody listens") }}
	settled(t, p)
	for range 10 {
		p.Settle(t.Context())
	}
	require.False(t, p.Subscribed())
}

// TestManySettleAtOnce while others come and go: nobody waits for long, and the listener goes on.
func TestManySettleAtOnce(t *testing.T) {
	p := &Publisher{}
	path := settled(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), settleTime/2)
	defer cancel()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				p.Settle(ctx)
			}
		})
	}
	for i := range 20 {
		c, r := dial(t, path)
		p.Settle(ctx)
		p.Publish("n", fmt.Appendf(nil, "%d", i))
		m, err := r.Read()
		assert.NoError(t, err)
		assert.Equal(t, Message{Text("n"), JSON(fmt.Appendf(nil, "%d", i))}, m)
		c.Close()
	}
	all.Wait()
	require.NoError(t, ctx.Err())
}

// TestSettlingEndsWithTheListener: who waits for a door that closes is not held up.
func TestSettlingEndsWithTheListener(t *testing.T) {
	p := &Publisher{}
	held := make(chan struct{})
	known := make(chan struct{})
	var closed net.Listener
	listen(t, func(ctx context.Context, l net.Listener) error {
		closed = l
		return p.Serve(ctx, &slow{queue: queue{l.(*net.UnixListener)}, known: known, held: held})
	})
	<-known
	done := make(chan struct{})
	go func() { p.Settle(t.Context()); close(done) }()
	closed.Close()
	close(held)
	select {
	case <-done:
	case <-time.After(settleTime / 2):
		t.Fatal("it waits")
	}
	p.Settle(t.Context()) // there is nobody to wait for
}

// slow holds the first Accept up: who connects meanwhile stands in the queue.
type slow struct {
	queue
	known, held chan struct{}
	once        sync.Once
}

func (s *slow) Accept() (net.Conn, error) {
	s.once.Do(func() {
		close(s.known)
		<-s.held
	})
	return s.queue.Accept()
}

// TestNobodyIsSettledWhileSomebodyWaits in the queue: each Accept is let go by hand.
func TestNobodyIsSettledWhileSomebodyWaits(t *testing.T) {
	p := &Publisher{}
	s := &stepped{begun: make(chan struct{}), next: make(chan struct{})}
	path := listen(t, func(ctx context.Context, l net.Listener) error {
		s.queue = queue{l.(*net.UnixListener)}
		return p.Serve(ctx, s)
	})
	waiting := func() int {
		p.settling.mu.Lock()
		defer p.settling.mu.Unlock()
		return len(p.settling.waiting)
	}
	defer close(s.next) // from then on it goes by itself
	<-s.begun
	for range 3 {
		dial(t, path)
	}
	go p.Settle(t.Context()) // ends below
	require.Eventually(t, func() bool { return waiting() == 1 }, 30*time.Second, time.Millisecond)
	for range 3 {
		s.next <- struct{}{} // the first is only called back
		<-s.begun
		require.Equal(t, 1, waiting())
	}
	s.next <- struct{}{}
	<-s.begun
	require.Zero(t, waiting())
	require.EqualValues(t, 3, p.count.Load())
}

// stepped says when each Accept begins, and waits.
type stepped struct {
	queue
	begun, next chan struct{}
}

func (s *stepped) Accept() (net.Conn, error) {
	select {
	case s.begun <- struct{}{}:
		<-s.next
	case <-s.next:
	}
	return s.queue.Accept()
}
