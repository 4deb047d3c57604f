package cli

import (
	"fmt"
	"time"

	"weaver/lock"
)

// stuckAfter is how long a command may take before it is looked whether the anchor stands still.
const stuckAfter = 3 * time.Second

// watchAnchor has an anchor go on that was stopped by a signal, if this command takes long: it may wait for a supervisor that has died, and
// nobody but that anchor could start another one. It keeps the socket open meanwhile, so that to a front end it looks like a supervisor
// that is at work.
func (c *call) watchAnchor() {
	if c.env.Dial != nil || c.stuck != nil { // within the supervisor it is there
		return
	}
	h := c.home
	c.stuck = time.AfterFunc(stuckAfter, func() {
		locks, _ := lock.List(h.Dir)
		for _, l := range locks {
			if l.Path != h.DaemonLock() || !l.Held || !stoppedBySignal(l.Holder.PID) {
				continue
			}
			if goOn(l.Holder.PID) == nil {
				fmt.Fprintf(c.env.Stderr, "weaver: the anchor (pid %d) stood still, stopped by a signal: it goes on\n", l.Holder.PID)
			}
		}
	})
}

// unwatch ends that.
func (c *call) unwatch() {
	if c.stuck != nil {
		c.stuck.Stop()
	}
}
