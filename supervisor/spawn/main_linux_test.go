package spawn

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"weaver/supervisor/spawn/trampoline"
)

// roleVariable makes this binary play a part in a test instead of running the tests.
const roleVariable = "SPAWN_TEST_ROLE"

const marker = "SPAWN_TEST_TAG"

// roles are the parts, by name; each may use os.Args[1:] and returns an exit code.
var roles = map[string]func() int{
	"deaf":       deaf,
	"daemonise":  daemonise,
	"sleep":      sleepLong,
	"headless":   headless,
	"argv":       printArgv,
	"anchor":     playAnchor,
	"supervisor": playSupervisor,
	"threads":    countThreads,
	"limits":     raiseLimits,
	"lowered":    pretendRaised,
	"capacity":   fillDescriptors,
	"bench":      benchRole,
	"hog":        hog,
}

func init() {
	if os.Getenv(roleVariable) == "headless" {
		runtime.LockOSThread() // main runs on the main thread then
	}
}

func TestMain(m *testing.M) {
	if os.Args[0] == trampoline.Name {
		os.Exit(trampoline.Run(os.Args))
	}
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(roles[role]())
	}
	// Orphans of the children fall to this process, as they do to weaver's anchor.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// mode is one of the two ways to know a tree.
type mode struct {
	name   string
	cgroup bool
	plain  bool // launched by package syscall, as on an old kernel
}

func eachMode(t *testing.T, test func(t *testing.T, s *Spawner)) {
	t.Helper()
	for _, m := range []mode{{"cgroup2", true, false}, {"lineage", false, false}, {"syscall", false, true}} {
		t.Run(m.name, func(t *testing.T) { test(t, newSpawner(t, m)) })
	}
}

var spawners atomic.Int64

func newSpawner(tb testing.TB, m mode, change ...func(*Options)) *Spawner {
	tb.Helper()
	o := Options{Marker: marker, Reaper: os.Getpid, Trampoline: self(tb)}
	if m.cgroup {
		o.CgroupRoot = fmt.Sprintf("spawn-test-%d-%d", os.Getpid(), spawners.Add(1))
	}
	for _, f := range change {
		f(&o)
	}
	s, err := New(o)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, s.Close())
		if g := s.system.groups; g != nil && g.why == "" {
			require.NoDirExists(tb, g.dir, "groups were left behind")
		}
	})
	if m.plain {
		s.system.low.close()
		s.system.low = nil
	} else {
		s.system.low.ask.Do(s.system.low.learn)
	}
	if g := s.system.groups; m.cgroup && (g.why != "" || os.MkdirAll(g.dir, 0o755) != nil) {
		tb.Skip("no writable cgroup2 hierarchy here: ", g.why)
	}
	return s
}

func self(tb testing.TB) string {
	tb.Helper()
	path, err := os.Executable()
	require.NoError(tb, err)
	return path
}

var tags atomic.Int64

func newTag() string { return fmt.Sprintf("test/%d/1", tags.Add(1)) }

// command runs argv[0] with nothing on its descriptors.
func command(argv ...string) Cmd {
	return Cmd{
		Path: argv[0], Argv: argv, Env: []string{"PATH=" + os.Getenv("PATH")}, Tag: newTag(),
		Stdin: -1, Stdout: -1, Stderr: -1,
	}
}

func shell(script string, args ...string) Cmd {
	return command(append([]string{"/bin/sh", "-c", script, "sh"}, args...)...)
}

// role runs this binary in a role.
func role(tb testing.TB, name string, args ...string) Cmd {
	c := command(append([]string{self(tb)}, args...)...)
	c.Env = append(c.Env, roleVariable+"="+name)
	return c
}

// run is a launched child and the news of it.
type run struct {
	*Child
	exit  chan Exit
	empty chan struct{}
	out   *bufio.Reader // what it prints, if that is read
}

