package axon

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// settleTime is how long connections that came earlier may take to be met.
const settleTime = 5 * time.Second

// Queue is a listener that tells whether somebody waits in its queue.
type Queue interface {
	net.Listener
	// SetDeadline ends an Accept that waits.
	SetDeadline(time.Time) error
	// Waiting reports whether Accept would return a connection at once.
	Waiting() bool
}

// settling tells when everybody has been met who stood in a listener's queue. Only who accepts knows: between a look at the queue
// and the answer it may have taken somebody out who is not known to anybody yet. So it is called back from its waiting, looks
// itself, and says so: two changes of goroutine, which is little beside a call that came over a socket.
type settling struct {
	mu      sync.Mutex
	queue   Queue // nil while nobody accepts
	waiting []chan struct{}
}

// wait gives up when ctx ends.
func (s *settling) wait(ctx context.Context) {
	s.mu.Lock()
	if s.queue == nil {
		s.mu.Unlock()
		return
	}
	met := make(chan struct{})
	s.waiting = append(s.waiting, met)
	s.queue.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // a listener that is closed ends the waiting too
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	select {
	case <-met:
	case <-ctx.Done():
	}
}

// serves has Accept be called of what it returns, one time after the other and with each connection met before the next, and
// returns what ends that.
func (s *settling) serves(l net.Listener) (_ net.Listener, end func()) {
	q, ok := l.(Queue)
	if !ok {
		return l, func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = q
	return turns{q, s}, s.over
}

func (s *settling) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = nil
	s.release()
}

// look is called when everybody has been met that was accepted.
func (s *settling) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return
	}
	s.queue.SetDeadline(time.Time{}) //nolint:errcheck // as above
	if !s.queue.Waiting() {
		s.release()
	}
}

func (s *settling) release() {
	for _, met := range s.waiting {
		close(met)
	}
	s.waiting = nil
}

// turns is a queue whose Accept looks up now and then.
type turns struct {
	Queue
	s *settling
}

func (t turns) Accept() (net.Conn, error) {
	for {
		t.s.look()
		c, err := t.Queue.Accept()
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
	}
}
