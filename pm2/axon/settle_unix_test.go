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

// TestSettlingIsNoSubscription: it switches nothing on.
func TestSettlingIsNoSubscription(t *testing.T) {
	p := &Publisher{Active: func(bool) { t.Error("somebody listens") }}
	listen(t, func(ctx context.Context, l net.Listener) error { return p.Serve(ctx, queue{l.(*net.UnixListener)}) })
	for range 10 {
		p.Settle(t.Context())
	}
	require.False(t, p.Subscribed())
}

// TestManySettleAtOnce while others come and go: nobody waits for long, and the listener goes on.
func TestManySettleAtOnce(t *testing.T) {
	p := &Publisher{}
	path := listen(t, func(ctx context.Context, l net.Listener) error { return p.Serve(ctx, queue{l.(*net.UnixListener)}) })
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