// launch starts c; when the test ends, its tree is killed and released.
func launch(tb testing.TB, s *Spawner, c Cmd) *run {
	tb.Helper()
	r := &run{exit: make(chan Exit, 2), empty: make(chan struct{}, 2)}
	child, err := s.Launch(c, func(e Exit) { r.exit <- e })
	require.NoError(tb, err)
	r.Child = child
	child.WhenEmpty(func() { r.empty <- struct{}{} })
	tb.Cleanup(func() {
		_ = child.Kill()
		ended := make(chan struct{})
		child.WhenEmpty(func() { close(ended) })
		wait(tb, ended)
		require.NoError(tb, child.Release())
	})
	return r
}

// launchRead is launch with the child's output to read.
func launchRead(tb testing.TB, s *Spawner, c Cmd) *run {
	tb.Helper()
	in, out, err := os.Pipe()
	require.NoError(tb, err)
	tb.Cleanup(func() { in.Close() })
	c.Stdout = int(out.Fd())
	if c.Stderr == -1 {
		c.Stderr = c.Stdout
	}
	r := launch(tb, s, c)
	out.Close()
	require.NoError(tb, in.SetReadDeadline(time.Now().Add(patience)))
	r.out = bufio.NewReader(in)
	return r
}

// output runs c to its end and returns what it printed.
func output(tb testing.TB, s *Spawner, c Cmd) string {
	tb.Helper()
	r := launchRead(tb, s, c)
	text, err := io.ReadAll(r.out)
	require.NoError(tb, err)
	return string(text)
}

// line returns the next line that the child prints.
func (r *run) line(tb testing.TB) string {
	tb.Helper()
	text, err := r.out.ReadString('\n')
	require.NoError(tb, err)
	return strings.TrimSuffix(text, "\n")
}

func (r *run) pid(tb testing.TB) int {
	tb.Helper()
	n, err := strconv.Atoi(r.line(tb))
	require.NoError(tb, err)
	return n
}

// lifetime is that of processes that a test is to end; if it fails to, they do not stay for good.
const lifetime = 100 * time.Second

// patience is how long a test waits for what has to come; nothing is measured by it.
const patience = 30 * time.Second

func wait[T any](tb testing.TB, from <-chan T) (v T) {
	tb.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		require.FailNow(tb, "what was waited for did not come")
	}
	return v
}

func eventually(tb testing.TB, condition func() bool, what string) {
	tb.Helper()
	require.Eventually(tb, condition, patience, time.Millisecond, what)
}

// alive reports whether pid is a process that still runs.
func alive(pid int) bool {
	p, err := readProcess(pid)
	return err == nil && !p.dead
}

func sleepLong() int {
	fmt.Println(os.Getpid())
	signal.Reset()
	time.Sleep(lifetime)
	return 0
}

func deaf() int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	fmt.Println("deaf")
	time.Sleep(lifetime)
	return 0
}

// headless ends its main thread, as pthread_exit does; another one lives on.
func headless() int {
	go func() {
		runtime.LockOSThread()
		time.Sleep(lifetime) // on this thread, as it is locked
		os.Exit(0)
	}()
	for status("Threads") < 3 {
		runtime.Gosched()
	}
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	return 1
}

// daemonise leaves a grandchild in a session of its own, whose parent is gone, prints its pid, and goes on or ends as
// told. With "scrubbed" the grandchild has no environment.
func daemonise() int {
	switch os.Args[1] {
	case "middle":
		c := exec.Command(os.Args[0], os.Args[2:]...)
		c.Env = append(os.Environ(), roleVariable+"=sleep")
		if len(os.Args) > 2 && os.Args[2] == "headless" {
			c.Env = append(os.Environ(), roleVariable+"=headless")
		}
		if len(os.Args) > 2 && os.Args[2] == "scrubbed" {
			c = exec.Command("/bin/sleep", "100")
			c.Env = []string{}
		}
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			return 1
		}
		fmt.Println(c.Process.Pid)
		return 0
	default:
		c := exec.Command(os.Args[0], append([]string{"middle"}, os.Args[2:]...)...)
		c.Stdout = os.Stdout
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Run(); err != nil {
			return 1
		}
		if os.Args[1] == "stay" {
			time.Sleep(lifetime)
		}
		return 7
	}
}
