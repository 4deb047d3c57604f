package spawn

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// system waits for all children: one epoll set of pidfds, whose own descriptor sits in Go's poller, so that the one
// goroutine that waits holds no thread.
type system struct {
	file *os.File // the epoll set; closing it ends the goroutine
	conn syscall.RawConn
	scan scanner

	mu      sync.Mutex
	next    uint64
	watches map[uint64]watch // by epoll token
	mains   map[int]*Child   // children whose main process is not reaped, by pid

	groups *cgroups // nil: none
	bounds bounder
	ooms   *oomCounter // nil: the kernel does not count
	low    *lowNumbers // nil: launches go through package syscall
	blind  bool        // for tests: as on a kernel without pidfds
}

// watch is a pidfd and what to do when its process has ended.
type watch struct {
	f     func()
	pidfd int // to be closed then; -1 if it is the child's own
}

func (y *system) start(s *Spawner) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	// epoll_create1 knows no O_NONBLOCK, and os.NewFile polls only what has it.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return fmt.Errorf("epoll: %w", err)
	}
	y.file = os.NewFile(uintptr(fd), "epoll")
	if y.conn, err = y.file.SyscallConn(); err != nil {
		y.file.Close()
		return fmt.Errorf("epoll: %w", err)
	}
	y.watches, y.mains = make(map[uint64]watch), make(map[int]*Child)
	y.ooms = newOOMCounter()
	if y.low, err = newLowNumbers(s.null, launchesAtATime()); err != nil {
		y.file.Close()
		return err
	}
	if root := s.options.CgroupRoot; root != "" {
		y.groups = newCgroups(root)
		y.bounds.root = root
	}
	s.running.Add(1)
	go y.wait(&s.running) // until stop
	return nil
}

// stop ends the goroutine soon.
func (y *system) stop() error { return y.file.Close() }

// forsake closes what was watched, after the goroutine has ended.
func (y *system) forsake() {
	if y.ooms != nil {
		y.ooms.close()
	}
	if y.groups != nil {
		y.groups.forsake()
	}
	if y.low != nil {
		y.low.close()
	}
	y.bounds.forsake()
	for _, w := range y.watches {
		w.close()
	}
}

func (w watch) close() {
	if w.pidfd >= 0 {
		unix.Close(w.pidfd)
	}
}

func (y *system) wait(running *sync.WaitGroup) {
	defer running.Done()
	events := make([]unix.EpollEvent, 128)
	for {
		n := 0
		err := y.conn.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0) // EINTR: n is -1, asked again
			return n != 0
		})
		if err != nil {
			return // closed
		}
		for _, e := range events[:max(n, 0)] {
			y.fire(token(&e))
		}
	}
}

func (y *system) fire(id uint64) {
	y.mu.Lock()
	w, ok := y.watches[id]
	delete(y.watches, id)
	y.mu.Unlock()
	if ok {
		w.close()
		w.f()
	}
}

// watch has f called, once, by the waiter when the process of pidfd has ended; own says that pidfd is closed then.
func (y *system) watch(pidfd int, own bool, f func()) error {
	w := watch{f: f, pidfd: -1}
	if own {
		w.pidfd = pidfd
	}
	y.mu.Lock()
	y.next++
	id := y.next
	y.watches[id] = w
	y.mu.Unlock()
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	setToken(&e, id)
	var err error
	closed := y.conn.Control(func(fd uintptr) { err = unix.EpollCtl(int(fd), unix.EPOLL_CTL_ADD, pidfd, &e) })
	if err = errors.Join(closed, err); err != nil {
		y.mu.Lock()
		delete(y.watches, id)
		y.mu.Unlock()
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// An epoll event carries 64 bits for its owner, which x/sys splits in two.
func setToken(e *unix.EpollEvent, id uint64) { e.Fd, e.Pad = int32(uint32(id)), int32(uint32(id>>32)) }

func token(e *unix.EpollEvent) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }

// attend begins to wait for c.
func (s *Spawner) attend(c *Child) error {
	y := &s.system
	y.mu.Lock()
	y.mains[c.PID] = c
	y.mu.Unlock()
	if c.pidfd < 0 { // a kernel or a sandbox without pidfds: one thread each
		go s.reap(c) // until the child ends; Close does not wait for it
		return nil
	}
	err := y.watch(c.pidfd, false, func() { s.reap(c) })
	if err != nil {
		y.forget(c)
	}
	return err
}

func (y *system) forget(c *Child) {
	y.mu.Lock()
	if y.mains[c.PID] == c {
		delete(y.mains, c.PID)
	}
	y.mu.Unlock()
}

// reap takes c's status, after a peek while the zombie still holds its pid.
func (s *Spawner) reap(c *Child) {
	e, err := c.waitid(unix.WEXITED | unix.WNOWAIT)
	if err != nil {
		e = Exit{Code: -1, Lost: true}
	}
	e.At = time.Now()
	e.OOM = e.Signal == unix.SIGKILL && s.system.oomKilled(c)
	if s.closed() {
		return // only a goroutine of its own gets here
	}
	if peek := s.options.Peek; peek != nil {
		peek(c.Tag, e)
	}
	s.system.forget(c) // before its pid can be another's
	c.mu.Lock()
	_, _ = c.waitid(unix.WEXITED) // what it tells was peeked
	c.reaped = true
	c.mu.Unlock()
	c.ended(e)
}

// waitid waits for c's end, which is at hand where a pidfd said so.
func (c *Child) waitid(options int) (Exit, error) {
	kind, id := unix.P_PIDFD, c.pidfd
	if c.pidfd < 0 {
		kind, id = unix.P_PID, c.PID
	}
	var info childInfo
	var usage unix.Rusage
	for {
		err := unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(&info)), options, &usage)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return Exit{}, fmt.Errorf("wait for process %d: %w", c.PID, err)
		}
		return info.exit(&usage), nil
	}
}

// childInfo is the kernel's siginfo_t as it is filled for SIGCHLD.
type childInfo struct {
	signo, errno, code int32
	fields             struct { // a union, aligned as a pointer
		_      [0]uintptr
		pid    int32
		uid    uint32
		status int32
	}
	_ [128]byte // siginfo_t is 128 bytes altogether
}

// The values of si_code for SIGCHLD.
const (
	cldExited = 1
	cldDumped = 3
)

func (i *childInfo) exit(u *unix.Rusage) Exit {
	e := Exit{Rusage: Rusage{
		User:   time.Duration(u.Utime.Nano()),
		System: time.Duration(u.Stime.Nano()),
		MaxRSS: int64(u.Maxrss) << 10,
	}}
	if i.code == cldExited {
		e.Code = int(i.fields.status)
		return e
	}
	e.Code, e.Signal, e.Core = -1, syscall.Signal(i.fields.status), i.code == cldDumped
	return e
}
