package spawn

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMembershipIsTold(t *testing.T) {
	assert.Equal(t, "cgroup2", launch(t, newSpawner(t, mode{cgroup: true}), command("/bin/true")).Membership())
	assert.Equal(t, "session+marker", launch(t, newSpawner(t, mode{}), command("/bin/true")).Membership())
	alone := newSpawner(t, mode{}, func(o *Options) { o.Reaper = nil })
	assert.Equal(t, "session", launch(t, alone, command("/bin/true")).Membership())
}

func TestUnusableCgroupFallsBackAndSaysWhy(t *testing.T) {
	s := newSpawner(t, mode{cgroup: true})
	c := command("/bin/sleep", "100")
	holder := launch(t, s, c)
	r := launch(t, s, c) // the same tag: the group is populated
	assert.Equal(t, "cgroup2", holder.Membership())
	assert.Contains(t, r.Membership(), "session+marker (cgroup: mkdir ")
	assert.Contains(t, r.Membership(), "file exists)")
	require.NoError(t, r.Kill())
	wait(t, r.empty)
	assert.True(t, alive(holder.PID))

	plain := newSpawner(t, mode{cgroup: true})
	require.NoError(t, os.Remove(plain.system.groups.dir))
	plain.system.groups.dir = t.TempDir() // no cgroup2: cloning into it is refused
	r = launch(t, plain, command("/bin/sleep", "100"))
	assert.Equal(t, "session+marker (clone into cgroup: bad file descriptor)", r.Membership())
	entries, err := os.ReadDir(plain.system.groups.dir)
	require.NoError(t, err)
	assert.Empty(t, entries)

	plain.system.groups.why = "cgroup: none"
	assert.Equal(t, "session+marker (cgroup: none)", launch(t, plain, command("/bin/true")).Membership())
}

func TestCgroupIsGoneAfterRelease(t *testing.T) {
	s := newSpawner(t, mode{cgroup: true})
	r := launch(t, s, command("/bin/sleep", "100"))
	dir := r.group.dir
	require.DirExists(t, dir)
	for _, sub := range []string{"/a", "/a/b", "/c"} {
		require.NoError(t, os.Mkdir(dir+sub, 0o755))
	}
	require.NoError(t, os.WriteFile(dir+"/a/b/cgroup.procs", []byte(strconv.Itoa(r.PID)), 0))
	require.Error(t, r.Release(), "it lives")
	require.NoError(t, r.Kill())
	wait(t, r.empty)
	require.NoError(t, r.Release())
	require.NoError(t, r.Release())
	assert.NoDirExists(t, dir)
	assert.Equal(t, "cgroup2", r.Membership())
}

func TestSubgroupsBelongToTheTree(t *testing.T) {
	s := newSpawner(t, mode{cgroup: true})
	c := shell(`sleep 100 & echo $!; read x`)
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	c.Stdin = int(in.Fd())
	r := launchRead(t, s, c)
	in.Close()
	sub := r.pid(t)
	require.NoError(t, os.Mkdir(r.group.dir+"/sub", 0o755))
	require.NoError(t, os.WriteFile(r.group.dir+"/sub/cgroup.procs", []byte(strconv.Itoa(sub)), 0))
	pids, err := r.Tree()
	require.NoError(t, err)
	assert.ElementsMatch(t, []int{r.PID, sub}, pids)
	out.Close()
	wait(t, r.exit)
	assert.Empty(t, r.empty, "empty while a member of a subgroup lives")
	require.NoError(t, r.Kill())
	wait(t, r.empty)
	assert.False(t, alive(sub))
}

func TestTreeHasDescendantsDeepestFirst(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		r := launchRead(t, s, shell(`sh -c 'sh -c "echo \$\$; sleep 100; :"; :'; :`))
		deep := r.pid(t)
		var pids []int
		eventually(t, func() bool {
			var err error
			pids, err = r.Tree()
			require.NoError(t, err)
			return len(pids) == 4
		}, "four generations")
		assert.Equal(t, r.PID, pids[3])
		assert.Equal(t, deep, pids[1])
		line, err := readProcess(pids[0])
		require.NoError(t, err)
		assert.Equal(t, deep, line.ppid)
	})
}

