package spawn

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestDeafChildIsKilled(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		r := launchRead(t, s, role(t, "deaf"))
		require.Equal(t, "deaf", r.line(t))
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			require.NoError(t, r.SignalTree(sig))
		}
		assert.True(t, alive(r.PID))
		require.NoError(t, r.Kill())
		e := wait(t, r.exit)
		assert.Equal(t, syscall.SIGKILL, e.Signal)
		assert.False(t, e.OOM, "we killed it")
		wait(t, r.empty)
	})
}

func TestSignalReachesTheMainProcessOnly(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		r := launchRead(t, s, shell(`trap 'echo main; exit 4' USR1; sh -c 'trap "echo child" USR1; echo up; while :; do sleep 0.01; done' & wait`))
		require.Equal(t, "up", r.line(t))
		require.NoError(t, r.Signal(syscall.SIGUSR1))
		assert.Equal(t, "main", r.line(t))
		assert.Equal(t, 4, wait(t, r.exit).Code)
		pids, err := r.Tree()
		require.NoError(t, err)
		assert.NotEmpty(t, pids, "its child lives on")
		assert.Empty(t, r.empty)
	})
}

func TestSignalTreeReachesEverybody(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		script := `exec 2>/dev/null; trap 'echo $1; exit 0' USR1; if [ $1 -lt 4 ]; then setsid sh -c "$0" "$0" $(($1+1)) & fi; [ $1 -lt 4 ] || echo up; while :; do sleep 0.01; done`
		r := launchRead(t, s, command("/bin/sh", "-c", script, script, "1"))
		require.Equal(t, "up", r.line(t))
		require.NoError(t, r.SignalTree(syscall.SIGUSR1))
		var got []string
		for range 4 {
			got = append(got, r.line(t))
		}
		assert.ElementsMatch(t, []string{"1", "2", "3", "4"}, got)
		wait(t, r.exit)
		wait(t, r.empty)
	})
}

// The children are signalled before their parents: when the parent gets it, the child has it already.
func TestSignalTreeIsDeepestFirst(t *testing.T) {
	var order []int
	tr := newTable(3)
	tr.add(process{pid: 10, ppid: 1, sid: 10, start: 1})
	tr.add(process{pid: 11, ppid: 10, sid: 10, start: 1})
	tr.add(process{pid: 12, ppid: 11, sid: 12, start: 1})
	for _, m := range tr.members(lineage{pid: 10, start: 1, outside: func(int) bool { return false }}).tree {
		order = append(order, m.pid)
	}
	assert.Equal(t, []int{12, 11, 10}, order)
}

func TestForkStormIsKilled(t *testing.T) {
	// Each is bounded, lest it outlive a test that cannot end it.
	storms := map[string]string{
		"orphans": `i=0; while [ $i -lt 1000 ]; do (setsid sleep 100 &); i=$((i+1)); done; sleep 100`,
		"forks":   `f() { i=0; while [ $i -lt 300 ]; do sleep 100 & i=$((i+1)); done; wait; }; f & f & f`,
		"relay":   `f() { [ $1 -gt 2000 ] || { sleep 0.001; f $(($1+1)) & }; }; f 0 & f 0 & f 0 & sleep 100`,
	}
	for name, script := range storms {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, s *Spawner) {
				c := shell(script)
				r := launch(t, s, c)
				eventually(t, func() bool { pids, _ := r.Tree(); return len(pids) > 4 }, "it storms")
				require.NoError(t, r.Kill())
				if name == "relay" { // its processes end before they can be killed: again, until it is over, as a keeper does
					eventually(t, func() bool { return r.Kill() != nil || len(r.empty) == 1 }, "the storm ends")
				}
				wait(t, r.empty)
				assert.Equal(t, syscall.SIGKILL, wait(t, r.exit).Signal)
				assert.Empty(t, bearers(t, c.Tag), "processes of the tree live on")
			})
		})
	}
}

// bearers returns the live processes that carry the tag, found without the code under test.
func bearers(t *testing.T, tag string) (pids []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, e := range entries {
		env, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		if slices.Contains(strings.Split(string(env), "\x00"), marker+"="+tag) {
			pids = append(pids, e.Name())
		}
	}
	return pids
}

func TestRecycledPidIsNotSignalled(t *testing.T) {
	s := newSpawner(t, mode{})
	r := launch(t, s, command("/bin/sleep", "100"))
	m := member{pid: r.PID, start: r.StartTime + 1}
	assert.ErrorIs(t, sendIdentified(m, syscall.SIGKILL), os.ErrProcessDone)
	assert.ErrorIs(t, sendIdentified(member{pid: 1 << 22}, syscall.SIGKILL), os.ErrProcessDone)
	assert.False(t, s.watchMember(m, func() {}))
	assert.True(t, alive(r.PID))
	m.start--
	require.NoError(t, sendIdentified(m, syscall.SIGKILL))
	assert.Equal(t, syscall.SIGKILL, wait(t, r.exit).Signal)
}

// needGroupSignals skips the test where the kernel does not know groups by pidfds: there the sweeps have to do.
func needGroupSignals(t *testing.T, c *Child, left int) {
	t.Helper()
	if unix.PidfdSendSignal(c.pidfd, 0, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP) == unix.EINVAL {
		_ = syscall.Kill(left, syscall.SIGKILL)
		t.Skip("this kernel sends no signals to groups by pidfds (Linux 6.9)")
	}
}

// The process group of a main process that is gone is still killed in one stroke, through its pidfd.
func TestGroupOfDeadLeaderIsKilled(t *testing.T) {
	s := newSpawner(t, mode{})
	r := launchRead(t, s, shell(`env -i sleep 100 & echo $!`))
	left := r.pid(t)
	needGroupSignals(t, r.Child, left)
	wait(t, r.exit)
	r.killSession()
	wait(t, r.empty)
	assert.False(t, alive(left))
	reap(t, left)
}
