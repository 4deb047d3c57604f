// Package lock holds files so that the kernel lets go when the holder dies.
//
// A lock is a flock(2) on a file that is never removed while it may be in use.
// What the file says about its holder is for people; who holds it is the
// kernel's word alone. It is linked into the thin command, whose start-up is
// that of an empty program, so it imports nothing that costs at start-up (a
// test says which).
package lock

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
)

// ErrHeld says that someone else holds the lock. The error that wraps it is a
// *HeldError.
var ErrHeld = errors.New("lock is held")

// HeldError names who kept us from a lock.
type HeldError struct {
	Path   string
	Holder Holder // what the lock's file says; zero if that cannot be read
	Cause  error  // why waiting ended: the context's cause; nil from Try
}

func (e *HeldError) Error() string {
	msg := "lock " + e.Path + ": held by "
	if e.Holder.PID == 0 {
		msg += "another process"
	} else {
		msg += "pid " + strconv.Itoa(e.Holder.PID)
	}
	if e.Holder.Command != "" {
		msg += " (" + e.Holder.Command + ")"
	}
	if !e.Holder.Since.IsZero() {
		msg += " since " + e.Holder.Since.Local().Format("2006-01-02 15:04:05")
	}
	return msg
}

// Unwrap makes errors.Is find ErrHeld, and the reason why waiting ended.
func (e *HeldError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrHeld}
	}
	return []error{ErrHeld, e.Cause}
}

// Lock is a lock that is held. It is held until Release, or until the process
// ends; a Lock that is merely forgotten stays held.
type Lock struct {
	path string
	fd   atomic.Int64 // handle on Windows; -1 once released
}

// Acquire waits for the lock at path until ctx ends. The file is made if need
// be, its directory is not. If ctx ends first the error is a *HeldError.
//
// Waiting is done by the kernel, in a thread of its own that cannot be called
// back: when ctx ends first, that thread stays until it gets the lock, and then
// lets it go at once. So a process that gives up often should not be one that
// lives long.
func Acquire(ctx context.Context, path string, by Holder) (*Lock, error) {
	for range rounds {
		fd, err := openFile(path)
		if err != nil {
			return nil, err
		}
		got, err := tryInTurn(fd)
		if err == nil && !got {
			err = wait(ctx, fd)
		}
		switch {
		case errors.Is(err, errLeft):
			return nil, &HeldError{Path: path, Holder: readHolder(path), Cause: context.Cause(ctx)}
		case err != nil:
			closeFile(fd)
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		}
		l, err := settle(fd, path, by)
		if l != nil || err != nil {
			return l, err
		}
	}
	return nil, &os.PathError{Op: "lock", Path: path, Err: errRestless}
}

// Try takes the lock at path at once, or fails with a *HeldError. List and
// ClearStale take locks for some microseconds to see whether anyone holds them,
// which must not look like a holder: so Try looks again for some milliseconds.
func Try(path string, by Holder) (*Lock, error) {
	pause := 50 * time.Microsecond
	for range rounds {
		fd, err := openFile(path)
		if err != nil {
			return nil, err
		}
		got, err := tryFile(fd)
		if err != nil {
			closeFile(fd)
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		}
		if got {
			l, err := settle(fd, path, by)
			if l != nil || err != nil {
				return l, err
			}
			continue
		}
		closeFile(fd)
		if pause > 200*time.Microsecond {
			return nil, &HeldError{Path: path, Holder: readHolder(path)}
		}
		time.Sleep(pause)
		pause *= 2
	}
	return nil, &os.PathError{Op: "lock", Path: path, Err: errRestless}
}

// rounds bounds how often a file may go while we take its lock. A few times in
// a row is bad luck; that often is a file system that has no lasting inodes.
const rounds = 1000

var errRestless = errors.New("the file is replaced over and over")

// Release lets go. The lock is free when no other process has a copy of FD.
func (l *Lock) Release() error {
	fd := l.fd.Swap(-1)
	if fd == -1 {
		return &os.PathError{Op: "release", Path: l.path, Err: os.ErrClosed}
	}
	// Closing, not unlocking: LOCK_UN would take the lock from all copies.
	if err := closeFile(int(fd)); err != nil {
		return &os.PathError{Op: "release", Path: l.path, Err: err}
	}
	return nil
}

// FD is the descriptor of the open file, to hand to another process: the lock
// lives as long as any copy of it does. It is close-on-exec, and -1 once
// released.
func (l *Lock) FD() int { return int(l.fd.Load()) }

// Path is the file that is locked.
func (l *Lock) Path() string { return l.path }

// errLeft says that wait has given up, and that the descriptor is no more ours.
var errLeft = errors.New("left the queue")

// wait queues for the lock on fd until ctx ends.
func wait(ctx context.Context, fd int) error {
	if ctx.Done() == nil {
		return lockInTurn(fd)
	}
	if ctx.Err() != nil {
		closeFile(fd)
		return errLeft
	}
	const waiting, taken, left = 0, 1, 2
	var state atomic.Int32
	done := make(chan error, 1)
	go func() { // Ends when the kernel gives the lock, which may be after wait has returned.
		err := lockInTurn(fd)
		if !state.CompareAndSwap(waiting, taken) {
			closeFile(fd)
			return
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if state.CompareAndSwap(waiting, left) {
			return errLeft
		}
		return <-done // It came in the last moment: take it.
	}
}

// settle makes a Lock of a descriptor just locked, unless the file has been
// removed or replaced while we came: then nobody who comes later would meet us
// there. It returns nil and no error if so, and the caller starts again.
func settle(fd int, path string, by Holder) (*Lock, error) {
	size, here, err := lookUp(fd, path)
	if err == nil && here {
		err = writeHolder(fd, size, by)
	}
	if err != nil {
		closeFile(fd)
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	if !here {
		closeFile(fd)
		runtime.Gosched()
		return nil, nil
	}
	l := &Lock{path: path}
	l.fd.Store(int64(fd))
	return l, nil
}
