//go:build unix

package axon

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// queue is a listener as the daemon has them. Nobody is told that somebody waits until held is closed, if that is not nil.
type queue struct {
	*net.UnixListener
	held  chan struct{}
	taken func() // called with each connection that is taken, before anybody else knows of it
	ended chan struct{}
	once  *sync.Once
}

func newQueue(l net.Listener) *queue {
	return &queue{UnixListener: l.(*net.UnixListener), ended: make(chan struct{}), once: &sync.Once{}}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.ended) })
	return q.UnixListener.Close()
}

func (q *queue) poll(ms int) (n int, err error) {
	c, err := q.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := c.Control(func(fd uintptr) { n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, ms) })
	if cerr != nil {
		return 0, cerr
	}
	return n, err
}

func (q *queue) Await() error {
	if q.held != nil {
		select {
		case <-q.held:
		case <-q.ended:
		}
	}
	for {
		if n, err := q.poll(5); n > 0 || err != nil && err != unix.EINTR {
			return err
		}
	}
}

func (q *queue) Take() (net.Conn, error) {
	if n, err := q.poll(0); n == 0 || err != nil {
		return nil, err
	}
	c, err := q.Accept()
	if err == nil && q.taken != nil {
		q.taken()
	}
	return c, err
}

// settled serves on a socket of which Settle knows. change may change the queue before.
func settled(t *testing.T, p *Publisher, change func(*queue)) (path string, q *queue) {
	t.Helper()
	known := make(chan struct{})
	path = listen(t, func(ctx context.Context, l net.Listener) error {
		q = newQueue(l)
		if change != nil {
			change(q)
		}
		serve := p.Listen(ctx, q)
		close(known)
		return serve()
	})
	<-known
	return path, q
}

// TestWhoeverHasConnectedHears: what is published after Settle reaches those who connected before, though nobody has been told that
// they are there.
func TestWhoeverHasConnectedHears(t *testing.T) {
	p := &Publisher{}
	held := make(chan struct{})
	path, _ := settled(t, p, func(q *queue) { q.held = held })
	var readers []*Reader
	for range 3 {
		_, r := dial(t, path)
		readers = append(readers, r)
	}
	require.False(t, p.Subscribed())
	p.Settle()
	p.Publish("axm:reply", []byte(`1`))
	for _, r := range readers {
		m, err := r.Read()
		require.NoError(t, err)
		require.Equal(t, Message{Text("axm:reply"), JSON([]byte(`1`))}, m)
	}
	_, r := dial(t, path)
	close(held) // and who waits at the door still lets in
	require.Eventually(t, func() bool { return p.count.Load() == 4 }, 60*time.Second, time.Millisecond)
	p.Publish("more", []byte(`2`))
	m, err := r.Read()
	require.NoError(t, err)
	require.Equal(t, Message{Text("more"), JSON([]byte(`2`))}, m)
}

// TestSettlingIsNoSubscription: it switches nothing on.
func TestSettlingIsNoSubscription(t *testing.T) {
	p := &Publisher{Active: func(bool) { t.Error("somebody listens") }}
	p.Settle() // before there is a door
	settled(t, p, nil)
	for range 10 {
		p.Settle()
	}
	require.False(t, p.Subscribed())
}

// TestManySettleAtOnce while others come and go: all are met before anybody is told so, and never are two taken at a time.
func TestManySettleAtOnce(t *testing.T) {
	p := &Publisher{}
	var taking sync.Mutex
	path, _ := settled(t, p, func(q *queue) {
		q.taken = func() {
			assert.True(t, taking.TryLock(), "somebody else takes, and has not met whom it took")
			for range 50 { // for others to come between
				runtime.Gosched()
			}
			taking.Unlock()
		}
	})
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					p.Settle()
				}
			}
		})
	}
	for i := range 20 {
		c, r := dial(t, path)
		p.Settle()
		p.Publish("n", fmt.Appendf(nil, "%d", i))
		m, err := r.Read()
		assert.NoError(t, err)
		assert.Equal(t, Message{Text("n"), JSON(fmt.Appendf(nil, "%d", i))}, m)
		c.Close()
	}
	close(stop)
	all.Wait()
}

// TestSettlingAtAClosedDoor holds nobody up.
func TestSettlingAtAClosedDoor(t *testing.T) {
	p := &Publisher{}
	_, q := settled(t, p, nil)
	q.Close()
	p.Settle()
}
