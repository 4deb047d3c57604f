package spawn

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// orphaned launches c under a Spawner that is gone when it returns: its child is nobody's but the reaper's.
func orphaned(t *testing.T, m mode, c Cmd) (Former, *Spawner) {
	t.Helper()
	o := Options{Marker: marker, Reaper: os.Getpid}
	next := newSpawner(t, m, func(n *Options) { o.CgroupRoot = n.CgroupRoot })
	first, err := New(o)
	require.NoError(t, err)
	child, err := first.Launch(c, func(Exit) { t.Error("it heard of it") })
	require.NoError(t, err)
	f := Former{PID: child.PID, StartTime: child.StartTime, Tag: c.Tag}
	f.Group, f.Why = child.Group()
	require.NoError(t, first.Close())
	t.Cleanup(func() {
		_ = syscall.Kill(f.PID, syscall.SIGKILL)
		_, _ = unix.Wait4(f.PID, nil, 0, nil)
	})
	return f, next
}

func adopt(t *testing.T, s *Spawner, f Former) (c *Child, alive bool, exits chan Exit) {
	t.Helper()
	exits = make(chan Exit, 2)
	c, alive, err := s.Adopt(f, func(e Exit) { exits <- e })
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Kill()
		eventually(t, func() bool { return c.Release() == nil }, "nothing is left")
	})
	return c, alive, exits
}

func TestAdoptedChildIsTheReapersToReap(t *testing.T) {
	for _, m := range []mode{{name: "cgroup2", cgroup: true}, {name: "lineage"}} {
		t.Run(m.name, func(t *testing.T) {
			f, s := orphaned(t, m, command("/bin/sh", "-c", "/bin/sleep 100 & exec /bin/sleep 100"))
			c, alive, exits := adopt(t, s, f)
			assert.True(t, alive)
			assert.Equal(t, m.cgroup, c.Membership() == "cgroup2")
			eventually(t, func() bool {
				tree, err := c.Tree()
				return err == nil && len(tree) == 2
			}, "both are of the tree")
			require.NoError(t, c.Signal(syscall.SIGTERM))
			eventually(t, func() bool { p, err := readProcess(f.PID); return err == nil && p.dead }, "a zombie, for nobody reaps it yet")
			assert.Empty(t, exits, "how it ended is the reaper's to say")
			assert.False(t, s.Reaped(f.PID, f.StartTime+1, 0), "another process of the same pid")
			assert.True(t, s.Reaped(f.PID, f.StartTime, uint32(syscall.SIGTERM)))
			assert.False(t, s.Reaped(f.PID, f.StartTime, 0), "only once")
			e := <-exits
			assert.Equal(t, syscall.SIGTERM, e.Signal)
			empty := make(chan struct{})
			c.WhenEmpty(func() { close(empty) })
			select {
			case <-empty:
				t.Fatal("one of the tree lives")
			case <-time.After(20 * time.Millisecond): // it must not come
			}
			require.NoError(t, c.Kill())
			<-empty
			assert.ErrorIs(t, c.Signal(syscall.SIGTERM), os.ErrProcessDone)
			assert.Empty(t, exits)
		})
	}
}

func TestStatusOfAZombieIsReadWhereNobodyTellsIt(t *testing.T) {
	f, _ := orphaned(t, mode{}, command("/bin/sh", "-c", "kill -STOP $$; exit 42"))
	goOn(t, f.PID)
	eventually(t, func() bool { p, err := readProcess(f.PID); return err == nil && p.dead }, "a zombie")
	status, ok := zombieStatus(f.PID, f.StartTime)
	assert.True(t, ok)
	assert.Equal(t, 42, exitOf(status).Code)
	_, ok = zombieStatus(f.PID, f.StartTime+1)
	assert.False(t, ok, "another process of the same pid")
}

