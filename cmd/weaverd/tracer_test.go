//go:build linux && amd64

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fault is what becomes of a system call that changes a file.
type fault struct {
	at    int           // which of them, counted from 1 when it is set; 0 is none
	kill  bool          // the process dies instead
	errno syscall.Errno // it fails
	short bool          // half of what was to be written is, and the next call fails
	once  bool          // only that one; else all from then on
}

// tracer is a file layer below a living supervisor: it sees each system call that changes a file of its home, and has one fail
// or the supervisor die in its place.
type tracer struct {
	t    *testing.T
	pid  int
	home string
	mem  *os.File
	gone chan struct{} // closed when the supervisor is

	mu     sync.Mutex
	fault  fault
	points []string // what was done since the fault was set
}

const (
	ptraceSeize       = 0x4206
	ptraceListen      = 0x4208
	ptraceSyscallInfo = 0x420e
	syscallStop       = syscall.SIGTRAP | 0x80
	waitOwnThread     = 0x20000000 // __WNOTHREAD: the children of other threads are not this one's
)

// trace follows a supervisor until it dies.
func trace(t *testing.T, pid int, home string) *tracer {
	t.Helper()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	require.NoError(t, err)
	tr := &tracer{t: t, pid: pid, home: home, mem: mem, gone: make(chan struct{})}
	ready := make(chan error, 1)
	go func() { // ends when the supervisor does
		runtime.LockOSThread() // never unlocked: only the thread that seized may ask
		defer close(tr.gone)
		defer mem.Close()
		if err := tr.seize(); err != nil {
			ready <- err
			return
		}
		tr.follow(ready)
	}()
	if err := <-ready; err != nil {
		t.Skipf("cannot trace here: %v", err)
	}
	return tr
}

// set begins a new count.
func (tr *tracer) set(f fault) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.fault, tr.points = f, nil
}

func (tr *tracer) seen() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return append([]string(nil), tr.points...)
}

func (tr *tracer) seize() error {
	for {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", tr.pid))
		if err != nil {
			return err
		}
		fresh := 0
		for _, e := range tasks {
			tid, _ := strconv.Atoi(e.Name())
			_, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceSeize, uintptr(tid), 0, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE, 0, 0)
			if errno == unix.EPERM && tr.traced(tid) || errno == unix.ESRCH {
				continue
			}
			if errno != 0 {
				return errno
			}
			fresh++
			if err := unix.PtraceInterrupt(tid); err != nil && err != unix.ESRCH {
				return err
			}
		}
		if fresh == 0 {
			return nil
		}
	}
}

// traced reports whether this process traces a thread already.
func (tr *tracer) traced(tid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", tr.pid, tid))
	return err == nil && bytes.Contains(text, []byte("\nTracerPid:\t"+strconv.Itoa(unix.Gettid())+"\n"))
}

// follow lets all threads run from one system call to the next.
func (tr *tracer) follow(ready chan<- error) {
	fails := map[int]syscall.Errno{} // what a thread's call is going to say
	first := true
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL|waitOwnThread, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			if !errors.Is(err, unix.ECHILD) {
				assert.NoError(tr.t, err)
			}
			if first {
				ready <- err
			}
			return
		}
		if !status.Stopped() {
			delete(fails, tid)
			continue
		}
		if first {
			first = false
			ready <- nil
		}
		signal, event := status.StopSignal(), int(status)>>16
		switch {
		case signal == syscallStop:
			tr.call(tid, fails)
			signal = 0
		case event == unix.PTRACE_EVENT_STOP && signal != unix.SIGTRAP: // the whole process was stopped
			_, _, _ = unix.Syscall6(unix.SYS_PTRACE, ptraceListen, uintptr(tid), 0, 0, 0, 0) // it may have died
			continue
		case event != 0:
			signal = 0
		}
		_ = unix.PtraceSyscall(tid, int(signal)) // it may have died
	}
}

// syscallInfo is the kernel's ptrace_syscall_info.
type syscallInfo struct {
	op   uint8
	_    [3]byte
	arch uint32
	_    [2]uint64
	nr   uint64
	args [6]uint64
	_    [2]uint64
}

func (tr *tracer) call(tid int, fails map[int]syscall.Errno) {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return // it died
	}
	if info.op == 2 { // the way back
		if errno, ok := fails[tid]; ok {
			delete(fails, tid)
			tr.change(tid, func(r *unix.PtraceRegs) { r.Rax = -uint64(errno) })
		}
		return
	}
	what := tr.changes(&info)
	if info.op != 1 || what == "" {
		return
	}
	tr.mu.Lock()
	tr.points = append(tr.points, what)
	n, f := len(tr.points), tr.fault
	tr.mu.Unlock()
	if f.at == 0 || n < f.at || f.once && n > f.at {
		return
	}
	none := func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) }
	switch {
	case f.kill:
		tr.change(tid, none)
		assert.NoError(tr.t, unix.Kill(tr.pid, unix.SIGKILL))
	case f.short && n == f.at:
		if strings.HasPrefix(what, "write ") && info.args[2] > 1 {
			tr.change(tid, func(r *unix.PtraceRegs) { r.Rdx /= 2 })
			break
		}
		fallthrough
	default:
		tr.change(tid, none)
		fails[tid] = f.errno
	}
}

func (tr *tracer) change(tid int, how func(*unix.PtraceRegs)) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) != nil {
		return // it died
	}
	how(&regs)
	_ = unix.PtraceSetRegs(tid, &regs)
}

// changes says what a system call does to which file of the home; "" if it changes none.
func (tr *tracer) changes(info *syscallInfo) string {
	a := info.args
	switch info.nr {
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV:
		return tr.file("write", int(a[0]))
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC_FILE_RANGE:
		return tr.file("sync", int(a[0]))
	case unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE:
		return tr.file("resize", int(a[0]))
	case unix.SYS_RENAME, unix.SYS_LINK:
		return tr.path("rename", a[1])
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		return tr.path("rename", a[3])
	case unix.SYS_UNLINK, unix.SYS_RMDIR:
		return tr.path("remove", a[0])
	case unix.SYS_UNLINKAT:
		return tr.path("remove", a[1])
	case unix.SYS_MKDIR:
		return tr.path("make", a[0])
	case unix.SYS_MKDIRAT:
		return tr.path("make", a[1])
	case unix.SYS_OPENAT:
		if a[2]&(unix.O_CREAT|unix.O_TRUNC) != 0 {
			return tr.path("create", a[1])
		}
	}
	return ""
}

func (tr *tracer) file(what string, fd int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tr.pid, fd))
	if err != nil {
		return ""
	}
	return tr.named(what, path)
}

func (tr *tracer) path(what string, at uint64) string {
	text := make([]byte, 512)
	n, _ := tr.mem.ReadAt(text, int64(at)) // less at the end of a mapping
	text, _, ok := bytes.Cut(text[:n], []byte{0})
	if !ok {
		return ""
	}
	return tr.named(what, string(text))
}

// named leaves out what is no state: the output of services, and what weaver says to people.
func (tr *tracer) named(what, path string) string {
	rel, err := filepath.Rel(tr.home, path)
	if err != nil || strings.HasPrefix(rel, "..") || strings.HasPrefix(rel, "logs") || rel == "weaver.log" || rel == "anchor.log" {
		return ""
	}
	return what + " " + rel
}
