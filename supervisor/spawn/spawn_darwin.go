package spawn

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// system waits by one goroutine, and so one thread, per child: there are no pidfds here.
type system struct {
	scan  scanner
	mu    sync.Mutex
	mains map[int]*Child // children whose main process is not reaped, by pid
}

// handle is empty: a child is known by its pid, which is its own until it is reaped.
type handle struct{}

func (y *system) start(*Spawner) error {
	y.mains = make(map[int]*Child)
	return nil
}

func (y *system) stop() error { return nil }
func (y *system) forsake()    {}

func openNull() (int, error) { return unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0) }

func keepDescriptors() error { return keepDescriptorsIn("/dev/fd") }

func countFree() (int, bool) { return 0, false }

func closeFD(fd int) { unix.Close(fd) }

func (s *Spawner) launch(c *Cmd, child *Child) error {
	child.bounds, child.holds = c.Bounds, hold(c.Bounds)
	if c.trampolined() || c.Umask != nil || c.Nice != nil {
		return fmt.Errorf("exec %s: umask, nice, limits and oom score are not supported on this system", c.Path)
	}
	attr := syscall.ProcAttr{
		Dir:   c.Dir,
		Env:   c.environment(s.options.Marker),
		Files: c.files(s.null),
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	if u := c.User; u != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	}
	pid, err := syscall.ForkExec(c.Path, c.Argv, &attr)
	if err != nil {
		return explainFork(c, attr, err)
	}
	child.PID = pid
	if k, err := unix.SysctlKinfoProc("kern.proc.pid", pid); err == nil {
		child.StartTime = startOf(k)
	}
	s.system.mu.Lock()
	s.system.mains[pid] = child
	s.system.mu.Unlock()
	go s.reap(child) // until the child ends; Close does not wait for it
	return nil
}

func (s *Spawner) reap(c *Child) {
	var status unix.WaitStatus
	var usage unix.Rusage
	var err error
	for {
		if _, err = unix.Wait4(c.PID, &status, 0, &usage); err != unix.EINTR {
			break
		}
	}
	e := Exit{Code: -1, Lost: err != nil, At: time.Now(), Rusage: Rusage{
		User:   time.Duration(usage.Utime.Nano()),
		System: time.Duration(usage.Stime.Nano()),
		MaxRSS: usage.Maxrss, // bytes here
	}}
	switch {
	case err != nil:
	case status.Exited():
		e.Code = status.ExitStatus()
	default:
		e.Signal, e.Core = status.Signal(), status.CoreDump()
	}
	s.system.mu.Lock()
	delete(s.system.mains, c.PID)
	s.system.mu.Unlock()
	c.mu.Lock()
	c.reaped = true
	c.mu.Unlock()
	if s.closed() {
		return
	}
	if peek := s.options.Peek; peek != nil {
		peek(c.Tag, e) // too late to be a peek: wait4 has no WNOWAIT
	}
	c.ended(e)
}

// Membership says how the processes of the tree are known.
func (c *Child) Membership() string { return c.spawner.lineageMembership() }

func (c *Child) grouped() bool                     { return false }
func (c *Child) populated() bool                   { return false }
func (c *Child) vacant() bool                      { return false }
func (c *Child) closeHandle() error                { return nil }
func (c *Child) killGroup() bool                   { return false }
func (c *Child) sendMain(sig syscall.Signal) error { return unix.Kill(c.PID, sig) }

func (c *Child) membersIn(t *table) (census, error) { return c.byLineage(t), nil }

func (c *Child) killSession() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		_ = unix.Kill(-c.PID, unix.SIGKILL) // not reaped: the group's id is its own
	}
}

func (y *system) isMain(pid int) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	_, ok := y.mains[pid]
	return ok
}

func (s *Spawner) table() (*table, error) { return s.system.scan.table(readTable) }

// readTable reads the process table. Sessions are not told: a process group, which one starts as, has to do for them.
func readTable() (*table, error) {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, fmt.Errorf("read process table: %w", err)
	}
	t := newTable(len(all))
	for i := range all {
		k := &all[i]
		pid := int(k.Proc.P_pid)
		t.add(process{
			pid: pid, ppid: int(k.Eproc.Ppid), pgid: int(k.Eproc.Pgid), sid: int(k.Eproc.Pgid),
			start: startOf(k), dead: k.Proc.P_stat == zombie,
		})
	}
	return t, nil
}

// zombie is SZOMB of sys/proc.h.
const zombie = 5

func startOf(k *unix.KinfoProc) uint64 {
	return uint64(k.Proc.P_starttime.Sec)*1e6 + uint64(k.Proc.P_starttime.Usec)
}

// carries looks for the entry in what kern.procargs2 tells of arguments and environment.
func carries(p process, entry string) (has, sure bool) {
	raw, err := unix.SysctlRaw("kern.procargs2", p.pid)
	return err == nil && containsEntry(raw, entry), true
}

func sendIdentified(m member, sig syscall.Signal) error {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", m.pid)
	if err != nil || startOf(k) != m.start {
		return os.ErrProcessDone
	}
	if err := unix.Kill(m.pid, sig); !errors.Is(err, unix.ESRCH) {
		return err
	}
	return os.ErrProcessDone
}

// gone is not known without a look at the whole table.
func (c *Child) gone() bool { return false }

func (s *Spawner) watchMember(member, func()) bool { return false }

// RaiseNoFile raises the soft limit on open files to want, within the hard one. Go gives children the original back only
// while the limit is the one it set itself, so it is left alone where that suffices.
func RaiseNoFile(want uint64) (soft, hard uint64, err error) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, 0, fmt.Errorf("read open files limit: %w", err)
	}
	if want > lim.Cur {
		return lim.Cur, lim.Max, fmt.Errorf("raise open files limit to %d: not supported on this system", want)
	}
	return lim.Cur, lim.Max, nil
}

// RestoreNoFile has nothing to take back.
func RestoreNoFile() error { return nil }
