package spawn

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// maxSweeps bounds a Kill: a tree that forks faster than it can be read is killed again by who asked.
const maxSweeps = 64

// sweep sends sig to every member that has not had it yet, in at most passes looks at the tree.
func (c *Child) sweep(sig syscall.Signal, passes int) error {
	signalled := make(map[member]bool)
	var first error
	for range passes {
		all, err := c.members()
		if err != nil {
			return err
		}
		if sig == syscall.SIGKILL {
			c.killSession()
		}
		news := 0
		for _, m := range all.tree {
			m.depth = 0 // not part of who it is
			if signalled[m] {
				continue
			}
			signalled[m] = true
			news++
			if err := c.sendMember(m, sig); err != nil && !errors.Is(err, os.ErrProcessDone) && first == nil {
				first = fmt.Errorf("signal process %d: %w", m.pid, err)
			}
		}
		if news == 0 && !all.unsure {
			break
		}
		if news == 0 {
			time.Sleep(time.Millisecond) // an exec is under way, which is soon over
		}
	}
	if len(signalled) == 0 {
		return os.ErrProcessDone
	}
	return first
}

// sendMember signals one member; the main process through what it is known by from birth.
func (c *Child) sendMember(m member, sig syscall.Signal) error {
	if m.pid == c.PID && m.start == c.StartTime {
		if err := c.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
			return errors.Unwrap(err)
		}
		return os.ErrProcessDone
	}
	return sendIdentified(m, sig)
}