func TestSupervisorThatReplacedItselfReapsItsOwnChildren(t *testing.T) {
	f, s := orphaned(t, mode{}, command("/bin/sh", "-c", "kill -STOP $$; exit 44"))
	s.options.Reaper = nil
	_, alive, exits := adopt(t, s, f)
	assert.True(t, alive)
	goOn(t, f.PID)
	assert.Equal(t, 44, (<-exits).Code)
	eventually(t, func() bool { _, err := readProcess(f.PID); return err != nil }, "it is reaped")
}

func TestStatusOfWhatWasReapedIsAskedOfTheKernel(t *testing.T) {
	f, _ := orphaned(t, mode{}, command("/bin/sh", "-c", "kill -STOP $$; exit 43"))
	c := &Child{PID: f.PID, StartTime: f.StartTime}
	var err error
	c.pidfd, err = unix.PidfdOpen(f.PID, 0)
	require.NoError(t, err)
	defer unix.Close(c.pidfd)
	goOn(t, f.PID)
	_, err = unix.Wait4(f.PID, nil, 0, nil)
	require.NoError(t, err)
	e := c.lastWords()
	if e.Lost {
		t.Skip("this kernel tells nothing of what was reaped (before Linux 6.15)")
	}
	assert.Equal(t, 43, e.Code)
}

// goOn has a process that stops itself go on, once it has stopped.
func goOn(t *testing.T, pid int) {
	t.Helper()
	eventually(t, func() bool {
		line, err := readAll(procfs + strconv.Itoa(pid) + "/stat")
		return err == nil && bytes.Contains(line, []byte(") T "))
	}, "it has stopped")
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
}

func TestSamePIDIsNotTheSameProcess(t *testing.T) {
	f, s := orphaned(t, mode{}, command("/bin/sleep", "100"))
	f.StartTime-- // of one that had the pid before
	c, alive, _ := adopt(t, s, f)
	assert.False(t, alive)
	empty := make(chan struct{})
	c.WhenEmpty(func() { close(empty) })
	<-empty
	assert.ErrorIs(t, c.Signal(syscall.SIGKILL), os.ErrProcessDone)
	_ = c.Kill()
	p, err := readProcess(f.PID)
	require.NoError(t, err)
	assert.False(t, p.dead, "a stranger was killed")
}

func TestSurvivorsOfADeadMainProcessAreFound(t *testing.T) {
	f, s := orphaned(t, mode{}, command("/bin/sh", "-c", "/bin/sleep 100 & exit 0"))
	_, err := unix.Wait4(f.PID, nil, 0, nil)
	require.NoError(t, err)
	f.Dead = true
	c, alive, _ := adopt(t, s, f)
	assert.False(t, alive)
	tree, err := c.Tree()
	require.NoError(t, err)
	assert.Len(t, tree, 1)
	empty := make(chan struct{})
	c.WhenEmpty(func() { close(empty) })
	require.NoError(t, c.Kill())
	<-empty
}

func TestFindKnowsAChildByItsTag(t *testing.T) {
	for _, m := range []mode{{name: "cgroup2", cgroup: true}, {name: "lineage"}} {
		t.Run(m.name, func(t *testing.T) {
			f, s := orphaned(t, m, command("/bin/sh", "-c", "/bin/sleep 100 & /bin/sleep 100 & wait"))
			eventually(t, func() bool { return len(childrenOf(f.PID)) == 2 }, "its children")
			got, ok := s.Find(f.Tag)
			require.True(t, ok)
			assert.Equal(t, []any{f.PID, f.StartTime, f.Group}, []any{got.PID, got.StartTime, got.Group})
			_, ok = s.Find(f.Tag + "0")
			assert.False(t, ok)

			// Without its main process it is still that child.
			require.NoError(t, syscall.Kill(f.PID, syscall.SIGKILL))
			_, err := unix.Wait4(f.PID, nil, 0, nil)
			require.NoError(t, err)
			got, ok = s.Find(f.Tag)
			require.True(t, ok)
			assert.Equal(t, f.PID, got.PID)
			got.Dead = true
			c, _, _ := adopt(t, s, got)
			require.NoError(t, c.Kill())
		})
	}
}