func TestDaemonisedGrandchildIsFoundAndKilled(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		for _, main := range []string{"stay", "leave"} {
			r := launchRead(t, s, role(t, "daemonise", main))
			daemon := r.pid(t)
			eventually(t, func() bool { p, err := readProcess(daemon); return err == nil && p.ppid == os.Getpid() }, "it is an orphan")
			if main == "leave" {
				assert.Equal(t, 7, wait(t, r.exit).Code)
				assert.Empty(t, r.empty, "empty while the daemon lives")
			}
			eventually(t, func() bool {
				pids, err := r.Tree()
				require.NoError(t, err)
				return slices.Contains(pids, daemon) && (main == "leave") == (len(pids) == 1)
			}, "the daemon is in the tree")
			assert.Empty(t, r.empty)
			require.NoError(t, r.Kill())
			wait(t, r.empty)
			assert.False(t, alive(daemon))
			assert.False(t, alive(r.PID))
			reap(t, daemon)
		}
	})
}

func TestScrubbedDaemonIsHeldByCgroup(t *testing.T) {
	r := launchRead(t, newSpawner(t, mode{cgroup: true}), role(t, "daemonise", "leave", "scrubbed"))
	daemon := r.pid(t)
	wait(t, r.exit)
	require.NoError(t, r.Kill())
	wait(t, r.empty)
	assert.False(t, alive(daemon))
	reap(t, daemon)
}

// Once seen, an orphan stays known: here it execs without its environment after the tree was looked at.
func TestOrphanOnceSeenStaysKnown(t *testing.T) {
	s := newSpawner(t, mode{})
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	c := shell(`(setsid sh -c 'echo $$; read x; exec env -i sleep 100' <&3 &)`)
	c.Extra = []int{int(in.Fd())}
	r := launchRead(t, s, c)
	in.Close()
	orphan := r.pid(t)
	wait(t, r.exit)
	eventually(t, func() bool { pids, _ := r.Tree(); return slices.Equal(pids, []int{orphan}) }, "it is found")
	_, err = out.WriteString("\n")
	require.NoError(t, err)
	eventually(t, func() bool {
		e, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", orphan))
		return strings.HasPrefix(string(e), "sleep")
	}, "exec")
	pids, err := r.Tree()
	require.NoError(t, err)
	assert.Equal(t, []int{orphan}, pids)
	assert.Empty(t, r.empty)
	require.NoError(t, r.Kill())
	wait(t, r.empty)
	assert.False(t, alive(orphan))
	reap(t, orphan)
}

func TestOrphanInTheSessionIsFoundWithoutReaper(t *testing.T) {
	s := newSpawner(t, mode{}, func(o *Options) { o.Reaper = nil })
	r := launchRead(t, s, shell(`env -i sleep 100 & echo $!`))
	orphan := r.pid(t)
	wait(t, r.exit)
	pids, err := r.Tree()
	require.NoError(t, err)
	assert.Equal(t, []int{orphan}, pids)
	require.NoError(t, syscall.Kill(orphan, syscall.SIGTERM))
	wait(t, r.empty)
	reap(t, orphan)
}

func TestStrangersAreNotMembers(t *testing.T) {
	s := newSpawner(t, mode{})
	a := launch(t, s, command("/bin/sleep", "100"))
	b := launch(t, s, command("/bin/sleep", "100"))
	stranger := exec.Command("/bin/sleep", "100") // a child of the reaper, with another's marker
	stranger.Env = append(os.Environ(), marker+"="+a.Tag+"0")
	require.NoError(t, stranger.Start())
	defer stranger.Wait()
	defer stranger.Process.Kill()
	pids, err := a.Tree()
	require.NoError(t, err)
	assert.Equal(t, []int{a.PID}, pids)
	require.NoError(t, a.Kill())
	wait(t, a.empty)
	assert.True(t, alive(b.PID))
	assert.True(t, alive(stranger.Process.Pid))
}

func TestZombiesDoNotCount(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		// The grandchild ends, and its parent, which became a sleep, never waits for it.
		r := launchRead(t, s, shell(`sh -c 'echo $$' & exec sleep 100`))
		zombie := r.pid(t)
		eventually(t, func() bool { p, err := readProcess(zombie); return err == nil && p.dead }, "a zombie")
		pids, err := r.Tree()
		require.NoError(t, err)
		assert.Equal(t, []int{r.PID}, pids)
	})
}

