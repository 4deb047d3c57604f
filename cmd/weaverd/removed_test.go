//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/config/home"
	"weaver/daemon"
)

// removeHome removes all of the home, as people do.
func (h *house) removeHome() {
	h.t.Helper()
	for range 100 { // somebody may just be making a file in it
		if os.RemoveAll(h.home); !h.isThere("") {
			return
		}
	}
	require.Fail(h.t, "cannot remove "+h.home)
}

func (h *house) isThere(name string) bool {
	_, err := os.Lstat(filepath.Join(h.home, name))
	return err == nil
}

// anchors are the pids of those who look after the home.
func (h *house) anchors() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, _ := os.ReadFile(dir + "/cmdline") // it may be gone
		if strings.Contains(string(line), "\x00--anchor\x00"+h.home+"\x00") {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

// mended waits for the home to be there again.
func (h *house) mended() {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		return h.isThere("weaver.sock") && h.isThere("daemon.lock") && h.isThere("state/journal")
	}, 30*time.Second, 10*time.Millisecond)
}

// The home is removed while services run. They go on, are reached again within seconds, and all that is known of them is on
// disk again: also for a supervisor that comes after both have died.
func TestAHomeThatIsRemovedComesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.weaver("start", "/bin/sleep", "--name", "one", "--", "1000")
	h.weaver("start", "/bin/sleep", "--name", "two", "-i", "2", "--", "1000")
	h.weaver("set", "log.keep", "3")
	before, was := h.list(), h.ping()

	h.removeHome()
	h.mended()
	h.unchanged(before)
	assert.Equal(t, was, h.ping(), "nobody has died")
	assert.Contains(t, string(h.weaver("get", "log.keep")), "3")
	pid, err := os.ReadFile(filepath.Join(h.home, "pids", "one-0.pid"))
	require.NoError(t, err)
	assert.Equal(t, strconv.Itoa(before[0].PID), string(pid))
	h.weaver("restart", "two") // logs, locks
	assert.NotEqual(t, before[1].PID, h.list()[1].PID)
	before = h.list()

	for _, pid := range []int{was.Anchor, was.PID} {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	require.Eventually(t, func() bool { return !exists(was.Anchor) && !exists(was.PID) }, 60*time.Second, time.Millisecond)
	h.unchanged(before)

	h.removeHome()
	h.mended()
	require.NoError(t, syscall.Kill(h.ping().Anchor, syscall.SIGKILL), "the supervisor takes the new lock along")
	require.Eventually(t, func() bool { return len(h.anchors()) == 1 }, 60*time.Second, 10*time.Millisecond)
	h.unchanged(before)
	out, err := h.run("kill")
	require.NoError(t, err, out)
	assert.Empty(t, h.marked())
	require.NoError(t, os.MkdirAll(h.home, 0o700))
}

// Commands that come while the home is not there find no supervisor. None of them starts a second one beside the first.
func TestARemovedHomeIsNotGivenToAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.weaver("start", "/bin/sleep", "--name", "one", "--", "1000")
	before, was := h.list(), h.ping()
	for range 2 {
		h.removeHome()
		require.NoError(t, os.Mkdir(h.home, 0o700)) // where commands are run
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				args := []string{"ping"}
				if i%2 == 0 {
					args = []string{"start", "/bin/sleep", "--name", "more" + strconv.Itoa(i), "--", "1000"}
				}
				out, err := h.run(args...)
				assert.NoError(t, err, out)
			})
		}
		all.Wait()
		assert.Equal(t, []int{was.Anchor}, h.anchors())
		assert.Equal(t, was, h.ping())
		list := h.list()
		require.Len(t, list, 3)
		assert.Equal(t, before[0].PID, list[0].PID)
		assert.Len(t, h.marked(), 3)
		h.weaver("delete", "more0", "more2")
	}
	h.removeHome()
	require.NoError(t, os.Mkdir(h.home, 0o700))
	var list []seen
	out, err := h.run("jlist")
	require.NoError(t, err, out)
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	assert.Len(t, list, 1, "what runs is listed")

	h.removeHome()
	require.NoError(t, os.Mkdir(h.home, 0o700))
	h.weaver("kill")
	assert.Empty(t, h.marked())
	assert.Empty(t, h.anchors())
}

