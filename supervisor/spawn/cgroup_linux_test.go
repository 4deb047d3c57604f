package spawn

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOwnCgroupIsFound(t *testing.T) {
	const hybrid = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 /a /sys/fs/cgroup/memory rw,relatime shared:3 - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/uni\040fied rw,relatime shared:9 master:1 - cgroup2 cgroup2 rw
`
	const unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
	const bound = "30 23 0:26 /docker/x /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
	rows := []struct{ name, mounts, groups, want, err string }{
		{"hybrid", hybrid, "4:memory:/a/b\n0::/\n", "/sys/fs/cgroup/uni fied", ""},
		{"unified", unified, "0::/system.slice/weaver.service\n", "/sys/fs/cgroup/system.slice/weaver.service", ""},
		{"bind mount", bound, "0::/docker/x/y\n", "/sys/fs/cgroup/y", ""},
		{"outside", bound, "0::/docker/z\n", "", "cgroup: own group /docker/z is outside the mount of /docker/x"},
		{"above the namespace", unified, "0::/../x\n", "", "cgroup: own group /../x is outside the mount of /"},
		{"v1 only", strings.Split(hybrid, "38 ")[0], "4:memory:/\n", "", "cgroup: no cgroup2 mount"},
		{"no membership", unified, "4:memory:/\n", "", "cgroup: not a member of any cgroup2 group"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			mounts, groups := filepath.Join(dir, "m"), filepath.Join(dir, "g")
			require.NoError(t, os.WriteFile(mounts, []byte(row.mounts), 0o600))
			require.NoError(t, os.WriteFile(groups, []byte(row.groups), 0o600))
			got, err := ownCgroup2(mounts, groups)
			assert.Equal(t, row.want, got)
			if row.err != "" {
				assert.EqualError(t, err, row.err)
			}
		})
	}
	got, ok := cgroup1Dir([]byte(hybrid), []byte("5:cpu:/\n4:hugetlb,memory:/a/b\n0::/\n"), "memory")
	assert.True(t, ok)
	assert.Equal(t, "/sys/fs/cgroup/memory/b", got)
	_, ok = cgroup1Dir([]byte(unified), []byte("0::/\n"), "memory")
	assert.False(t, ok)
}

func FuzzMountinfo(f *testing.F) {
	own, _ := os.ReadFile("/proc/self/mountinfo")
	f.Add(own, []byte("0::/\n4:memory:/a\n"))
	f.Add([]byte("1 2 3 / /x rw - cgroup2 a b\n"), []byte("0::x"))
	f.Fuzz(func(t *testing.T, mounts, groups []byte) {
		_, point, ok := cgroup2Mount(mounts)
		if ok && point == "" {
			t.Fatal("a mount nowhere")
		}
		cgroup1Dir(mounts, groups, "memory")
	})
}

func TestCgroupNames(t *testing.T) {
	for tag, want := range map[string]string{
		"3/17": "3.17", "../../etc": "etc", "a/../b": "a....b", "": "", "/": "", ".": "", "a\nb\x7f": "a.b.", "ö": "ö",
		strings.Repeat("x", 300): strings.Repeat("x", 200),
	} {
		assert.Equal(t, want, cgroupName(tag), "%q", tag)
	}
	g := &cgroups{dir: filepath.Join(t.TempDir(), "home")}
	for _, tag := range []string{"home/3/17", "3/17"} {
		c, why := g.make(tag)
		require.Empty(t, why)
		assert.Equal(t, filepath.Join(g.dir, "3.17"), c.dir)
		require.NoError(t, c.remove())
		require.NoError(t, c.remove(), "gone already")
	}
	_, why := g.make("")
	assert.Equal(t, "cgroup: no tag", why)
}

func TestMembersOfARemovedGroupAreNone(t *testing.T) {
	g := &cgroup{dir: "/nonexistent/group"}
	pids, err := g.pids()
	require.NoError(t, err)
	assert.Empty(t, pids)
	assert.False(t, g.populated())
}

func TestOOMKillIsTold(t *testing.T) {
	s := newSpawner(t, mode{})
	events := filepath.Join(t.TempDir(), "memory.events")
	count := func(n string) {
		require.NoError(t, os.WriteFile(events, []byte("low 0\noom 9\noom_kill "+n+"\noom_group_kill 8\n"), 0o600))
	}
	count("4")
	if o := s.system.ooms; o != nil {
		o.close()
	}
	s.system.ooms = openOOMCounter(events)
	require.NotNil(t, s.system.ooms)
	kill := func(n string, with func(r *run)) Exit {
		r := launch(t, s, command("/bin/sleep", "100"))
		count(n)
		with(r)
		return wait(t, r.exit)
	}
	signal := func(sig syscall.Signal) func(*run) {
		return func(r *run) { _ = syscall.Kill(r.PID, sig) }
	}
	assert.False(t, kill("4", signal(syscall.SIGKILL)).OOM, "no rise since it started")
	e := kill("5", signal(syscall.SIGKILL))
	assert.True(t, e.OOM)
	assert.Equal(t, "killed by SIGKILL (out of memory)", e.String())
	assert.False(t, kill("6", signal(syscall.SIGTERM)).OOM, "another signal")
	assert.False(t, kill("7", func(r *run) { _ = r.Kill() }).OOM, "we did it")
	assert.False(t, kill("8", func(r *run) { _ = r.Signal(syscall.SIGKILL) }).OOM, "we did it")
	assert.Nil(t, openOOMCounter("/nonexistent"))
	assert.Nil(t, openOOMCounter("/proc/self/stat"))
}

func TestOOMCountIsParsed(t *testing.T) {
	for text, want := range map[string]uint64{
		"oom_kill_disable 0\nunder_oom 0\noom_kill 12\n": 12, "low 1\noom_kill 0\n": 0,
	} {
		n, ok := parseOOMKills([]byte(text), nil)
		assert.True(t, ok)
		assert.Equal(t, want, n)
	}
	for _, text := range []string{"", "oom_kill_disable 0\n", "oom_kill \n", "oom_kill"} {
		_, ok := parseOOMKills([]byte(text), nil)
		assert.False(t, ok, text)
	}
	// Of this very machine, if it counts at all.
	if o := newOOMCounter(); o != nil {
		assert.False(t, o.took())
		o.close()
	}
}
