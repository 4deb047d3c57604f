//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeWeaverd says how it was run.
const fakeWeaverd = "#!/bin/sh\necho \"$0: $*\"\nexit 5\n"

// install puts weaver into a directory of its own, beside a weaverd with the given text, if any.
func install(t testing.TB, weaverd string) (dir string) {
	dir = t.TempDir()
	require.NoError(t, os.Symlink(executable(t), filepath.Join(dir, "weaver")))
	if weaverd != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "weaverd"), []byte(weaverd), 0o755))
	}
	return dir
}

// result is what a command came to.
type result struct {
	out, err string
	code     int
}

// weaverRun runs weaver in a directory with a weaverd that must never be run.
func weaverRun(t testing.TB, path string, env []string, argv ...string) result {
	var out, errOut bytes.Buffer
	here := t.TempDir()
	require.NoError(t, os.WriteFile(here+"/weaverd", []byte("#!/bin/sh\necho whoever\n"), 0o755))
	cmd := exec.Command(path)
	cmd.Args = argv
	cmd.Dir = here
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "WEAVER_HOME=" + t.TempDir()}, env...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		require.NoError(t, err)
	}
	return result{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

func TestWeaverdBesideTheLinkOrOnPath(t *testing.T) {
	dir := install(t, fakeWeaverd)
	weaver, weaverd := dir+"/weaver", dir+"/weaverd"
	assert.Equal(t, result{weaverd + ": start app.js -- -x\n", "", 5}, weaverRun(t, weaver, nil, weaver, "start", "app.js", "--", "-x"))

	alone := install(t, "")
	assert.Equal(t, result{weaverd + ": list\n", "", 5}, weaverRun(t, alone+"/weaver", []string{"PATH=:.:" + dir}, "weaver", "list"), "on PATH")
	got := weaverRun(t, alone+"/weaver", []string{"PATH=:.:/nowhere"}, "weaver", "list")
	assert.Equal(t, 127, got.code)
	assert.Equal(t, "weaver: cannot find weaverd beside weaver or on PATH\nhint: install weaver and weaverd into the same directory\n", got.err)

	other := install(t, "not executable")
	require.NoError(t, os.Chmod(other+"/weaverd", 0o644))
	assert.Equal(t, 127, weaverRun(t, other+"/weaver", []string{"PATH=/nowhere"}, other+"/weaver", "list").code)
	require.NoError(t, os.Chmod(other+"/weaverd", 0o755))
	got = weaverRun(t, other+"/weaver", []string{"PATH=/nowhere"}, other+"/weaver", "list")
	assert.Equal(t, 126, got.code)
	assert.Contains(t, got.err, "weaver: cannot run "+other+"/weaverd: exec format error")
}

// The link may be anywhere: what counts first is where the executable really lies.
func TestWeaverdBesideTheExecutableItself(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile(executable(t))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/weaver", data, 0o755))
	require.NoError(t, os.WriteFile(dir+"/weaverd", []byte(fakeWeaverd), 0o755))
	link := install(t, strings.ReplaceAll(fakeWeaverd, "$0", "the wrong one"))
	require.NoError(t, os.Remove(link+"/weaver"))
	require.NoError(t, os.Symlink(dir+"/weaver", link+"/pm2"))
	assert.Equal(t, result{dir + "/weaverd: list\n", "", 5}, weaverRun(t, link+"/pm2", nil, link+"/pm2", "list"))
}

func TestArgv0IsKept(t *testing.T) {
	dir := install(t, "")
	require.NoError(t, os.Symlink("/bin/sh", dir+"/weaverd"))
	assert.Equal(t, result{"/opt/pm2\n", "", 0}, weaverRun(t, dir+"/weaver", []string{"PATH=" + dir}, "/opt/pm2", "-c", "echo $0"))
}

func TestVersionIsOfTheLinker(t *testing.T) {
	assert.Equal(t, result{"1.2.3-test\n", "", 0}, weaverRun(t, executable(t), nil, "weaver", "--version"))
}

func TestTrampolineRefusesNonsense(t *testing.T) {
	assert.NotZero(t, weaverRun(t, executable(t), nil, "weaver-exec", "x").code)
}

func TestAnchorWithoutWeaverd(t *testing.T) {
	dir := install(t, "")
	assert.Equal(t, 127, weaverRun(t, dir+"/weaver", []string{"PATH=/nowhere"}, "weaver", "--anchor", t.TempDir()).code)
	home := t.TempDir()
	got := weaverRun(t, dir+"/weaver", nil, "weaver", "--anchor", home, "/nonexistent/weaverd")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.err, "cannot run /nonexistent/weaverd: no such file or directory")
	_, err := os.Stat(home + "/anchor.log")
	assert.NoError(t, err)
}

// What the start of weaver does is counted, not timed: inits, what they allocate, page faults.
func TestStartIsCheap(t *testing.T) {
	weaver := executable(t)
	info, err := os.Stat(weaver)
	require.NoError(t, err)
	t.Logf("%d bytes", info.Size())
	assert.Less(t, info.Size(), int64(2_150_000), "stripped size: the anchor with its store of descriptors is in it, and what borrows the full front end")

	home := t.TempDir()
	listing(t, home, table)
	env := []string{"WEAVER_HOME=" + home}
	got := weaverRun(t, weaver, append(env, "GODEBUG=inittrace=1"), "weaver", "list")
	require.Equal(t, table, got.out)
	inits, allocs := 0, 0
	for line := range strings.Lines(got.err) {
		inits++
		fields := strings.Fields(line)
		allocs += atoi(t, fields[len(fields)-2])
	}
	t.Logf("%d inits, %d allocations", inits, allocs)
	assert.LessOrEqual(t, inits, 20)
	assert.LessOrEqual(t, allocs, 60)

	best := 1 << 30
	for range 5 {
		cmd := exec.Command(weaver, "list")
		cmd.Env = env
		require.NoError(t, cmd.Run())
		best = min(best, int(cmd.ProcessState.SysUsage().(*syscall.Rusage).Minflt))
	}
	hello := 1 << 30
	for range 5 {
		cmd := exec.Command(helloWorld(t))
		require.NoError(t, cmd.Run())
		hello = min(hello, int(cmd.ProcessState.SysUsage().(*syscall.Rusage).Minflt))
	}
	t.Logf("%d minor faults, hello world %d", best, hello)
	assert.LessOrEqual(t, best, hello+34, "minor faults over hello world")
}
