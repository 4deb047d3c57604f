package spawn

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// handle is what Linux knows a child by.
type handle struct {
	pidfd int     // -1 where there are none
	group *cgroup // nil: membership by lineage
	why   string  // why there is no group, if one was wanted
}

func openNull() (int, error) { return openat("/dev/null", unix.O_RDWR) }

// keepDescriptors keeps all descriptors but 0, 1 and 2 to this process.
func keepDescriptors() error {
	if unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	return keepDescriptorsIn("/proc/self/fd") // before Linux 5.11
}

func closeFD(fd int) { unix.Close(fd) }

func (s *Spawner) launch(c *Cmd, child *Child) error {
	if g := s.system.groups; g != nil {
		child.group, child.why = g.make(c.Tag)
	}
	if c.Bounds.any() {
		child.bounds = c.Bounds
		child.holds, c.join = s.hold(c, child.group, child.why)
		defer func() { closeAll(c.join) }()
	}
	err := s.launchIn(c, child)
	if err != nil {
		child.removeBounds()
		if child.group != nil {
			_ = child.group.remove() // nobody is in there, or discard has removed it
		}
	}
	return err
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// launchIn starts the process in the group that was made for it.
func (s *Spawner) launchIn(c *Cmd, child *Child) error {
	p, err := s.prepare(c)
	if err != nil {
		return err
	}
	defer p.close()
	if o := s.system.ooms; o != nil {
		o.refresh()
	}
	if err := s.fork(c, p, child); err != nil {
		return err
	}
	if err := s.settleIn(p, child); err != nil {
		s.discard(child)
		return err
	}
	return nil
}

// fork starts the process, in its own control group if that can be had.
func (s *Spawner) fork(c *Cmd, p *plan, child *Child) error {
	if child.group != nil {
		fd, err := child.group.open()
		if err == nil {
			err = s.forkInto(fd, c, p, child)
			unix.Close(fd)
		}
		if err == nil {
			return nil
		}
		// Both the group and the program may be at fault; another try tells. The group alone is never a reason to fail.
		child.group.remove()
		withoutGroup(child.holds, child.group, "clone into cgroup: "+err.Error())
		child.group = nil
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOMEM) {
			return fmt.Errorf("fork: %w", err)
		}
		child.why = "clone into cgroup: " + err.Error()
	}
	return s.forkInto(-1, c, p, child)
}

// forkInto starts the process in the control group that a descriptor leads to; -1 is this process's. A failure of the child's
// is worded, one of the group's is not.
func (s *Spawner) forkInto(group int, c *Cmd, p *plan, child *Child) error {
	if l := s.system.low; l.fits(c, &s.running) {
		started, err := l.fork(c, p.attr.Env, group)
		switch {
		case err == nil:
			child.PID, child.pidfd, p.limited = started.PID, started.PIDFD, true
			return nil
		case useless(err): // the old way may do
		case group >= 0:
			return err
		default:
			return explainStep(c, err)
		}
	}
	if group >= 0 {
		p.attr.Sys.UseCgroupFD, p.attr.Sys.CgroupFD = true, group
		defer func() { p.attr.Sys.UseCgroupFD = false }()
		return p.fork(c, child)
	}
	if err := p.fork(c, child); err != nil {
		return p.explain(c, err)
	}
	return nil
}

// settleIn makes what can only be made once the process is there, and begins to wait for it.
func (s *Spawner) settleIn(p *plan, child *Child) error {
	if p.failure != nil {
		if err := p.failure.read(); err != nil {
			return err
		}
	} else if !p.limited {
		restoreNoFile(child.PID)
	}
	line, err := readProcess(child.PID)
	if err != nil {
		return fmt.Errorf("identify process %d: %w", child.PID, err)
	}
	child.StartTime = line.start
	s.limit(child, false)
	if err := s.attend(child); err != nil {
		return err
	}
	s.beginThrottle(child)
	return nil
}

// discard ends a process that was started but cannot be managed.
func (s *Spawner) discard(child *Child) {
	if child.pidfd >= 0 {
		_ = unix.PidfdSendSignal(child.pidfd, unix.SIGKILL, nil, 0) // gone is as good
	} else {
		_ = unix.Kill(child.PID, unix.SIGKILL) // ours and not reaped: the pid is still its own
	}
	_, _ = child.waitid(unix.WEXITED)
	_ = child.closeHandle()
}

func (c *Child) closeHandle() error {
	if c.pidfd >= 0 {
		unix.Close(c.pidfd)
		c.pidfd = -1
	}
	c.removeBounds()
	if c.group != nil {
		return c.group.remove()
	}
	return nil
}

// plan is a launch in the terms of syscall.ForkExec.
type plan struct {
	path    string
	argv    []string
	attr    syscall.ProcAttr
	pidfd   int
	failure *failure // nil without a trampoline
	blind   bool
	limited bool // the child has set its limit on open files itself
}

func (s *Spawner) prepare(c *Cmd) (*plan, error) {
	p := &plan{path: c.Path, argv: c.Argv, pidfd: -1, blind: s.system.blind}
	p.attr = syscall.ProcAttr{
		Dir:   c.Dir,
		Env:   c.environment(s.options.Marker),
		Files: c.files(s.null),
		// A session of its own makes a process group of its own; Setpgid with it is EPERM. Never Pdeathsig: it fires when the
		// forking thread ends, not when the supervisor does.
		Sys: &syscall.SysProcAttr{Setsid: true, PidFD: &p.pidfd},
	}
	if c.trampolined() {
		return p, p.trampoline(c, s.options.Trampoline)
	}
	if u := c.User; u != nil {
		p.attr.Sys.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	}
	return p, nil
}

func (p *plan) close() {
	if p.failure != nil {
		p.failure.close()
	}
}

func (p *plan) fork(c *Cmd, child *Child) error {
	run := func() (err error) {
		child.PID, err = syscall.ForkExec(p.path, p.argv, &p.attr)
		return err
	}
	var err error
	if c.Umask == nil && c.Nice == nil && c.ioLevel == nil {
		err = run()
	} else {
		err = onOwnThread(c.Umask, c.Nice, c.ioLevel, run)
	}
	if err != nil {
		return err
	}
	child.pidfd = p.pidfd
	if p.blind && child.pidfd >= 0 {
		unix.Close(child.pidfd)
		child.pidfd = -1
	}
	return nil
}

// explain says what went wrong in a fork that returned cause.
func (p *plan) explain(c *Cmd, cause error) error {
	var own *threadError
	switch {
	case errors.As(cause, &own):
		return cause
	case p.failure != nil:
		return fmt.Errorf("exec %s: trampoline %s: %w", c.Path, p.path, cause)
	}
	return explainFork(c, p.attr, cause)
}