// standIn is a process that is the reaper now: what fell to the one before, this process, is nobody's child that is looked at first.
func standIn(t *testing.T) int {
	c := exec.Command("/bin/sleep", "1000")
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c.Process.Pid
}

// A reaper that dies leaves what fell to it to somebody else. It still is of the tree that it came from, and what was forked and not
// written down is still found.
func TestWhatOutlivedItsReaperIsFound(t *testing.T) {
	for _, main := range []string{"stay", "leave"} {
		t.Run(main, func(t *testing.T) {
			in, out, err := os.Pipe()
			require.NoError(t, err)
			defer in.Close()
			c := role(t, "daemonise", main)
			c.Stdout = int(out.Fd())
			f, s := orphaned(t, mode{}, c)
			out.Close()
			var daemon int
			_, err = fmt.Fscan(in, &daemon)
			require.NoError(t, err)
			t.Cleanup(func() { _, _ = unix.Wait4(daemon, nil, 0, nil) })
			pid := standIn(t)
			s.options.Reaper = func() int { return pid }
			got, ok := s.Find(f.Tag)
			require.True(t, ok)
			if main == "leave" {
				_, err = unix.Wait4(f.PID, nil, 0, nil)
				require.NoError(t, err)
				got, f.Dead = Former{PID: daemon}, true
			} else {
				assert.Equal(t, f.StartTime, got.StartTime)
			}
			assert.Contains(t, []int{f.PID, daemon}, got.PID)
			a, alive, _ := adopt(t, s, f)
			assert.Equal(t, main == "stay", alive)
			tree, err := a.Tree()
			require.NoError(t, err)
			assert.Contains(t, tree, daemon)
			require.NoError(t, a.Kill())
			eventually(t, func() bool { p, err := readProcess(daemon); return err != nil || p.dead }, "nothing is left behind")
		})
	}
}

// A home in a container may have the same path as one outside, and its services the same marker.
func TestServicesOfContainersAreSpared(t *testing.T) {
	root := fmt.Sprintf("spawn-test-container-%d", os.Getpid())
	c := exec.Command("unshare", "--pid", "--mount", "--fork", "--kill-child", "env", marker+"="+root+"/1/1", "sleep", "1000")
	if exec.Command("unshare", "--pid", "--mount", "--fork", "true").Run() != nil {
		t.Skip("no namespaces can be made here")
	}
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	var pid int
	eventually(t, func() bool {
		for _, pid = range childrenOf(c.Process.Pid) {
			if _, ok := carriesPrefix(pid, []byte(marker+"="+root+"/")); ok {
				return true
			}
		}
		return false
	}, "it runs")
	n, err := EndLeftovers(t.Context(), root, marker, time.Second, func(int, string) bool { return false })
	require.NoError(t, err)
	assert.Zero(t, n)
	p, err := readProcess(pid)
	require.NoError(t, err)
	assert.False(t, p.dead)
}

func TestUnbornChildrenAreKilled(t *testing.T) {
	s := newSpawner(t, mode{}, func(o *Options) { o.CgroupRoot = "" })
	s.options.CgroupRoot = "home" // of the marker; there are no groups
	start := func(env ...string) *exec.Cmd {
		c := exec.Command(self(t))
		c.Env = append(env, roleVariable+"=sleep")
		require.NoError(t, c.Start())
		t.Cleanup(func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		})
		eventually(t, func() bool { return sameFile("/proc/self/exe", procfs+strconv.Itoa(c.Process.Pid)+"/exe") }, "exec")
		return c
	}
	unborn, service, spared := start(), start(marker+"=home/1/1"), start()
	assert.Equal(t, 1, s.KillUnborn(func(pid int) bool { return pid == spared.Process.Pid }))
	state := func(c *exec.Cmd) bool { p, err := readProcess(c.Process.Pid); return err == nil && !p.dead }
	assert.False(t, state(unborn))
	assert.True(t, state(service), "a service that runs weaver")
	assert.True(t, state(spared))
}
