//go:build linux && (amd64 || arm64)

package vfork_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weaver/supervisor/spawn/vfork"
)

func TestMain(m *testing.M) {
	_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) // what whoever runs the tests left open
	os.Exit(m.Run())
}

// low reserves a descriptor below 64 that leads to f.
func low(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 16)
	require.NoError(t, err)
	require.Less(t, fd, 64)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// wait returns how the child ended.
func wait(t *testing.T, p vfork.Process) syscall.WaitStatus {
	t.Helper()
	var status syscall.WaitStatus
	_, err := syscall.Wait4(p.PID, &status, 0, nil)
	require.NoError(t, err)
	require.NoError(t, unix.Close(p.PIDFD))
	return status
}

// output runs a shell command after what more adds to the script.
func output(t *testing.T, command string, more func(*vfork.Script)) string {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	var s vfork.Script
	s.Unshare(64)
	s.Put(low(t, w), 1)
	if more != nil {
		more(&s)
	}
	require.NoError(t, s.Exec("/bin/sh", []string{"sh", "-c", command}, []string{"A=1"}))
	p, err := s.Run(-1)
	require.NoError(t, err)
	w.Close()
	// The reserved copy is a writer, too.
	done := make(chan syscall.WaitStatus, 1)
	go func() { done <- wait(t, p) }()
	assert.Zero(t, (<-done).ExitStatus())
	require.NoError(t, unix.SetNonblock(int(r.Fd()), true))
	buf := make([]byte, 4096)
	n, _ := unix.Read(int(r.Fd()), buf)
	return string(buf[:max(n, 0)])
}

func TestAChildHasOnlyWhatItIsGiven(t *testing.T) {
	for range 100 { // above the part that the child takes over, and not to be closed at exec: it must not see them
		fd, err := unix.FcntlInt(0, unix.F_DUPFD, 200)
		require.NoError(t, err)
		defer unix.Close(fd)
	}
	out := output(t, "ls /proc/self/fd | tr '\\n' ' '; echo; env", nil)
	fds, env, _ := strings.Cut(out, "\n")
	for fd := range strings.FieldsSeq(fds) {
		assert.Len(t, fd, 1, "descriptor %s of %s", fd, fds)
	}
	assert.Contains(t, env, "A=1")
	assert.NotContains(t, env, "HOME=")
}

func TestStepsAreTaken(t *testing.T) {
	umask := syscall.Umask(0o22)
	defer syscall.Umask(umask)
	dir := t.TempDir()
	out := output(t, "pwd; umask; ulimit -n; nice; cut -d' ' -f1,6 /proc/$$/stat", func(s *vfork.Script) {
		s.Setsid()
		s.Limit(unix.RLIMIT_NOFILE, unix.Rlimit{Cur: 77, Max: 88})
		s.Umask(0o77)
		s.Nice(7)
		require.NoError(t, s.Chdir(dir))
	})
	lines := strings.Split(out, "\n")
	require.Len(t, lines, 6)
	assert.Equal(t, []string{dir, "0077", "77", "7"}, lines[:4])
	pid, session, _ := strings.Cut(lines[4], " ")
	assert.Equal(t, pid, session, "it leads a session")
	assert.Equal(t, 0o22, syscall.Umask(0o22), "the parent's stays")
}

func TestAStepThatFailsIsNamed(t *testing.T) {
	run := func(script func(*vfork.Script)) error {
		var s vfork.Script
		s.Unshare(64)
		script(&s)
		_, err := s.Run(-1)
		return err
	}
	exec := func(path string) func(*vfork.Script) {
		return func(s *vfork.Script) { require.NoError(t, s.Exec(path, []string{"x"}, nil)) }
	}
	assert.Equal(t, &vfork.Error{Step: vfork.StepExec, Errno: syscall.ENOENT}, run(exec("/nowhere")))
	assert.Equal(t, &vfork.Error{Step: vfork.StepExec, Errno: syscall.EACCES}, run(exec("/etc")))
	assert.Equal(t, &vfork.Error{Step: vfork.StepDir, Errno: syscall.ENOENT}, run(func(s *vfork.Script) {
		require.NoError(t, s.Chdir("/nowhere"))
		exec("/bin/true")(s)
	}))
	assert.Equal(t, &vfork.Error{Step: vfork.StepDescriptors, Errno: syscall.EBADF}, run(func(s *vfork.Script) {
		s.Close(63) // which is not open: no matter
		s.Put(62, 1)
		exec("/bin/true")(s)
	}))
	var s vfork.Script
	assert.ErrorIs(t, s.Exec("/bin/a\x00b", []string{"x"}, nil), syscall.EINVAL)
	assert.ErrorIs(t, s.Exec("/bin/true", []string{"x"}, []string{"A=\x00"}), syscall.EINVAL)
	assert.ErrorIs(t, s.Chdir("\x00"), syscall.EINVAL)
	_, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	assert.Equal(t, syscall.ECHILD, err, "those that gave up are reaped")
}

// Launches from many goroutines, while others allocate, collect and signal, hurt nobody.
func TestManyAtOnce(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 50
	}
	stop := make(chan struct{})
	var busy, launches sync.WaitGroup
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = fmt.Sprint(make([]byte, 1<<16))
				runtime.GC()
			}
		}
	})
	for i := range 4 {
		launches.Go(func() {
			for range n / 4 {
				var s vfork.Script
				s.Unshare(64)
				s.Setsid()
				if err := s.Exec("/bin/sh", []string{"sh", "-c", fmt.Sprintf("exit %d", i+1)}, os.Environ()); err != nil {
					t.Error(err)
					return
				}
				p, err := s.Run(-1)
				if err != nil {
					t.Error(err)
					return
				}
				if status := wait(t, p); status.ExitStatus() != i+1 {
					t.Errorf("child %d ended with %v", p.PID, status)
				}
			}
		})
	}
	launches.Wait()
	close(stop)
	busy.Wait()
}

// Who holds ForkLock has made descriptors inheritable, for a program of its own: no child gets them.
func TestNothingIsStartedWhileForkLockIsHeld(t *testing.T) {
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 20)
	require.NoError(t, err)
	require.Less(t, fd, 64)
	defer unix.Close(fd)
	syscall.ForkLock.Lock()
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
	require.NoError(t, err)
	ended := make(chan int, 1)
	go func() { // ends with the child
		var s vfork.Script
		s.Unshare(64)
		if err := s.Exec("/bin/sh", []string{"sh", "-c", fmt.Sprintf("test ! -e /proc/self/fd/%d", fd)}, nil); err != nil {
			t.Error(err)
		}
		p, err := s.Run(-1)
		if err != nil {
			t.Error(err)
			ended <- -1
			return
		}
		ended <- wait(t, p).ExitStatus()
	}()
	select {
	case <-ended:
		t.Error("it was started")
		ended <- 0
	case <-time.After(50 * time.Millisecond): // time to go wrong
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
	require.NoError(t, err)
	syscall.ForkLock.Unlock()
	assert.Zero(t, <-ended, "it has the descriptor")
}
