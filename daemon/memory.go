package daemon

import (
	"runtime/debug"
	"sync"
	"time"
)

// calm is how long nothing big may have happened before memory is given back, and rest how long at least from one time to
// the next where it was little things: who asks every few seconds should not have everything fetched anew each time.
const (
	calm = 2 * time.Second
	rest = time.Minute
)

// tidy gives memory back after bursts: the start of a thousand apps needs megabytes that are never needed again.
type tidy struct {
	mu    sync.Mutex
	timer *time.Timer
	due   time.Time // zero is not
	last  time.Time
}

// soon has it done once it is calm.
func (t *tidy) soon() { t.at(time.Now().Add(calm)) }

// sometime has it done in a while.
func (t *tidy) sometime() {
	t.mu.Lock()
	due, last := t.due, t.last
	t.mu.Unlock()
	if !due.IsZero() {
		return
	}
	at := time.Now().Add(calm)
	if next := last.Add(rest); next.After(at) {
		at = next
	}
	t.at(at)
}

func (t *tidy) at(due time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due = due
	if t.timer == nil {
		t.timer = time.AfterFunc(time.Until(due), t.run)
		return
	}
	t.timer.Reset(time.Until(due))
}

func (t *tidy) run() {
	t.mu.Lock()
	t.due, t.last = time.Time{}, time.Now()
	t.mu.Unlock()
	debug.FreeOSMemory()
	releaseProgram()
}

func (t *tidy) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
	}
}
