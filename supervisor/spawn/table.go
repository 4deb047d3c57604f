package spawn

import (
	"sync"
	"sync/atomic"
)

// scanner reads the process table for all who ask. A pass over a thousand processes takes ten milliseconds, so those who
// ask while one runs share the next.
type scanner struct {
	begun atomic.Uint64 // passes begun

	mu       sync.Mutex // held during a pass
	last     *table
	lastPass uint64
}

// table returns a pass that began after the call did.
func (s *scanner) table(read func() (*table, error)) (*table, error) {
	before := s.begun.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastPass > before {
		return s.last, nil
	}
	pass := s.begun.Add(1)
	t, err := read()
	if err != nil {
		return nil, err
	}
	s.last, s.lastPass = t, pass
	return t, nil
}
