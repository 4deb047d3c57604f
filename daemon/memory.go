package daemon

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"weaver/daemon/anchor"
)

// calm is how long nothing may have happened before memory is given back, and rest how long at least from one collection to
// the next where it was little things.
const (
	calm = 1500 * time.Millisecond
	rest = time.Minute
	// settled is how long after a collection the stacks that it has shrunk have grown again. Scanning, shrinking and growing them
	// the runtime reads tables all over the program's file: 4 MB that nobody needs before the next one.
	settled = 1100 * time.Millisecond
	// quiet is how long after it has become calm nothing is left that goes on for a while after somebody has asked.
	quiet = gaugeIdle + gaugeEvery - calm + 500*time.Millisecond
)

// The garbage that may pile up. Nobody waits for a supervisor that is calm, so it may collect more often, and keeps less.
const (
	calmGarbage = 10 // in percent of what lives
	busyGarbage = 30 // the same, but no less than
	leastToFind = 4 << 20
	// worthIt is so much garbage that it is collected when it has become calm, also if nothing big happened.
	worthIt = 1 << 20
)

// heapNow returns how many bytes there are on the heap, with what is garbage.
func heapNow() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m) // stops the world for a moment, when nobody waits
	return m.HeapAlloc
}

// bustle sets the pace for when there is much to do and so much lives.
func bustle(live uint64) {
	debug.SetGCPercent(min(max(busyGarbage, int(100*leastToFind/max(live, 1))), 100)) // Go's least heap is 4 MB of so many percent
}

// tidy gives memory back after bursts: the start of a thousand apps needs megabytes that are never needed again.
type tidy struct {
	mu    sync.Mutex
	timer *time.Timer
	big   bool      // something worth a collection happened
	lean  bool      // it is calm
	last  time.Time // of the last collection
	live  uint64    // bytes that it left

	awaits bool // release will be called after the next collection
	over   bool
}

// soon has it done once it is calm.
func (t *tidy) soon() { t.later(true) }

// sometime is for little things: the program's pages are given back once it is calm, the heap now and then.
func (t *tidy) sometime() { t.later(false) }

func (t *tidy) later(big bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.big = t.big || big
	if t.lean {
		t.lean = false
		go t.hurry() // who asks need not wait for it; soon over
	}
	if t.timer == nil {
		t.timer = time.AfterFunc(calm, t.run)
		return
	}
	t.timer.Reset(calm)
}

func (t *tidy) run() {
	t.mu.Lock()
	collect := t.big || time.Since(t.last) >= rest || heapNow() > t.live+worthIt
	if collect {
		t.big, t.last = false, time.Now()
	}
	t.lean = true
	debug.SetGCPercent(calmGarbage) // within the lock: the last word is that of who came last
	t.mu.Unlock()
	if collect {
		debug.FreeOSMemory()
		live := heapNow()
		t.mu.Lock()
		t.live = live
		t.unwound()
		t.mu.Unlock()
	}
	t.release()
	time.AfterFunc(quiet, t.release)
}

// release gives the program's pages back if it is calm, and again some time after each collection for as long as it is.
func (t *tidy) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lean || t.over {
		return
	}
	anchor.ReleaseProgram()
	if t.awaits {
		return
	}
	t.awaits = true
	runtime.AddCleanup(new(*tidy), func(t *tidy) { // unreachable at once: run after the next collection
		t.mu.Lock()
		defer t.mu.Unlock()
		t.awaits = false
		t.unwound()
	}, t)
}

// unwound says that there was a collection. The caller holds the lock.
func (t *tidy) unwound() {
	if t.lean && !t.over {
		time.AfterFunc(settled, t.release)
	}
}

// hurry collects as rarely as when there is much to do, unless it has become calm again.
func (t *tidy) hurry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lean {
		bustle(t.live)
	}
}

func (t *tidy) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if t.timer != nil {
		t.timer.Stop()
	}
}
