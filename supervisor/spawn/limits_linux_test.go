package spawn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func ptr[T any](v T) *T { return &v }

func root(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

// resourceful skips unless limits may be raised, which not every root may.
func resourceful(t *testing.T) {
	t.Helper()
	root(t)
	caps, err := strconv.ParseUint(regexp.MustCompile(`CapEff:\s*(\w+)`).FindStringSubmatch(slurp(t, "/proc/self/status"))[1], 16, 64)
	require.NoError(t, err)
	if caps&(1<<unix.CAP_SYS_RESOURCE) == 0 {
		t.Skip("needs CAP_SYS_RESOURCE")
	}
}

func slurp(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestUserAndGroups(t *testing.T) {
	root(t)
	s := newSpawner(t, mode{})
	nobody, home, err := LookupUser("nobody")
	require.NoError(t, err)
	assert.Equal(t, "/nonexistent", home)
	nobody.Groups = append(nobody.Groups, 1, 4242)
	for _, limits := range [][]Rlimit{nil, {{unix.RLIMIT_CORE, 0, 0}}} {
		c := shell("id -u; id -g; id -G; grep -E '^(Cap(Eff|Prm)|NoNew)' /proc/self/status; touch /root/x 2>/dev/null || echo kept out")
		c.User, c.Rlimits = &nobody, limits
		got := strings.Split(output(t, s, c), "\n")
		assert.Equal(t, []string{
			"65534", "65534", "65534 1 4242",
			"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t0", "kept out", "",
		}, got)
	}
}

func TestUmaskAndNice(t *testing.T) {
	s := newSpawner(t, mode{})
	before := unix.Umask(0o022)
	defer unix.Umask(before)
	const script = `umask; nice; nice -n 0 cat /proc/self/stat | cut -d' ' -f19`
	line, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	ours := strings.Fields(string(line))[18] // whoever runs the tests may have been nice
	want := func(umask, nice string) string { return umask + "\n" + nice + "\n" + nice + "\n" }
	assert.Equal(t, want("0022", ours), output(t, s, shell(script)))
	for range 20 { // each thread is thrown away
		c := shell(script)
		c.Umask, c.Nice = ptr(0o077), ptr(17)
		assert.Equal(t, want("0077", "17"), output(t, s, c))
		assert.Equal(t, want("0022", ours), output(t, s, shell(script)))
	}
	c := shell(script)
	c.Umask = ptr(0)
	assert.Equal(t, want("0000", ours), output(t, s, c))
	line, err = os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	assert.Equal(t, ours, strings.Fields(string(line))[18], "the supervisor's own niceness")
}

func TestBadSettingsAreNamed(t *testing.T) {
	s := newSpawner(t, mode{})
	launchErr := func(change func(*Cmd)) string {
		c := command("/bin/true")
		change(&c)
		_, err := s.Launch(c, func(Exit) { t.Error("exited was called") })
		require.Error(t, err)
		return err.Error()
	}
	assert.Equal(t, "nice 20: not within -20..19", launchErr(func(c *Cmd) { c.Nice = ptr(20) }))
	assert.Equal(t, "umask 01000: not within 0..0777", launchErr(func(c *Cmd) { c.Umask = ptr(0o1000) }))
	assert.Equal(t, "oom score adjustment 1001: not within -1000..1000", launchErr(func(c *Cmd) { c.OOMScoreAdj = ptr(1001) }))
	assert.Equal(t, "limit 7: soft 3 above hard 2", launchErr(func(c *Cmd) { c.Rlimits = []Rlimit{{7, 3, 2}} }))
	assert.Equal(t, "limit 200 to 1:2: invalid argument", launchErr(func(c *Cmd) { c.Rlimits = []Rlimit{{200, 1, 2}} }))
	assert.Equal(t, "exec: no path", launchErr(func(c *Cmd) { c.Path = "" }))
	assert.Equal(t, "exec /bin/true: no arguments, not even its name", launchErr(func(c *Cmd) { c.Argv = nil }))

	bare := newSpawner(t, mode{}, func(o *Options) { o.Trampoline = "" })
	c := command("/bin/true")
	c.OOMScoreAdj = ptr(1)
	_, err := bare.Launch(c, nil)
	assert.EqualError(t, err, "exec /bin/true: limits need a trampoline, and none is set")
	bare.options.Trampoline = "/nonexistent/weaver"
	_, err = bare.Launch(c, nil)
	assert.EqualError(t, err, "exec /bin/true: trampoline /nonexistent/weaver: no such file or directory")
}

func TestRlimitsHoldFromTheFirstInstruction(t *testing.T) {
	s := newSpawner(t, mode{})
	c := shell("ulimit -Sn; ulimit -Hn; ulimit -St; ulimit -Hc; ulimit -Sv; cat /proc/self/oom_score_adj")
	c.Rlimits = []Rlimit{
		{unix.RLIMIT_NOFILE, 57, 91},
		{unix.RLIMIT_CPU, 1000, ^uint64(0)},
		{unix.RLIMIT_CORE, 0, 2048},
		{unix.RLIMIT_AS, 300 << 20, 300 << 20},
		{unix.RLIMIT_DATA, 20 << 20, 20 << 20},
	}
	c.OOMScoreAdj = ptr(321)
	assert.Equal(t, "57\n91\n1000\n4\n307200\n321\n", output(t, s, c))
}

func TestHardLimitsAndOOMScoreOfAUserAreMadeByRoot(t *testing.T) {
	resourceful(t)
	s := newSpawner(t, mode{})
	var now unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &now))
	dir := t.TempDir() // 0755 below a 0700 of root's: not for nobody
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	c := shell("ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; id -u; pwd")
	c.User, c.Dir = &User{UID: 65534, GID: 65534}, dir
	c.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, now.Max + 1, now.Max + 2}}
	c.OOMScoreAdj = ptr(-7)
	assert.Equal(t, fmt.Sprintf("%d\n%d\n-7\n65534\n%s\n", now.Max+1, now.Max+2, dir), output(t, s, c))
}

