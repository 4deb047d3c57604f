package daemon

import (
	"runtime/debug"
	"sync"
	"time"
)

// calm is how long nothing big may have happened before memory is given back.
const calm = 2 * time.Second

// tidy gives memory back after bursts: the start of a thousand apps needs megabytes that are never needed again.
type tidy struct {
	mu    sync.Mutex
	timer *time.Timer
}

// soon has it done once it is calm.
func (t *tidy) soon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer == nil {
		t.timer = time.AfterFunc(calm, debug.FreeOSMemory)
		return
	}
	t.timer.Reset(calm)
}

func (t *tidy) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
	}
}
