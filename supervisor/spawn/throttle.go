package spawn

import (
	"errors"
	"os"
	"sync"
	"time"
)

// throttle holds a tree's CPU bound where the kernel has no quota: it pauses and resumes the tree, as a meter says.
type throttle struct {
	brake brake
	news  chan struct{} // has a token when the meter was changed from outside
	done  chan struct{} // closed when nothing is left of the tree
	once  sync.Once     // closes it

	mu     sync.Mutex // held while the tree is looked at, paused or resumed
	meter  meter
	paused bool
	over   bool // it is never paused again
}

// brake is a means to pause a tree.
type brake interface {
	begin()                                    // the tree runs, whatever it did before
	used(now time.Time) (time.Duration, error) // CPU time in all
	pause() error
	resume() error
}

func newThrottle(b brake, share, cores float64) *throttle {
	return &throttle{
		brake: b, news: make(chan struct{}, 1), done: make(chan struct{}),
		meter: meter{share: share, cores: cores},
	}
}

// retryLook is how long to wait after a look that failed.
const retryLook = 100 * time.Millisecond

// run holds the bound until the tree has ended or closing is closed. Whatever it ends by, the tree runs.
func (t *throttle) run(closing <-chan struct{}) {
	t.mu.Lock()
	t.brake.begin()
	t.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-t.news:
		case <-t.done:
			t.release()
			return
		case <-closing:
			t.release()
			return
		}
		timer.Reset(t.turn(time.Now()))
	}
}

// turn looks at the tree, has it run or pause, and returns how long that is to last.
func (t *throttle) turn(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	used, err := t.brake.used(now)
	if err != nil {
		t.set(false)
		return retryLook
	}
	pause, run := t.meter.look(now, used)
	t.set(pause > 0)
	return pause + run
}

// set pauses or resumes the tree. What cannot be done is tried again at the next turn.
func (t *throttle) set(pause bool) {
	pause = pause && !t.over
	if pause == t.paused {
		return
	}
	act := t.brake.resume
	if pause {
		act = t.brake.pause
	}
	if err := act(); err == nil || pause || errors.Is(err, os.ErrProcessDone) {
		t.paused = pause // a pause that failed half-way is taken back like a whole one
	}
}

// ease has the tree run now, with all the credit that it can have: it was sent a signal, and is to act on it.
func (t *throttle) ease() {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.meter.forgive()
	t.set(false)
	t.mu.Unlock()
	select {
	case t.news <- struct{}{}:
	default: // one is as good as many
	}
}

// end is told when nothing is left of the tree.
func (t *throttle) end() {
	if t != nil {
		t.once.Do(func() { close(t.done) })
	}
}

// release has the tree run, for good.
func (t *throttle) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.set(false)
}
