package spawn

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"weaver/supervisor/spawn/vfork"
)

// lowNumbers are where descriptors for children are put during a launch: a child takes over the low part of the table only,
// so that its start costs the same with 5,000 services as with one.
type lowNumbers struct {
	null  int
	sets  chan []int
	below int // all are

	ask   sync.Once
	known atomic.Pointer[childLimit]
}

// childLimit is how many files children may open: what this process was started with.
type childLimit struct {
	limit unix.Rlimit
	same  bool // as this process may now
}

const (
	// setSize is what a set has room for: 0, 1, 2, and what else a service may be given. Launches with more go another way.
	setSize = 8
	// firstLow is above all numbers that descriptors of a set may become, since one would overwrite the other.
	firstLow = 16
)

// newLowNumbers reserves n sets; nil without an error if there is no such way to launch here.
func newLowNumbers(null, n int) (*lowNumbers, error) {
	if !vfork.Supported {
		return nil, nil
	}
	l := &lowNumbers{null: null, sets: make(chan []int, n)}
	for range n {
		set := make([]int, 0, setSize)
		for range setSize {
			fd, err := unix.FcntlInt(uintptr(null), unix.F_DUPFD_CLOEXEC, firstLow)
			if err != nil {
				l.close()
				return nil, fmt.Errorf("reserve descriptors: %w", err)
			}
			set, l.below = append(set, fd), max(l.below, fd+1)
		}
		l.sets <- set
	}
	return l, nil
}

// close gives them back. Nobody may hold a set any more.
func (l *lowNumbers) close() {
	for len(l.sets) > 0 {
		for _, fd := range <-l.sets {
			unix.Close(fd)
		}
	}
}

// fits reports whether a launch can go this way. The first ones may not: the limit on open files that Go would give back is
// learned beside them.
func (l *lowNumbers) fits(c *Cmd, running *sync.WaitGroup) bool {
	if l == nil || c.trampolined() || c.ioLevel != nil || 3+len(c.Extra) > setSize {
		return false
	}
	if originalNoFile.Load() == nil && l.known.Load() == nil {
		l.ask.Do(func() { running.Go(l.learn) }) // soon over
		return false
	}
	return true
}

// learn finds out what limit children get. Where that cannot be, launches go on in Go's way, which knows.
func (l *lowNumbers) learn() {
	now, err := noFile()
	if err != nil {
		return
	}
	if now.Cur+1 != now.Max { // Go's mark: it has raised nothing
		l.known.Store(&childLimit{same: true})
		return
	}
	if limit, err := childsNoFile(); err == nil {
		l.known.Store(&childLimit{limit: limit})
	}
}

// children is the limit to be set in children; nil if they have it anyway.
func (l *lowNumbers) children() *unix.Rlimit {
	if original := originalNoFile.Load(); original != nil {
		return original
	}
	if known := l.known.Load(); known != nil && !known.same {
		return &known.limit
	}
	return nil
}

// fork launches c in the control group that a descriptor leads to, if it is not -1.
func (l *lowNumbers) fork(c *Cmd, env []string, group int) (vfork.Process, error) {
	set := <-l.sets
	used := 0
	defer func() {
		for _, fd := range set[:used] { // a copy kept here would be one more writer
			_ = unix.Dup3(l.null, fd, unix.O_CLOEXEC) // both are ours
		}
		l.sets <- set
	}()
	var s vfork.Script
	s.Unshare(l.below)
	s.Setsid()
	if limit := l.children(); limit != nil {
		s.Limit(unix.RLIMIT_NOFILE, *limit)
	}
	if c.Umask != nil {
		s.Umask(*c.Umask)
	}
	if c.Nice != nil {
		s.Nice(*c.Nice)
	}
	if u := c.User; u != nil {
		s.User(u.UID, u.GID, u.Groups)
	}
	if c.Dir != "" {
		if err := s.Chdir(c.Dir); err != nil {
			return vfork.Process{}, err
		}
	}
	for to, from := range c.files(l.null) {
		if int(from) < 0 {
			s.Close(to)
			continue
		}
		if err := unix.Dup3(int(from), set[used], unix.O_CLOEXEC); err != nil {
			return vfork.Process{}, &vfork.Error{Step: vfork.StepDescriptors, Errno: err.(syscall.Errno)}
		}
		used++
		s.Put(set[used-1], to)
	}
	if err := s.Exec(c.Path, c.Argv, env); err != nil {
		return vfork.Process{}, err
	}
	return s.Run(group)
}

// explainStep says what the child could not do.
func explainStep(c *Cmd, err error) error {
	var step *vfork.Error
	if !errors.As(err, &step) {
		return fmt.Errorf("fork: %w", err)
	}
	switch step.Step {
	case vfork.StepExec:
		return explainExec(c, step.Errno)
	case vfork.StepDir:
		return fmt.Errorf("chdir %s: %w", c.Dir, step.Errno)
	case vfork.StepUser:
		return fmt.Errorf("become user %d group %d: %w", c.User.UID, c.User.GID, step.Errno)
	case vfork.StepNice:
		return fmt.Errorf("nice %d: %w", *c.Nice, step.Errno)
	case vfork.StepSession, vfork.StepLimit:
		return fmt.Errorf("prepare %s: %w", c.Path, step.Errno)
	default:
		return fmt.Errorf("prepare descriptors of %s: %w", c.Path, step.Errno)
	}
}

// useless reports that launches cannot go this way on this kernel, or in this container: another way has to be tried.
func useless(err error) bool {
	var step *vfork.Error
	if errors.As(err, &step) {
		return step.Step == vfork.StepDescriptors && (step.Errno == unix.ENOSYS || step.Errno == unix.EPERM || step.Errno == unix.EINVAL)
	}
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)
}
