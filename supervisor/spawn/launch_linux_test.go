package spawn

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestExitCodesAreExact(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		for _, code := range []int{0, 1, 7, 126, 127, 128, 137, 253, 255} {
			e := wait(t, launch(t, s, shell(fmt.Sprintf("exit %d", code))).exit)
			assert.Equal(t, code, e.Code)
			assert.Zero(t, e.Signal)
			assert.False(t, e.Core)
			assert.False(t, e.Lost)
			assert.False(t, e.At.IsZero())
		}
	})
}

func TestEndBySignalIsTold(t *testing.T) {
	s := newSpawner(t, mode{})
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGSEGV, syscall.SIGUSR1, 35} {
		r := launch(t, s, command("/bin/sleep", "100"))
		require.NoError(t, r.Signal(sig))
		e := wait(t, r.exit)
		assert.Equal(t, sig, e.Signal)
		assert.Equal(t, -1, e.Code)
		assert.False(t, e.Core, "cores are off by the limit")
		assert.False(t, e.OOM)
	}
}

func TestCoreFlagIsTold(t *testing.T) {
	s := newSpawner(t, mode{})
	c := command("/bin/sleep", "100")
	c.Dir = t.TempDir()
	c.Rlimits = []Rlimit{{Resource: syscall.RLIMIT_CORE, Soft: 1 << 30, Hard: ^uint64(0)}}
	r := launch(t, s, c)
	require.NoError(t, r.Signal(syscall.SIGQUIT))
	e := wait(t, r.exit)
	assert.Equal(t, syscall.SIGQUIT, e.Signal)
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	require.NoError(t, err)
	if strings.HasPrefix(string(pattern), "|") {
		t.Skip("cores go to a program here, which decides the flag: ", string(pattern))
	}
	assert.True(t, e.Core)
	assert.Equal(t, "killed by SIGQUIT (core dumped)", e.String())
}

func TestRusageIsTold(t *testing.T) {
	s := newSpawner(t, mode{})
	e := wait(t, launch(t, s, shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")).exit)
	assert.Positive(t, e.User)
	assert.Greater(t, e.MaxRSS, int64(100<<10))
}

func TestExitIsPeekedBeforeItIsReaped(t *testing.T) {
	type seen struct {
		tag  string
		e    Exit
		zomb bool
	}
	peeked := make(chan seen, 1)
	var child sync.Map
	s := newSpawner(t, mode{}, func(o *Options) {
		o.Peek = func(tag string, e Exit) {
			pid, _ := child.Load(tag)
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			peeked <- seen{tag, e, err == nil && strings.Contains(string(line), ") Z ")}
		}
	})
	c := shell("read x; exit 3")
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	c.Stdin = int(in.Fd())
	r := launch(t, s, c)
	child.Store(c.Tag, r.PID)
	out.Close()
	p := wait(t, peeked)
	e := wait(t, r.exit)
	assert.Equal(t, c.Tag, p.tag)
	assert.True(t, p.zomb, "the zombie was gone when it was peeked")
	assert.Equal(t, 3, e.Code)
	assert.Equal(t, p.e, e)
}

func TestArgumentsArriveByteForByte(t *testing.T) {
	s := newSpawner(t, mode{})
	odd := []string{"", " ", "a b", "$HOME", "`x`", "*", "\n\t", "\xff\xfe", "'\"\\", "-", "é", strings.Repeat("x", 100000)}
	for _, limits := range [][]Rlimit{nil, {{syscall.RLIMIT_CORE, 0, 0}}} { // straight, and through the trampoline
		c := role(t, "argv", odd...)
		c.Argv[0] = "another name"
		c.Rlimits = limits
		assert.Equal(t, fmt.Sprintf("%q", c.Argv), output(t, s, c))
	}
}

func printArgv() int {
	fmt.Printf("%q", os.Args)
	return 0
}

func TestEnvironmentIsExactPlusMarker(t *testing.T) {
	s := newSpawner(t, mode{})
	for _, limits := range [][]Rlimit{nil, {{syscall.RLIMIT_CORE, 0, 0}}} {
		c := command("/bin/cat", "/proc/self/environ")
		c.Env = []string{"A=1", marker + "=outer", "A=2", "odd", "E=", "B=\xff\n"}
		c.Rlimits = limits
		assert.Equal(t, "A=1\x00A=2\x00odd\x00E=\x00B=\xff\n\x00"+marker+"="+c.Tag+"\x00", output(t, s, c))
	}
}

func TestOnlyAskedDescriptorsArrive(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		open, err := os.Open("/dev/null") // one that must not leak
		require.NoError(t, err)
		defer open.Close()
		extra, w, err := os.Pipe()
		require.NoError(t, err)
		defer extra.Close()
		defer w.Close()
		for _, limits := range [][]Rlimit{nil, {{syscall.RLIMIT_CORE, 0, 0}}} {
			c := command("/bin/sleep", "100")
			c.Rlimits = limits
			comeToHave(t, launch(t, s, c).PID, "0 /dev/null", "1 /dev/null", "2 /dev/null")
			c.Tag = newTag()
			c.Stdin, c.Stderr = int(extra.Fd()), int(w.Fd())
			c.Extra = []int{int(extra.Fd()), -1, int(w.Fd())}
			comeToHave(t, launch(t, s, c).PID, "0 pipe", "1 /dev/null", "2 pipe", "3 pipe", "5 pipe")
		}
	})
}

