package spawn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// means are the ways to hold a CPU bound, the best first. without takes away what is better than each.
var means = []struct {
	name    string
	by      string
	without func(*Spawner)
}{
	{"quota", "", func(*Spawner) {}},
	{"signals to a group", BySignals, func(s *Spawner) { s.withoutControllers() }},
	{"signals", BySignals, func(s *Spawner) { s.withoutControllers(); s.withoutGroups() }},
}

// withoutControllers makes of the machine one whose control groups have none.
func (s *Spawner) withoutControllers() {
	s.system.bounds.once.Do(func() {})
	if g := s.system.groups; g != nil {
		g.offered = map[string]error{}
		for _, r := range rules {
			g.offered[r.v2] = errNoController
		}
	}
}

func (s *Spawner) withoutGroups() {
	if g := s.system.groups; g != nil {
		g.forsake()
	}
	s.system.groups = nil
}

func eachMeans(t *testing.T, test func(t *testing.T, s *Spawner)) {
	t.Helper()
	for _, m := range means {
		t.Run(m.name, func(t *testing.T) {
			s := newSpawner(t, mode{cgroup: true})
			m.without(s)
			if m.by != BySignals {
				probe := command("/bin/true")
				probe.Bounds.CPU = 1
				if r := launch(t, s, probe); r.throttled() {
					t.Skip("no CPU controller here: ", r.Holds()[0].Why)
				}
			}
			test(t, s)
		})
	}
}

// busy runs four loops below a shell.
func busy(share float64) Cmd {
	c := shell(`for i in 1 2 3 4; do (while :; do :; done) & done; echo up; wait`)
	c.Bounds.CPU = share
	return c
}

// cpuTime is what the processes of a tree used so far.
func cpuTime(t *testing.T, c *Child) (sum time.Duration) {
	t.Helper()
	tree, err := c.Tree()
	require.NoError(t, err)
	for _, pid := range tree {
		st, ok := readTimes(pid)
		require.True(t, ok)
		sum += st.own
	}
	return sum
}

func TestBusyTreeKeepsToItsShareOfACore(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes ten seconds")
	}
	eachMeans(t, func(t *testing.T, s *Spawner) {
		urgent := hasten(t) // the tree too, which inherits it
		r := launchRead(t, s, busy(0.5))
		require.Equal(t, "up", r.line(t))
		if urgent {
			_ = writeFile(fmt.Sprintf("/proc/%d/autogroup", r.PID), "-20") // its session's share, where sessions have one
		}
		first := r.throttle == nil && precede(r) // a throttle must not come last itself
		began, before, idle := time.Now(), cpuTime(t, r.Child), idleTime()
		late, worst := delays(10 * time.Second) // what the bound is about
		took := time.Since(began).Seconds()
		used := (cpuTime(t, r.Child) - before).Seconds() / took
		t.Logf("%.1f %% of a core, held by %s; this process was late by %v in all, by %v at worst", 100*used, r.Holds()[0].By, late, worst)
		most, least := 0.55, 0.45
		if r.throttle != nil { // It comes no more in time than this does. What was too much is repaid, but for the last of it.
			most += 4 * worst.Seconds() / took * float64(min(4, runtime.NumCPU()))
			least -= late.Seconds() / took
		}
		assert.LessOrEqual(t, used, most)
		if first || idleTime()-idle > 5*time.Second { // it was not for want of a core
			assert.GreaterOrEqual(t, used, least)
		}
	})
}

// hasten has this process, and what it starts from now on, be served before everybody else on this machine, until the test ends,
// if it may: what is measured is then the bound, and not how busy the machine is.
func hasten(t *testing.T) bool {
	set := func(nice int) bool {
		threads, err := os.ReadDir("/proc/self/task")
		ok := err == nil
		for _, e := range threads {
			tid, _ := strconv.Atoi(e.Name())
			err := syscall.Setpriority(syscall.PRIO_PROCESS, tid, nice)
			ok = ok && (err == nil || errors.Is(err, syscall.ESRCH))
		}
		return ok
	}
	was, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0) // 20 less than it is
	if err != nil || !set(-20) {
		return false
	}
	_ = writeFile("/proc/self/autogroup", "-20")
	t.Cleanup(func() {
		set(20 - was)
		_ = writeFile("/proc/self/autogroup", "0")
	})
	return true
}

