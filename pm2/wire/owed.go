package wire

import (
	"sync"
	"time"

	"weaver/app"
	"weaver/pm2/axon"
)

// owed are answers that have not been given yet to those who made a program speak. PM2's daemon answers long before the program
// can, and its clients count on that: one that hears on the bus what its trigger has brought about, before it has read how many
// processes that reached, waits for ever.
type owed struct {
	mu      sync.Mutex
	calls   map[app.ID]int
	given   chan struct{} // closed when one was given
	written map[app.ID][]taker
}

// taker is a connection that tells whether all that was written to it has been read.
type taker interface{ Taken() bool }

// patience is how long a client that does not read its answer holds the bus up, and glance how often it is looked.
const (
	patience = 200 * time.Millisecond
	glance   = 250 * time.Microsecond
)

// answer notes that a call which reaches a process is answered later. With read, it counts as answered when that has been read.
func (o *owed) answer(c axon.Call, id app.ID, read bool) {
	if c.Answered == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.calls == nil {
		o.calls, o.written = map[app.ID]int{}, map[app.ID][]taker{}
	}
	o.calls[id]++
	c.Answered(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.calls[id]--; o.calls[id] == 0 {
			delete(o.calls, id)
		}
		o.unread(id)
		if t, ok := c.Conn.(taker); ok && read {
			o.written[id] = append(o.written[id], t)
		}
		if o.given != nil {
			close(o.given)
			o.given = nil
		}
	})
}

// unread reports whether somebody has not read an answer yet. Call it with mu held.
func (o *owed) unread(id app.ID) bool {
	list := o.written[id]
	left := list[:0]
	for _, t := range list {
		if !t.Taken() {
			left = append(left, t)
		}
	}
	if len(left) == 0 {
		delete(o.written, id)
		return false
	}
	o.written[id] = left
	return true
}

// wait returns when nothing is owed to anybody who reached the process.
func (o *owed) wait(id app.ID) {
	var late <-chan time.Time
	for {
		o.mu.Lock()
		calls := o.calls[id] > 0
		if !calls && !o.unread(id) {
			o.mu.Unlock()
			return
		}
		if o.given == nil {
			o.given = make(chan struct{})
		}
		given := o.given
		o.mu.Unlock()
		if late == nil {
			late = time.After(patience)
		}
		var look <-chan time.Time
		if !calls {
			look = time.After(glance)
		}
		select {
		case <-given:
		case <-look:
		case <-late: // and is not waited for again
			o.mu.Lock()
			delete(o.written, id)
			o.mu.Unlock()
			return
		}
	}
}