// What the supervisor was started with is its own: a CI's pipes, a terminal multiplexer's sockets.
func TestInheritedDescriptorsDoNotLeak(t *testing.T) {
	fd, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0) // not close-on-exec, as inherited ones are
	require.NoError(t, err)
	defer syscall.Close(fd)
	s := newSpawner(t, mode{})
	comeToHave(t, launch(t, s, command("/bin/sleep", "100")).PID, "0 /dev/null", "1 /dev/null", "2 /dev/null")

	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
	require.NoError(t, err)
	require.NoError(t, keepDescriptorsIn("/proc/self/fd")) // as before Linux 5.11
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	require.NoError(t, err)
	assert.Equal(t, unix.FD_CLOEXEC, flags)
}

// comeToHave waits until these are the open descriptors of a process; its loader opens libraries first.
func comeToHave(t *testing.T, pid int, want ...string) {
	t.Helper()
	var open []string
	for deadline := time.Now().Add(5 * time.Second); !slices.Equal(open, want) && time.Now().Before(deadline); {
		open = nil
		dir := fmt.Sprintf("/proc/%d/fd/", pid)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			to, _ := os.Readlink(dir + e.Name()) // closed meanwhile: empty
			kind, _, _ := strings.Cut(to, ":")
			open = append(open, e.Name()+" "+kind)
		}
	}
	assert.Equal(t, want, open)
}

func TestChildLeadsItsOwnSession(t *testing.T) {
	s := newSpawner(t, mode{})
	r := launch(t, s, command("/bin/sleep", "100"))
	p, err := readProcess(r.PID)
	require.NoError(t, err)
	assert.Equal(t, r.PID, p.sid)
	assert.Equal(t, r.PID, p.pgid)
	assert.Equal(t, p.start, r.StartTime)
}

func TestWorkingDirectory(t *testing.T) {
	s := newSpawner(t, mode{})
	dir := filepath.Join(t.TempDir(), "a b \xff")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prog"), []byte("#!/bin/sh\npwd\n"), 0o755))
	for _, limits := range [][]Rlimit{nil, {{syscall.RLIMIT_CORE, 0, 0}}} {
		c := command("./prog") // relative: to the directory
		c.Dir, c.Rlimits = dir, limits
		assert.Equal(t, dir+"\n", output(t, s, c))
	}
}

func TestHelpersRunNextToManagedChildren(t *testing.T) {
	s := newSpawner(t, mode{})
	var g sync.WaitGroup
	managed := make([]*run, 100)
	for i := range managed {
		g.Go(func() { managed[i] = launch(t, s, shell(fmt.Sprintf("exit %d", i))) })
	}
	errs := make(chan error, 300)
	for range 6 {
		g.Go(func() {
			for range 50 {
				errs <- exec.Command("/bin/true").Run()
			}
		})
	}
	g.Wait()
	close(errs)
	for err := range errs {
		assert.NoError(t, err)
	}
	for i, r := range managed {
		e := wait(t, r.exit)
		assert.Equal(t, i, e.Code)
		assert.False(t, e.Lost)
	}
}

func TestExitIsToldOnce(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		r := launch(t, s, shell("exit 0"))
		wait(t, r.exit)
		wait(t, r.empty)
		again := make(chan struct{})
		r.WhenEmpty(func() { close(again) })
		wait(t, again)
		assert.Empty(t, r.exit)
		assert.Empty(t, r.empty)
		assert.ErrorIs(t, r.Signal(syscall.SIGTERM), os.ErrProcessDone)
		assert.ErrorIs(t, r.SignalTree(syscall.SIGTERM), os.ErrProcessDone)
		assert.ErrorIs(t, r.Kill(), os.ErrProcessDone)
	})
}

func TestStatusTakenBySomebodyElseIsLost(t *testing.T) {
	gate, held := make(chan struct{}), make(chan struct{}, 2)
	s := newSpawner(t, mode{}, func(o *Options) { o.Peek = func(string, Exit) { held <- struct{}{}; <-gate } })
	blocker := launch(t, s, shell("exit 0"))
	wait(t, held) // the waiter is busy
	r := launch(t, s, shell("exit 5"))
	eventually(t, func() bool { p, _ := readProcess(r.PID); return p.dead }, "it ends")
	_, err := syscall.Wait4(r.PID, nil, 0, nil)
	require.NoError(t, err)
	close(gate)
	wait(t, blocker.exit)
	e := wait(t, r.exit)
	assert.True(t, e.Lost)
	assert.Equal(t, -1, e.Code)
}

func TestWithoutPidfdsAllWorksToo(t *testing.T) {
	s := newSpawner(t, mode{})
	s.system.blind, s.system.low = true, nil
	assert.Equal(t, 9, wait(t, launch(t, s, shell("exit 9")).exit).Code)
	r := launch(t, s, command("/bin/sleep", "100"))
	require.NoError(t, r.SignalTree(syscall.SIGTERM))
	assert.Equal(t, syscall.SIGTERM, wait(t, r.exit).Signal)
	wait(t, r.empty)
}

func TestClosedSpawnerLaunchesNothing(t *testing.T) {
	s, err := New(Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Error(t, s.Close())
	// The slots are free, so either answer may be picked first: it must never be a child that nobody waits for.
	_, err = s.Launch(command("/bin/true"), nil)
	require.Error(t, err)
}

func TestForkRefusedIsEAGAIN(t *testing.T) {
	c := command("/bin/true")
	err := explainFork(&c, syscall.ProcAttr{}, syscall.EAGAIN)
	assert.True(t, errors.Is(err, syscall.EAGAIN))
	assert.EqualError(t, err, "fork: resource temporarily unavailable")
}