// idleTime is how long the cores of this machine have been idle, all together.
func idleTime() time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	var of [4]int64 // user, nice, system, idle
	_, _ = fmt.Sscanf(string(text), "cpu %d %d %d %d", &of[0], &of[1], &of[2], &of[3])
	return time.Duration(of[3]) * 10 * time.Millisecond
}

// delays sleeps for a while, as the throttle does, a moment each time, and returns by how much that was too long, in all and at worst.
func delays(d time.Duration) (sum, worst time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
		at := time.Now()
		time.Sleep(2 * minLook)
		late := time.Since(at) - 2*minLook
		sum, worst = sum+late, max(worst, late)
	}
	return sum, worst
}

// precede has a tree be served before everybody else on this machine, so that what it uses is what it may use.
func precede(r *run) bool {
	dir := r.Holds()[0].Dir
	ok := dir != ""
	for range 3 { // and weaver's groups above it
		ok = ok && (writeFile(dir+"/cpu.shares", "100000") == nil || writeFile(dir+"/cpu.weight", "10000") == nil)
		dir = filepath.Dir(dir)
	}
	return ok
}

// paused reports whether all processes of a tree are paused.
func paused(c *Child) bool {
	tree, err := c.Tree()
	for _, pid := range tree {
		if st, ok := readTimes(pid); ok && st.runs {
			return false
		}
	}
	return err == nil && len(tree) > 0
}

// indebt has a child pause for longer than any test takes.
func indebt(t *testing.T, r *run) {
	t.Helper()
	if r.throttle == nil {
		t.Skip("the kernel holds it")
	}
	eventually(t, func() bool {
		th := r.throttle
		th.mu.Lock()
		defer th.mu.Unlock()
		if th.meter.at.IsZero() {
			return false
		}
		th.meter.cores, th.meter.credit = 1000, -time.Hour
		return true
	}, "it is looked at")
	eventually(t, func() bool { return paused(r.Child) }, "it pauses")
}

func TestPausedTreeObeysAtOnce(t *testing.T) {
	eachMeans(t, func(t *testing.T, s *Spawner) {
		for name, ask := range map[string]func(r *run) error{
			"stop":   func(r *run) error { return r.SignalTree(syscall.SIGTERM) },
			"signal": func(r *run) error { return r.Signal(syscall.SIGTERM) },
			"kill":   func(r *run) error { return r.Kill() },
		} {
			t.Run(name, func(t *testing.T) {
				c := shell(`exec 2>/dev/null; trap 'echo asked; exit 3' TERM; (while :; do :; done) & echo up; while :; do sleep 0.01; done`)
				c.Bounds.CPU = 0.5
				r := launchRead(t, s, c)
				require.Equal(t, "up", r.line(t))
				indebt(t, r)
				require.NoError(t, ask(r))
				e := wait(t, r.exit)
				if name == "kill" {
					assert.Equal(t, syscall.SIGKILL, e.Signal)
				} else {
					assert.Equal(t, 3, e.Code)
					require.Equal(t, "asked", r.line(t))
				}
				_ = r.Kill() // what is left, if anything is
				wait(t, r.empty)
			})
		}
	})
}

func TestWhatSomebodyElseStoppedStaysStopped(t *testing.T) {
	s := newSpawner(t, mode{})
	c := shell(`(echo $$; exec sleep 100) & while :; do :; done`)
	c.Bounds.CPU = 0.9
	r := launchRead(t, s, c)
	r.line(t)
	eventually(t, func() bool { return len(childrenOf(r.PID)) == 1 }, "its child")
	child := childrenOf(r.PID)[0]
	require.NoError(t, syscall.Kill(child, syscall.SIGSTOP))
	eventually(t, func() bool { st, ok := readTimes(child); return ok && st.stopped }, "stopped by hand")
	indebt(t, r)
	r.Ease()
	eventually(t, func() bool { st, ok := readTimes(r.PID); return ok && !st.stopped }, "it goes on")
	st, _ := readTimes(child)
	assert.True(t, st.stopped)
	require.NoError(t, syscall.Kill(child, syscall.SIGCONT))
}

