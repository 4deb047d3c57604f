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
	return sweep(passes, func() (census, error) {
		all, err := c.members()
		if sig == syscall.SIGKILL && err == nil {
			c.killSession()
		}
		return all, err
	}, func(m member) error { return c.sendMember(m, sig) })
}

func sweep(passes int, look func() (census, error), send func(member) error) error {
	sent := make(map[member]bool)
	var first error
	for range passes {
		all, err := look()
		if err != nil {
			return err
		}
		news := false
		for _, m := range all.tree {
			m.depth = 0 // not part of who it is
			if sent[m] {
				continue
			}
			sent[m], news = true, true
			if err := send(m); err != nil && !errors.Is(err, os.ErrProcessDone) && first == nil {
				first = fmt.Errorf("signal process %d: %w", m.pid, err)
			}
		}
		switch {
		case news:
		case all.unsure:
			time.Sleep(time.Millisecond) // an exec is under way, which is soon over
		case len(sent) == 0:
			return os.ErrProcessDone
		default:
			return first
		}
	}
	return first
}

// sendMember signals one member; the main process through what it is known by from birth.
func (c *Child) sendMember(m member, sig syscall.Signal) error {
	if m.pid == c.PID && m.start == c.StartTime {
		if err := c.signal(sig); !errors.Is(err, os.ErrProcessDone) {
			return errors.Unwrap(err)
		}
		return os.ErrProcessDone
	}
	return sendIdentified(m, sig)
}