func TestTrampolineKeepsTheOriginalOpenFilesLimit(t *testing.T) {
	// This process's own, as a plain child gets it.
	s := newSpawner(t, mode{})
	plain := output(t, s, shell("ulimit -Sn; ulimit -Hn"))
	c := shell("ulimit -Sn; ulimit -Hn")
	c.OOMScoreAdj = ptr(0)
	assert.Equal(t, plain, output(t, s, c))
}

// The supervisor is this binary started with one limit or another; it raises it and reports what children have then.
func TestRaisedOpenFilesLimitStaysInTheSupervisor(t *testing.T) {
	resourceful(t)
	s := newSpawner(t, mode{})
	for _, orig := range []struct{ soft, hard uint64 }{{1024, 4096}, {4096, 4096}, {4095, 4096}, {256, 60000}} {
		for _, want := range []uint64{1, 3000, 4096, 50000, 70000} {
			c := role(t, "limits", fmt.Sprint(want))
			c.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, orig.soft, orig.hard}}
			children := fmt.Sprintf("%d:%d", orig.soft, orig.hard)
			soft, hard := max(orig.hard-1, orig.soft), orig.hard
			if want > hard {
				soft, hard = want, want
			}
			assert.Equal(t, fmt.Sprintf("own %d:%d\nplain %s\nlimited %s\nuser %s\nasked 77:88\nafter restore %s\n",
				soft, hard, children, children, children, children), output(t, s, c), "from %s to %d", children, want)
		}
	}
}

// As above as far as it goes where nothing may be raised: the refusal, and children's limits put back.
func TestOpenFilesLimitThatCannotBeRaised(t *testing.T) {
	s := newSpawner(t, mode{})
	c := role(t, "limits", "1000000")
	c.User = &User{UID: 65534, GID: 65534}
	c.Path, c.Dir = copySelf(t), "/"
	c.Argv[0] = c.Path
	for _, soft := range []int{1024, 4095, 4096} {
		c.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, uint64(soft), 4096}}
		children := fmt.Sprintf("%d:4096", soft)
		assert.Equal(t, fmt.Sprintf("raise open files limit to 1000000:1000000: operation not permitted\nown %d:4096\nplain %s\nlimited %s\nuser %s\nasked 77:88\nafter restore %s\n",
			max(soft, 4095), children, children, "become user 65534 group 65534: operation not permitted", children), output(t, s, c))
	}
}

// copySelf puts this binary where everybody may execute it.
func copySelf(t *testing.T) string {
	t.Helper()
	root(t)
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "self")
	require.NoError(t, os.WriteFile(path, []byte(slurp(t, self(t))), 0o755))
	return path
}