func TestClosedSpawnerLeavesNothingPaused(t *testing.T) {
	for _, m := range means[1:] {
		t.Run(m.name, func(t *testing.T) {
			next := newSpawner(t, mode{cgroup: true})
			m.without(next)
			s, err := New(Options{Marker: marker, Reaper: os.Getpid, CgroupRoot: next.options.CgroupRoot})
			require.NoError(t, err)
			m.without(s)
			child, err := s.Launch(busyQuiet(0.5), nil)
			require.NoError(t, err)
			t.Cleanup(func() { _ = child.Kill() })
			r := &run{Child: child}
			indebt(t, r)
			f := Former{PID: child.PID, StartTime: child.StartTime, Tag: child.Tag, Bounds: child.Bounds(), Holds: child.Holds()}
			f.Group, f.Why = child.Group()
			require.NoError(t, s.Close())
			assert.False(t, paused(child))

			// The next one finds it paused all the same, as one finds it whose predecessor was killed, and goes on with it.
			require.NoError(t, child.throttle.brake.pause())
			eventually(t, func() bool { return paused(child) }, "it pauses")
			c, alive, _ := adopt(t, next, f)
			require.True(t, alive)
			eventually(t, func() bool { return !paused(c) }, "the next one has it go on")
			assert.Equal(t, m.by, c.Holds()[0].By)
			again := &run{Child: c}
			indebt(t, again)
			require.NoError(t, c.Kill())
			var status syscall.WaitStatus
			_, _ = syscall.Wait4(f.PID, &status, 0, nil)
			next.Reaped(f.PID, f.StartTime, uint32(status))
		})
	}
}

func busyQuiet(share float64) Cmd {
	c := shell(`for i in 1 2 3 4; do (while :; do :; done) & done; wait`)
	c.Bounds.CPU = share
	return c
}

func TestQuotas(t *testing.T) {
	for cores, want := range map[float64]string{0.5: "50000 100000", 2: "200000 100000", 0.01: "1000 100000", 0.005: "5000 1000000", 0.0001: "1000 1000000"} {
		q, p := quota(cores)
		assert.Equal(t, want, fmt.Sprint(q, p), cores)
	}
}

func TestIOLevels(t *testing.T) {
	for weight, want := range map[int]int{1: 7, 10: 7, 25: 6, 50: 5, 51: 4, 100: 4, 199: 4, 200: 3, 400: 2, 10000: 0} {
		assert.Equal(t, want, ioLevel(weight), weight)
	}
}

// Of cgroup2 this test has only files: which are written, with what.
func TestControllersAreSwitchedOnFromTheTop(t *testing.T) {
	own := t.TempDir()
	g := &cgroups{dir: filepath.Join(own, "weaver", "home")}
	require.NoError(t, os.MkdirAll(g.dir, 0o755))
	put := func(file, text string) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	get := func(file string) string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(text)
	}
	put(own+"/cgroup.controllers", "cpuset cpu io memory pids\n")
	put(own+"/cgroup.subtree_control", "io cpu\n")
	put(own+"/weaver/cgroup.subtree_control", "")
	put(g.dir+"/cgroup.subtree_control", "")
	require.NoError(t, g.offer("cpu", nil))
	assert.Equal(t, "io cpu\n", get(own+"/cgroup.subtree_control"), "it was on")
	assert.Equal(t, "+cpu", get(own+"/weaver/cgroup.subtree_control"))
	assert.Equal(t, "+cpu", get(g.dir+"/cgroup.subtree_control"))
	assert.ErrorContains(t, g.offer("hugetlb", nil), "no hugetlb controller")

	group := &cgroup{dir: filepath.Join(g.dir, "1.1")}
	require.NoError(t, os.Mkdir(group.dir, 0o755))
	b := Bounds{CPU: 0.5, Memory: 64 << 20, Pids: 7, IOWeight: 50}
	want := map[string]string{
		"cpu.max": "50000 100000", "memory.max": "67108864", "memory.oom.group": "1", "pids.max": "7", "io.weight": "default 50",
	}
	for file := range want {
		put(filepath.Join(group.dir, file), "")
	}
	for _, what := range resources {
		require.True(t, rules[what].asked(b))
		require.NoError(t, group.set(rules[what].v2set(b)), "memory.swap.max is not in every kernel")
	}
	for file, text := range want {
		assert.Equal(t, text, get(filepath.Join(group.dir, file)), file)
	}
	require.NoError(t, os.Remove(group.dir+"/pids.max"))
	assert.ErrorContains(t, group.set(rules[Pids].v2set(b)), "write pids.max of cgroup")

	// Those in the way step aside, unless there are strangers among them.
	put(own+"/cgroup.procs", "10\n11\n")
	require.NoError(t, os.Mkdir(filepath.Join(own, aside), 0o755))
	put(filepath.Join(own, aside, "cgroup.procs"), "")
	assert.False(t, stepAside(own, []int{10}))
	assert.Empty(t, get(filepath.Join(own, aside, "cgroup.procs")))
	assert.True(t, stepAside(own, []int{11, 10}))
	assert.Equal(t, "11", get(filepath.Join(own, aside, "cgroup.procs")), "the last one that was written")
}

