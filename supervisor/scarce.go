package supervisor

import (
	"errors"
	"syscall"
	"time"

	"weaver/supervisor/lifecycle"
)

// What a machine is short of now it may have in a moment: a fork that it refuses for want of processes, memory or descriptors
// says nothing against the program. It is tried again, after pauses that double, and only then counts as a failure.
const (
	scarceFirst = 50 * time.Millisecond
	scarceMost  = 5 * time.Second
	scarceTries = 9 // within 17 seconds
)

// canFit refuses what this process surely has no room for: n more processes, besides those that are being launched.
func (s *Supervisor) canFit(n int) error {
	if s.opts.Spawner == nil {
		return nil
	}
	return s.opts.Spawner.CanFit(n + len(s.lane))
}

// scarcity is a spawn that waits for the machine.
type scarcity struct {
	gen   uint64
	tries int
	timer *time.Timer
}

func scarce(err error) bool {
	for _, cause := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// postpone has a spawn tried again that the machine refused, and tells so. It reports false when that is not the reason, or
// when it was tried often enough.
func (k *keeper) postpone(gen uint64, err error) bool {
	if !scarce(err) {
		return false
	}
	w := &k.scarce
	if w.gen != gen {
		*w = scarcity{gen: gen}
	}
	if w.tries == scarceTries {
		return false
	}
	pause := min(scarceFirst<<w.tries, scarceMost)
	w.tries++
	if w.tries == 1 {
		k.fail("start; it is tried again", err)
	}
	k.proc.Reason = err.Error() + "; it is tried again"
	k.publish()
	w.timer = time.AfterFunc(pause, func() { k.mail.put(refork{gen}) }) // the mailbox takes it, whatever became of the keeper
	return true
}

// unwait ends the wait for the machine when nobody wants the child any more.
func (k *keeper) unwait() {
	c, w := k.state.Cur, &k.scarce
	if w.gen == 0 || c.Gen != w.gen || c.PID != 0 || c.Dead || !c.Asked || k.kids[c.Gen] != nil {
		return
	}
	w.timer.Stop()
	*w = scarcity{}
	k.step(lifecycle.Exited{Gen: c.Gen})
}
