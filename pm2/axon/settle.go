package axon

import (
	"net"
	"sync"
)

// Queue is a listener that can be looked at by others than who waits at it.
type Queue interface {
	net.Listener
	// Await returns when somebody may stand in the queue, or with why nobody will.
	Await() error
	// Take returns who is first in the queue, or nil if nobody is there. It does not wait.
	Take() (net.Conn, error)
}

// settling knows when everybody has been met who stood in a listener's queue. Whoever wants to know empties it: where only one
// accepts, another cannot tell whom that one has taken out and not met yet.
type settling struct {
	mu    sync.Mutex
	queue Queue // nil while nobody serves
	meet  func(net.Conn)
}

// longest is more than fits into a queue. Who comes while it is emptied may come for ever.
const longest = 1 << 15

// empty meets everybody who is in the queue.
func (s *settling) empty() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		return nil
	}
	for range longest {
		c, err := s.queue.Take()
		if c == nil || err != nil {
			return err
		}
		s.meet(c)
	}
	return nil
}

// opens has the queue of q be emptied from now on.
func (s *settling) opens(q Queue, meet func(net.Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.meet = q, meet
}

// closes returns when nobody is met any more.
func (s *settling) closes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.meet = nil, nil
}
