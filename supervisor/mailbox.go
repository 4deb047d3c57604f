package supervisor

import "sync"

// mailbox is a queue that never blocks who puts: news of a death comes from the one goroutine that waits for all
// children, and must not wait for a keeper that is busy in a fork.
type mailbox struct {
	mu    sync.Mutex
	queue []message
	ready chan struct{} // has a token while queue is not empty
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

func (m *mailbox) put(msg message) {
	m.mu.Lock()
	m.queue = append(m.queue, msg)
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// take returns what is in the box, in order, and leaves it empty.
func (m *mailbox) take() []message {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}