// A group with processes of its own has no controllers for its children, until these processes step aside.
func TestProcessesInTheWayOfControllersStepAside(t *testing.T) {
	own, err := ownCgroup2("/proc/self/mountinfo", "/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(own, fmt.Sprintf("spawn-test-aside-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skip("no writable cgroup2 hierarchy here: ", err)
	}
	t.Cleanup(func() { require.NoError(t, (&cgroup{dir: dir}).remove()) })
	text, err := os.ReadFile(dir + "/cgroup.controllers")
	require.NoError(t, err)
	words := strings.Fields(string(text))
	if len(words) == 0 {
		t.Skip("cgroup2 has no controllers here")
	}
	for _, word := range words { // some are enabled in spite of processes, and then it is too late
		t.Run(word, func(t *testing.T) { stepsAside(t, dir, word) })
	}
}

func stepsAside(t *testing.T, above, controller string) {
	dir := filepath.Join(above, controller)
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, writeFile(above+"/cgroup.subtree_control", "+"+controller))
	s := newSpawner(t, mode{})
	ours, stranger := launch(t, s, command("/bin/sleep", "100")), launch(t, s, command("/bin/sleep", "100"))
	t.Cleanup(func() { // before the groups are removed
		_, _ = ours.Kill(), stranger.Kill()
		wait(t, ours.empty)
		wait(t, stranger.empty)
	})
	for _, r := range []*run{ours, stranger} {
		require.NoError(t, writeFile(dir+"/cgroup.procs", fmt.Sprint(r.PID)))
	}
	g := &cgroups{dir: filepath.Join(dir, "weaver", "home")}
	require.NoError(t, os.MkdirAll(g.dir, 0o755))
	assert.ErrorContains(t, g.switchOn(controller, []int{ours.PID}), "device or resource busy")
	kind, err := os.ReadFile(g.dir + "/cgroup.type")
	require.NoError(t, err)
	assert.Equal(t, "domain\n", string(kind), "children can still live there")
	require.NoError(t, stranger.Kill())
	wait(t, stranger.exit)
	eventually(t, func() bool { return g.switchOn(controller, []int{ours.PID}) == nil }, "the stranger is gone")
	has, err := lists(g.dir+"/cgroup.subtree_control", controller)
	require.NoError(t, err)
	assert.True(t, has)
	where, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", ours.PID))
	require.NoError(t, err)
	assert.Contains(t, string(where), "/"+aside+"\n")
	// From there, the successor finds the group that it came from.
	memberships := filepath.Join(t.TempDir(), "cgroup")
	require.NoError(t, os.WriteFile(memberships, where, 0o600))
	found, err := ownCgroup2("/proc/self/mountinfo", memberships)
	require.NoError(t, err)
	assert.Equal(t, dir, found)
}

// hog takes more memory than it may.
func hog() int {
	var all [][]byte
	for range 1024 {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
	}
	fmt.Println("got", len(all))
	return 0
}

