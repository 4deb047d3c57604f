//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package lock

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The actors end when their standard input does, so none outlives the test.
func init() {
	actors["hold"] = func(args []string) { // PATH: holds it
		_, err := Acquire(context.Background(), args[0], Holder{PID: os.Getpid(), Command: "actor hold", Since: time.Now()})
		fmt.Println(err == nil)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	actors["keep"] = func([]string) { // keeps descriptor 3
		fmt.Println(true)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	actors["count"] = func(args []string) { // PATH FILE TIMES: adds one to the number in FILE, under the lock
		times, _ := strconv.Atoi(args[2])
		for range times {
			l, err := Acquire(context.Background(), args[0], Holder{PID: os.Getpid(), Command: "actor count"})
			if err == nil {
				err = addOne(args[1])
			}
			if err == nil {
				err = l.Release()
			}
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		fmt.Println(true)
	}
}

func addOne(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(data))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strconv.Itoa(n+1)), 0o600)
}

// actor runs a role and returns once it has printed its first line.
func actor(t *testing.T, role string, extra []*os.File, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "WEAVER_LOCK_TEST="+role)
	cmd.ExtraFiles = extra
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "true\n", line)
	return cmd
}

func TestKernelFreesTheLockOfAKilledHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	holder := actor(t, "hold", nil, path)

	_, err := Try(path, me)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, holder.Process.Pid, held.Holder.PID)
	require.Contains(t, err.Error(), fmt.Sprintf("held by pid %d (actor hold) since 20", holder.Process.Pid))

	got := make(chan error)
	go func() { // Ends when the holder has died.
		l, err := Acquire(t.Context(), path, me)
		if err == nil {
			err = l.Release()
		}
		got <- err
	}()
	require.NoError(t, holder.Process.Kill())
	require.NoError(t, <-got)
}

func TestLockLivesWithAnyCopyOfItsDescriptor(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "web.lock")
	l, err := Acquire(t.Context(), path, me)
	require.NoError(t, err)
	dup, err := syscall.Dup(l.FD())
	require.NoError(t, err)
	copied := os.NewFile(uintptr(dup), path)
	keeper := actor(t, "keep", []*os.File{copied})
	require.NoError(t, copied.Close())
	require.NoError(t, l.Release())

	_, err = Try(path, me)
	require.ErrorIs(t, err, ErrHeld)
	infos, err := List(dir)
	require.NoError(t, err)
	require.True(t, infos[0].Held)

	require.NoError(t, keeper.Process.Kill())
	_ = keeper.Wait()
	l, err = Acquire(t.Context(), path, me)
	require.NoError(t, err)
	require.NoError(t, l.Release())
}

func TestDescriptorIsNotInherited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	l, err := Acquire(t.Context(), path, me)
	require.NoError(t, err)
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(l.FD()), syscall.F_GETFD, 0)
	require.Zero(t, errno)
	require.NotZero(t, flags&syscall.FD_CLOEXEC)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.NoError(t, l.Release())
}

func TestOnlyPlainFilesAreLocked(t *testing.T) {
	dir := t.TempDir()
	target, link, fifo := filepath.Join(dir, "target"), filepath.Join(dir, "link.lock"), filepath.Join(dir, "fifo.lock")
	require.NoError(t, os.WriteFile(target, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))

	_, err := Acquire(t.Context(), link, me)
	require.EqualError(t, err, "open lock "+link+": is a symbolic link")
	_, err = Acquire(t.Context(), fifo, me)
	require.EqualError(t, err, "lock "+fifo+": is not a plain file")
	removed, err := ClearStale(dir)
	require.NoError(t, err)
	require.Empty(t, removed)
	data, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, "precious", string(data))
}

func TestLongerOldRecordGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	require.NoError(t, os.WriteFile(path, make([]byte, 5000), 0o600))
	l, err := Try(path, me)
	require.NoError(t, err)
	defer l.Release()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, recordSize, info.Size())
}

// A file moved away, or replaced, while its lock is being taken is no lock any
// more: those who come later look elsewhere.
func TestReplacedFileIsNotTheLock(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"removed":  os.Remove,
		"moved":    func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error { _ = os.Link(path, path+".old"); return replaceFile(path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "web.lock")
			fd, err := openFile(path)
			require.NoError(t, err)
			got, err := tryFile(fd)
			require.NoError(t, err)
			require.True(t, got)
			require.NoError(t, replace(path))
			l, err := settle(fd, path, me)
			require.NoError(t, err)
			require.Nil(t, l)
		})
	}
}

// Between the opening and the locking of a stale file others may have removed
// it and made a new one, which is theirs.
func TestClearStaleSparesTheNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	fd, err := openFile(path)
	require.NoError(t, err)
	defer closeFile(fd)
	require.NoError(t, replaceFile(path))
	gone, err := removeOpen(fd, path)
	require.NoError(t, err)
	require.False(t, gone)
	require.FileExists(t, path)
}

func replaceFile(path string) error {
	if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// contend runs n who take the lock again and again until goal is reached,
// and returns how often each had it.
func contend(t *testing.T, path string, n int, reached func(had []int) bool, hold func()) []int {
	t.Helper()
	had := make([]int, n)
	var inside atomic.Int32
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { // Ends when reached says so.
			for {
				l, err := Acquire(context.Background(), path, Holder{PID: i + 1})
				if !assert.NoError(t, err) {
					return
				}
				if !assert.EqualValues(t, 1, inside.Add(1), "two holders") {
					return
				}
				stop := reached(had)
				if !stop {
					had[i]++ // The race detector watches, too.
				}
				hold()
				inside.Add(-1)
				if !assert.NoError(t, l.Release()) || stop {
					return
				}
			}
		})
	}
	all.Wait()
	return had
}

func TestClearStaleNeverMakesTwoHolders(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "web.lock")
	stop := make(chan struct{})
	var removed atomic.Int64
	var clearers sync.WaitGroup
	for range 2 {
		clearers.Go(func() { // Ends when stop is closed.
			for {
				select {
				case <-stop:
					return
				default:
				}
				gone, err := ClearStale(dir)
				if !assert.NoError(t, err) {
					return
				}
				removed.Add(int64(len(gone)))
				_, err = List(dir)
				assert.NoError(t, err)
			}
		})
	}
	total := 0
	contend(t, path, 4, func([]int) bool { total++; return total > 3000 }, func() {})
	close(stop)
	clearers.Wait()
	require.Positive(t, removed.Load(), "nothing was removed, so nothing was tested")
}

func TestClearStaleAcrossProcesses(t *testing.T) {
	dir := t.TempDir()
	path, file := filepath.Join(dir, "web.lock"), filepath.Join(dir, "number")
	require.NoError(t, os.WriteFile(file, []byte("0"), 0o600))
	stop, cleared := make(chan struct{}), make(chan int)
	go func() { // Ends when stop is closed.
		n := 0
		for {
			select {
			case <-stop:
				cleared <- n
				return
			default:
				gone, err := ClearStale(dir)
				assert.NoError(t, err)
				n += len(gone)
			}
		}
	}()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { actor(t, "count", nil, path, file, "100") })
	}
	all.Wait()
	close(stop)
	require.Positive(t, <-cleared)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "400", string(data))
}
