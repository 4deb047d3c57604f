package spawn

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wordPatience is how long to wait for the reaper's word on a child of which only the end is known.
const wordPatience = 3 * time.Second

// adopt makes a child of what a former supervisor had.
func (s *Spawner) adopt(c *Child, f Former) (alive bool, err error) {
	c.pidfd, c.adopted, c.inherited, c.why = -1, true, true, f.Why
	if f.Group != "" {
		if g := (&cgroup{dir: f.Group}); s.system.groups != nil && g.exists() {
			c.group = g
		} else {
			c.why = "cgroup: " + f.Group + " is gone"
		}
	}
	if !f.Dead {
		c.pidfd, err = openIdentified(member{pid: f.PID, start: f.StartTime})
	}
	switch {
	case f.Dead, errors.Is(err, os.ErrProcessDone), errors.Is(err, unix.ESRCH):
		c.reaped = true
		s.resumeBounds(c)
		s.settle(c)
		return false, nil
	case err != nil:
		return false, fmt.Errorf("take over process %d: %w", f.PID, err)
	}
	s.resumeBounds(c)
	if s.ownChild(c) {
		c.adopted = false
		if err := s.attend(c); err != nil {
			unix.Close(c.pidfd)
			return false, err
		}
		return true, nil
	}
	y := &s.system
	y.mu.Lock()
	y.mains[c.PID] = c
	y.mu.Unlock()
	if err := y.watch(c.pidfd, false, func() { s.over(c) }); err != nil {
		y.forget(c)
		unix.Close(c.pidfd)
		return false, err
	}
	return true, nil
}

// Group is the directory of the child's control group, "" if it has none, and then why.
func (c *Child) Group() (dir, why string) {
	if c.group == nil {
		return "", c.why
	}
	return c.group.dir, ""
}

// ownChild reports whether this very process is the parent: it has replaced itself by a newer supervisor. Whose child it is else is
// noted.
func (s *Spawner) ownChild(c *Child) bool {
	if r := s.options.Reaper; r != nil && r() == os.Getpid() {
		return false // it reaps all that is left to it, elsewhere
	}
	p, err := readProcess(c.PID)
	if err != nil || p.start != c.StartTime {
		return false
	}
	s.foster.meet(p.ppid)
	return p.ppid == os.Getpid()
}

func (g *cgroup) exists() bool {
	var st unix.Stat_t
	return unix.Stat(g.dir, &st) == nil
}

// over is called when an adopted main process has ended. Its parent, the reaper, has the status, and says so; where there is
// none, the kernel may still tell.
func (s *Spawner) over(c *Child) {
	if s.options.Reaper == nil || s.options.Reaper() == 0 || !c.childOf(s.options.Reaper()) {
		s.conclude(c, c.lastWords)
		return
	}
	time.AfterFunc(wordPatience, func() { s.conclude(c, c.lastWords) }) // nothing, if the word came
}

// childOf reports whether pid is the parent of the main process, or was when it ended.
func (c *Child) childOf(pid int) bool {
	p, err := readProcess(c.PID)
	return err != nil || p.start != c.StartTime || p.ppid == pid
}

// Reaped is told by the reaper how a process ended that was left to it, as wait4(2) has it. When it returns the status is on record and the
// process may be reaped. It reports whether the process was a main one that was adopted.
func (s *Spawner) Reaped(pid int, start uint64, status uint32) bool {
	s.system.mu.Lock()
	c := s.system.mains[pid]
	s.system.mu.Unlock()
	if c == nil || !c.adopted || start != 0 && start != c.StartTime {
		return false
	}
	s.conclude(c, func() Exit { return exitOf(syscall.WaitStatus(status)) })
	return true
}

// conclude ends an adopted child, once.
func (s *Spawner) conclude(c *Child, how func() Exit) {
	c.mu.Lock()
	if c.concluded || s.closed() {
		c.mu.Unlock()
		return
	}
	c.concluded = true
	c.mu.Unlock()
	e := how()
	e.At = time.Now()
	e.OOM = e.Signal == unix.SIGKILL && s.system.oomKilled(c)
	if peek := s.options.Peek; peek != nil {
		peek(c.Tag, e)
	}
	s.system.forget(c)
	c.mu.Lock()
	c.reaped = true
	c.mu.Unlock()
	c.ended(e)
}

// lastWords asks the kernel how the main process ended: its zombie, where we may look at it, or since Linux 6.15 the pidfd of
// one that was reaped.
func (c *Child) lastWords() Exit {
	if status, ok := zombieStatus(c.PID, c.StartTime); ok {
		return exitOf(status)
	}
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.pidfd), unix.PIDFD_GET_INFO, uintptr(unsafe.Pointer(&info)))
	if errno == 0 && info.Mask&unix.PIDFD_INFO_EXIT != 0 {
		return exitOf(syscall.WaitStatus(info.Exit_code))
	}
	return Exit{Code: -1, Lost: true}
}

// zombieStatus returns the wait status of a process that nobody has reaped yet. Of somebody else's process the kernel says
// that it is 0.
func zombieStatus(pid int, start uint64) (syscall.WaitStatus, bool) {
	dir := procfs + strconv.Itoa(pid)
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil || os.Geteuid() != 0 && int(st.Uid) != os.Geteuid() {
		return 0, false
	}
	var buf [1024]byte
	n, err := readFile(dir+"/stat", buf[:])
	if err != nil {
		return 0, false
	}
	p, ok := parseStat(buf[:n])
	if !ok || !p.dead || p.start != start {
		return 0, false
	}
	text := buf[:n]
	for len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == 0) {
		text = text[:len(text)-1]
	}
	i := len(text)
	for i > 0 && text[i-1] != ' ' {
		i--
	}
	return syscall.WaitStatus(atoi(text[i:])), true // the last field
}

func exitOf(status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{Code: -1, Signal: status.Signal(), Core: status.CoreDump()}
	}
	return Exit{Code: status.ExitStatus()}
}
