package spawn

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// threadError is about the thread, not about what it was to fork.
type threadError struct{ cause error }

func (e *threadError) Error() string { return e.cause.Error() }
func (e *threadError) Unwrap() error { return e.cause }

// onOwnThread runs fork on a thread with its own umask, niceness and level of I/O priority, which a new process inherits. The thread is never
// used for anything else: a process cannot always lower a niceness again, nor share its umask anew.
func onOwnThread(umask, nice, io *int, fork func() error) error {
	result := make(chan error, 1)
	go func() { result <- forkApart(umask, nice, io, fork) }() // ends with the fork
	return <-result
}

func forkApart(umask, nice, io *int, fork func() error) error {
	runtime.LockOSThread() // without Unlock: the thread ends with the goroutine
	if unix.Gettid() == unix.Getpid() {
		// The main thread cannot end, and its niceness is shown as that of the process. Held here, it cannot be the next one.
		defer runtime.UnlockOSThread()
		return onOwnThread(umask, nice, io, fork)
	}
	if umask != nil {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return &threadError{fmt.Errorf("umask %#o: unshare: %w", *umask, err)}
		}
		unix.Umask(*umask)
	}
	if nice != nil {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, *nice); err != nil { // 0 is this thread
			return &threadError{fmt.Errorf("nice %d: %w", *nice, err)}
		}
	}
	if io != nil {
		const whoProcess, bestEffort, classShift = 1, 2, 13
		_, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, 0, uintptr(bestEffort<<classShift|*io))
		if errno != 0 {
			return &threadError{fmt.Errorf("io priority %d: %w", *io, errno)}
		}
	}
	return fork()
}