func TestZombieLeaderOfLivingThreadsCounts(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		r := launchRead(t, s, role(t, "daemonise", "leave", "headless"))
		daemon := r.pid(t)
		eventually(t, func() bool {
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", daemon))
			return err == nil && strings.Contains(string(line), ") Z ")
		}, "its main thread ends")
		wait(t, r.exit)
		pids, err := r.Tree()
		require.NoError(t, err)
		assert.Equal(t, []int{daemon}, pids)
		assert.Empty(t, r.empty)
		require.NoError(t, r.Kill())
		wait(t, r.empty)
		assert.False(t, alive(daemon))
		reap(t, daemon)
	})
}

func TestZombieOrphanDoesNotHoldTheTree(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		r := launchRead(t, s, role(t, "daemonise", "leave"))
		daemon := r.pid(t)
		wait(t, r.exit)
		require.NoError(t, syscall.Kill(daemon, syscall.SIGKILL))
		wait(t, r.empty) // though nobody reaped it
		p, err := readProcess(daemon)
		require.NoError(t, err)
		assert.True(t, p.dead)
		reap(t, daemon)
	})
}

// It would take milliseconds, and be done at every restart.
func TestEndOfALoneProcessNeedsNoLookAtAllOthers(t *testing.T) {
	children, ok := childrenOnce(os.Getpid(), func(int) bool { return false })
	if !ok {
		t.Skip("this kernel does not list children")
	}
	for _, pid := range children { // the dead of tests before
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
	}
	s := newSpawner(t, mode{})
	launch(t, s, command("/bin/sleep", "100"))
	other := launchRead(t, s, role(t, "daemonise", "leave")) // an orphan of another service
	daemon := other.pid(t)
	wait(t, other.exit)
	eventually(t, func() bool { pids, _ := other.Tree(); return slices.Equal(pids, []int{daemon}) }, "it is known")
	eventually(t, func() bool {
		s.sweeper.mu.Lock()
		defer s.sweeper.mu.Unlock()
		return !s.sweeper.at
	}, "it is only waited for")
	eventually(t, func() bool { // a thread that this process starts meanwhile calls for a look, too
		passes := s.system.scan.begun.Load()
		wait(t, launch(t, s, command("/bin/true")).empty)
		return passes == s.system.scan.begun.Load()
	}, "without a look")
	require.NoError(t, other.Kill())
	wait(t, other.empty)
	reap(t, daemon)
}

func TestEmptyWaitsForTheLast(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		r := launchRead(t, s, shell(`for i in 1 2 3; do sleep 100 & echo $!; done`))
		var pids []int
		for range 3 {
			pids = append(pids, r.pid(t))
		}
		wait(t, r.exit)
		for i, pid := range pids {
			left, err := r.Tree()
			require.NoError(t, err)
			require.ElementsMatch(t, pids[i:], left)
			require.Empty(t, r.empty)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			eventually(t, func() bool { return !alive(pid) }, "it dies")
			reap(t, pid)
		}
		wait(t, r.empty)
	})
}

func TestOrphansFallToTheParentOfTheSupervisor(t *testing.T) {
	s := newSpawner(t, mode{})
	assert.Equal(t, "leave killed\nstay killed\n", output(t, s, role(t, "anchor")))
}

// playAnchor is a subreaper with a supervisor below, as weaver's anchor is.
func playAnchor() int {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 1
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"=supervisor")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if c.Run() != nil {
		return 1
	}
	return 0
}

func playSupervisor() int {
	s, err := New(Options{Marker: "INNER", Reaper: os.Getppid})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer s.Close()
	for _, main := range []string{"leave", "stay"} {
		in, out, _ := os.Pipe()
		c := command(os.Args[0], main)
		c.Env, c.Stdout = append(c.Env, roleVariable+"=daemonise"), int(out.Fd())
		exited, empty := make(chan Exit, 1), make(chan bool, 1)
		child, err := s.Launch(c, func(e Exit) { exited <- e })
		if err != nil {
			fmt.Println(err)
			return 1
		}
		child.WhenEmpty(func() { empty <- true })
		var daemon int
		fmt.Fscan(in, &daemon)
		if main == "leave" {
			<-exited
		}
		if err := child.Kill(); err != nil {
			fmt.Println(err)
		}
		<-empty
		if !alive(daemon) {
			fmt.Println(main, "killed")
		}
		_ = child.Release()
	}
	return 0
}

// reap takes the status of an orphan that fell to this process.
func reap(tb testing.TB, pid int) {
	tb.Helper()
	_, err := syscall.Wait4(pid, nil, 0, nil)
	require.NoError(tb, err)
}