func held(t *testing.T, c *Child, what Resource) Hold {
	t.Helper()
	for _, h := range c.Holds() {
		if h.What == what {
			return h
		}
	}
	t.Fatalf("nothing is said of %s", what)
	return Hold{}
}

func TestTooMuchMemoryIsTheKernelsToKill(t *testing.T) {
	s := newSpawner(t, mode{cgroup: true})
	c := role(t, "hog")
	c.Bounds.Memory = 64 << 20
	r := launch(t, s, c)
	if h := held(t, r.Child, Memory); h.By == "" {
		t.Skip("no memory controller here: ", h.Why)
	}
	e := wait(t, r.exit)
	assert.Equal(t, syscall.SIGKILL, e.Signal)
	assert.True(t, e.OOM)
	assert.Positive(t, r.OOMKills())
	wait(t, r.empty)
}

func TestTooManyProcessesAreRefused(t *testing.T) {
	s := newSpawner(t, mode{cgroup: true})
	c := shell(`i=0; while [ $i -lt 20 ]; do sleep 100 & i=$((i+1)); done 2>/dev/null; echo all`)
	c.Bounds.Pids = 8
	r := launchRead(t, s, c)
	if h := held(t, r.Child, Pids); h.By == "" {
		t.Skip("no pids controller here: ", h.Why)
	}
	wait(t, r.exit)
	tree, err := r.Tree()
	require.NoError(t, err)
	assert.Less(t, len(tree), 9)
	assert.NotEmpty(t, tree)
}

func TestWhatNothingHoldsSaysSo(t *testing.T) {
	s := newSpawner(t, mode{})
	s.withoutControllers()
	c := shell("sleep 100")
	c.Bounds = Bounds{CPU: 0.5, Memory: 1 << 30, Pids: 100, IOWeight: 50}
	r := launch(t, s, c)
	assert.Equal(t, BySignals, held(t, r.Child, CPU).By)
	assert.Empty(t, held(t, r.Child, Memory).By)
	assert.Contains(t, held(t, r.Child, Memory).Why, "no memory controller here")
	assert.Contains(t, held(t, r.Child, Pids).Why, "RLIMIT_NPROC counts the processes of a user")
	assert.Contains(t, held(t, r.Child, IO).By, "best-effort 5")
}

func TestGroupsOfCgroup1GoWithTheChild(t *testing.T) {
	s := newSpawner(t, mode{cgroup: true})
	c := command("/bin/sleep", "100")
	c.Bounds = Bounds{CPU: 0.5, Pids: 10}
	r := launch(t, s, c)
	var dirs []string
	for _, h := range r.Holds() {
		if strings.HasPrefix(h.By, "cgroup1 ") {
			dirs = append(dirs, h.Dir)
			text, err := os.ReadFile(h.Dir + "/cgroup.procs")
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprintln(r.PID), string(text))
		}
	}
	if len(dirs) == 0 {
		t.Skip("no controllers in cgroup1 here")
	}
	require.NoError(t, r.Kill())
	wait(t, r.empty)
	require.NoError(t, r.Release())
	for _, dir := range dirs {
		eventually(t, func() bool {
			s.system.bounds.forsake() // the zombie may have been in the way before
			_, err := os.Stat(dir)
			return os.IsNotExist(err)
		}, "its group is removed")
	}
}

func TestFailedLaunchLeavesNoGroups(t *testing.T) {
	s := newSpawner(t, mode{cgroup: true})
	c := command("/nonexistent/program")
	c.Bounds = Bounds{CPU: 0.5, Memory: 1 << 30}
	_, err := s.Launch(c, nil)
	assert.EqualError(t, err, "exec /nonexistent/program: no such file or directory")
	for _, base := range append(s.system.bounds.bases(), s.system.groups.dir) {
		assert.Empty(t, (&cgroups{dir: base}).all())
	}
}

func FuzzParseTimes(f *testing.F) {
	own, _ := os.ReadFile("/proc/self/stat")
	f.Add(own)
	f.Add([]byte("1 (a) b) T 1 2 3"))
	f.Fuzz(func(t *testing.T, line []byte) { parseTimes(line) })
}