// Another supervisor has taken the home, though it should not have come so far. Whoever cannot be reached any more ends, with what it
// started, so that nothing runs twice; the home is the other's.
func TestAHomeThatIsAnothersIsLeftToIt(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes some looks until another is believed")
	}
	h := newHouse(t)
	h.weaver("start", "/bin/sleep", "--name", "one", "--", "1000")
	was := h.ping()
	h.removeHome()
	require.NoError(t, os.Mkdir(h.home, 0o700))
	lock, err := os.OpenFile(filepath.Join(h.home, "daemon.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	_, err = lock.WriteString("pid " + strconv.Itoa(os.Getpid()) + "\ncommand weaver --anchor " + h.home + "\n")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(h.home, "weaver.sock"), nil, 0o600))
	require.Eventually(t, func() bool { return !exists(was.PID) && !exists(was.Anchor) && len(h.marked()) == 0 }, 60*time.Second, 20*time.Millisecond)
	data, err := os.ReadFile(filepath.Join(h.home, "weaver.sock"))
	require.NoError(t, err, "what is the other's stays")
	assert.Empty(t, data)
	require.NoError(t, os.Remove(filepath.Join(h.home, "weaver.sock")))
	require.NoError(t, lock.Close())
}

// With nothing to look after the home stays away, and so does the supervisor.
func TestARemovedHomeOfNothingStaysAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	was := h.ping()
	h.removeHome()
	require.Eventually(t, func() bool { return !exists(was.PID) && !exists(was.Anchor) }, 30*time.Second, 10*time.Millisecond)
	assert.NoDirExists(t, h.home)
	require.NoError(t, os.Mkdir(h.home, 0o700))
}

// A supervisor dies with all that it looks after, and its home is removed: what is left in memory is removed by the next start of
// any supervisor.
func TestWhatTheDeadLeaveInMemoryIsRemoved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.weaver("start", "/bin/sleep", "--name", "one", "--", "1000")
	memory := "/dev/shm/weaver-" + daemon.Identity(home.At(h.home))
	if _, err := os.Stat(memory); err != nil {
		t.Skip("no /dev/shm: ", err)
	}
	p := h.ping()
	other := newHouse(t)
	other.weaver("ping")
	other.killSupervisor()
	assert.FileExists(t, memory, "its owner lives")
	for _, pid := range append([]int{p.Anchor, p.PID}, h.marked()...) {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	require.Eventually(t, func() bool { return !exists(p.PID) && !exists(p.Anchor) && len(h.marked()) == 0 }, 60*time.Second, 10*time.Millisecond)
	h.removeHome()
	other.killSupervisor()
	require.Eventually(t, func() bool { _, err := os.Stat(memory); return err != nil }, 60*time.Second, 10*time.Millisecond)
	require.NoError(t, os.Mkdir(h.home, 0o700))
}

// A lock alone that somebody has removed is taken again, and a journal written again.
func TestWhatIsMissingInAHomeIsMadeAnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.weaver("start", "/bin/sleep", "--name", "one", "--", "1000")
	before := h.list()
	rounds := [][]string{{"daemon.lock", "weaver.sock", "state"}, {"state/journal"}, {"daemon.lock"}}
	if testing.Short() {
		rounds = rounds[:1]
	}
	for _, names := range rounds {
		for _, name := range names {
			require.NoError(t, os.RemoveAll(filepath.Join(h.home, name)))
		}
		h.mended()
		p := h.ping()
		require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
		require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGKILL))
		require.Eventually(t, func() bool { return !exists(p.PID) && !exists(p.Anchor) }, 60*time.Second, time.Millisecond)
		h.unchanged(before)
	}
}