func TestChildrenGetBackALowerLimit(t *testing.T) {
	s := newSpawner(t, mode{})
	for _, soft := range []int{1024, 4095, 4096} {
		c := role(t, "lowered", fmt.Sprint(soft))
		assert.Equal(t, fmt.Sprintf("plain %d:4096\nlimited %d:4096\nasked 77:88\nafter restore %d:4096\n", soft, soft, soft), output(t, s, c))
	}
}

// The limit that Go hides from itself is learned from a child that runs nothing.
func TestOriginalLimitIsLearned(t *testing.T) {
	var now unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &now))
	lim, err := childsNoFile()
	require.NoError(t, err)
	assert.Equal(t, now, lim, "a go test starts with soft and hard alike, or this process with Go's own")
}

// pretendRaised notes a lower limit as the original, as RaiseNoFile does.
func pretendRaised() int {
	var soft uint64
	fmt.Sscan(os.Args[1], &soft)
	originalNoFile.Store(&unix.Rlimit{Cur: soft, Max: 4096})
	return showLimits(map[string]bool{"user": true})
}

func raiseLimits() int {
	var want uint64
	fmt.Sscan(os.Args[1], &want)
	soft, hard, err := RaiseNoFile(want)
	if err != nil {
		fmt.Println(err)
	}
	var now unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &now); now.Cur != soft || now.Max != hard {
		fmt.Println("told", soft, hard, "is", now)
	}
	fmt.Printf("own %d:%d\n", soft, hard)
	return showLimits(nil)
}

// showLimits prints the limits of children of all kinds, and of what this process execs itself.
func showLimits(skip map[string]bool) int {
	path, _ := os.Executable()
	s, err := New(Options{Trampoline: path})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer s.Close()
	show := func(name string, change func(*Cmd)) {
		if skip[name] {
			return
		}
		in, out, _ := os.Pipe() // it looks at its limit only when Launch has returned
		defer out.Close()
		c := shell(`read x; echo "$1 $(ulimit -Sn):$(ulimit -Hn)"`, name)
		c.Stdin, c.Stdout, c.Stderr = int(in.Fd()), 1, 2
		change(&c)
		exited := make(chan Exit, 1)
		if _, err := s.Launch(c, func(e Exit) { exited <- e }); err != nil {
			fmt.Println(name, err)
			return
		}
		in.Close()
		out.WriteString("\n")
		<-exited
	}
	show("plain", func(*Cmd) {})
	show("limited", func(c *Cmd) { c.OOMScoreAdj = ptr(0) })
	show("user", func(c *Cmd) { c.User = &User{UID: 65534, GID: 65534} })
	show("asked", func(c *Cmd) { c.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 77, 88}} })
	if err := RestoreNoFile(); err != nil {
		fmt.Println(err)
	}
	// As the successor of an upgrade finds it.
	err = syscall.Exec("/bin/sh", []string{"sh", "-c", `echo "after restore $(ulimit -Sn):$(ulimit -Hn)"`}, os.Environ())
	fmt.Println(err)
	return 1
}

func TestCannotFitWithoutDescriptors(t *testing.T) {
	s := newSpawner(t, mode{})
	require.NoError(t, s.CanFit(1))
	c := role(t, "capacity")
	c.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 256, 256}}
	const need = DescriptorsPerChild + transientDescriptors + ReservedDescriptors
	assert.Equal(t, fmt.Sprintf("refused with %d free\nnow %d fit\n", need-1, need), output(t, s, c))
}

// fillDescriptors opens descriptors until CanFit refuses, then closes one.
func fillDescriptors() int {
	s, err := New(Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer s.Close()
	var open []int
	for s.CanFit(1) == nil {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		open = append(open, fd)
	}
	err = s.CanFit(1)
	free := -1
	if !errors.Is(err, unix.EMFILE) {
		fmt.Println(err)
	}
	fmt.Sscanf(err.Error(), "descriptors: %d free", &free)
	fmt.Println("refused with", free, "free")
	unix.Close(open[0])
	if s.CanFit(1) == nil {
		fmt.Println("now", DescriptorsPerChild+transientDescriptors+ReservedDescriptors, "fit")
	}
	return 0
}

// The count in one look must not refuse or allow other than taking the descriptors one by one does.
func TestDescriptorsAreCountedInOneLook(t *testing.T) {
	limit, err := noFile()
	require.NoError(t, err)
	free, ok := countFree()
	if !ok {
		t.Skip("this kernel does not tell the number of open descriptors")
	}
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	assert.InDelta(t, int(limit.Cur)-len(entries), free, 64, "other tests may open some")
}
