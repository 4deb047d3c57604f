package supervisor

import "sync"

// mailbox is a queue that never blocks who puts: news of a death comes from the one goroutine that waits for all
// children, and must not wait for a keeper that is busy in a fork.
//
// What is put is worked on by a goroutine that ends when nothing is left, so that a thousand keepers with nothing to do cost
// no stacks. There is never more than one for a mailbox.
type mailbox struct {
	work func() // takes until rest says that nothing is left

	mu    sync.Mutex
	queue []message
	busy  bool // somebody works, or nobody may yet
}

// newMailbox returns one that holds back what is put until open.
func newMailbox(work func()) *mailbox { return &mailbox{work: work, busy: true} }

// open has the work begin, also with nothing in the box.
func (m *mailbox) open() { go m.work() } // ends with rest

func (m *mailbox) put(msg message) {
	m.mu.Lock()
	m.queue = append(m.queue, msg)
	idle := !m.busy
	m.busy = true
	m.mu.Unlock()
	if idle {
		go m.work() // ends with rest
	}
}

// visit has f done on the caller's goroutine, in the place of a message, if nobody works and nothing waits; false if it is not.
// What takes no longer than to hand it over may be done so. f must put nothing that it waits for.
func (m *mailbox) visit(f func()) bool {
	m.mu.Lock()
	if m.busy {
		m.mu.Unlock()
		return false
	}
	m.busy = true
	m.mu.Unlock()
	f()
	if !m.rest() {
		go m.work() // ends with rest
	}
	return true
}

// take returns what is in the box, in order, and leaves it empty.
func (m *mailbox) take() []message {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}

// rest reports that nothing is left: then whoever puts next has the work go on, and the caller must not.
func (m *mailbox) rest() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy = len(m.queue) > 0
	return !m.busy
}
