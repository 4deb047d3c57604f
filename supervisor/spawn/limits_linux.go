package spawn

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// originalNoFile is the limit on open files that children get back, once RaiseNoFile raised the supervisor's hard limit;
// nil while Go's own restoring in the child suffices. It belongs to the process, as the limit does.
var originalNoFile atomic.Pointer[unix.Rlimit]

// RaiseNoFile raises this process's limit on open files to want, as far as it may, and returns what holds now. Only root
// can go beyond the hard limit. Children launched by this package keep the limit that this process was started with.
//
// It must not be mixed with syscall.Setrlimit(RLIMIT_NOFILE): that makes Go forget the original.
func RaiseNoFile(want uint64) (soft, hard uint64, err error) {
	now, err := noFile()
	if err != nil {
		return 0, 0, err
	}
	switch {
	case want <= now.Cur || now.Cur+1 == now.Max && want <= now.Max:
		// One below the hard limit is the mark by which Go's fork knows that it has to give back the original: leave it.
		return now.Cur, now.Max, nil
	case want <= now.Max:
		// Somebody lowered the soft limit on purpose after the start. Children have it already; they are to keep it.
		return raise(now, now, unix.Rlimit{Cur: want, Max: now.Max})
	}
	original := now
	if now.Cur+1 == now.Max { // Go raised it: only a child can tell from where
		if original, err = childsNoFile(); err != nil {
			return now.Cur, now.Max, fmt.Errorf("raise open files limit: learn the original: %w", err)
		}
	}
	return raise(now, original, unix.Rlimit{Cur: want, Max: want})
}

func raise(now, original, lim unix.Rlimit) (soft, hard uint64, err error) {
	originalNoFile.CompareAndSwap(nil, &original) // before a child could be forked with the raised one
	// The raw call: syscall.Setrlimit would make Go forget the original for good.
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &lim, nil); err != nil {
		if *originalNoFile.Load() == original {
			originalNoFile.Store(nil)
		}
		return now.Cur, now.Max, fmt.Errorf("raise open files limit to %d:%d: %w", lim.Cur, lim.Max, err)
	}
	return lim.Cur, lim.Max, nil
}

// RestoreNoFile takes back what RaiseNoFile did. It is for the moment before this process execs its successor, which must
// find the limits that children are to get.
func RestoreNoFile() error {
	original := originalNoFile.Load()
	if original == nil {
		return nil
	}
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, original, nil); err != nil {
		return fmt.Errorf("restore open files limit %d:%d: %w", original.Cur, original.Max, err)
	}
	originalNoFile.Store(nil)
	return nil
}

func noFile() (unix.Rlimit, error) {
	var lim unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &lim); err != nil {
		return lim, fmt.Errorf("read open files limit: %w", err)
	}
	return lim, nil
}

// restoreNoFile gives a new child the original limit, if this process's was raised. The child has begun to run, so for
// some microseconds it may see the raised one.
func restoreNoFile(pid int) {
	if original := originalNoFile.Load(); original != nil {
		_ = unix.Prlimit(pid, unix.RLIMIT_NOFILE, original, nil) // it changed its user: root may; it is over: no matter
	}
}

// childsNoFile returns the limit that Go gives to children. It starts this executable under trace, looks at it stopped
// at its first instruction, and kills it there: none of its code runs.
func childsNoFile() (lim unix.Rlimit, err error) {
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"limits"}, &syscall.ProcAttr{
		Files: []uintptr{^uintptr(0), ^uintptr(0), ^uintptr(0)},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return lim, fmt.Errorf("trace: %w", err)
	}
	var status unix.WaitStatus
	if err = waitFor(pid, &status); err == nil && !status.Stopped() {
		return lim, errors.New("trace: process ended at its start")
	}
	if err == nil {
		err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &lim)
	}
	_ = unix.Kill(pid, unix.SIGKILL) // ours and not reaped: the pid is still its own
	return lim, errors.Join(err, waitFor(pid, &status))
}

func waitFor(pid int, status *unix.WaitStatus) error {
	for {
		if _, err := unix.Wait4(pid, status, unix.WALL, nil); err != unix.EINTR {
			return err
		}
	}
}
