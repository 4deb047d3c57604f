//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A supervisor that gets no more descriptors says so, goes on with what it has, and starts more as soon as it can.
func TestSupervisorWithoutDescriptors(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	pid := h.ping().PID
	var was unix.Rlimit
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was))
	limit := func(n uint64) {
		require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: was.Max}, nil))
	}
	type result struct {
		out string
		err error
	}
	started := make(chan result, 1)
	limit(16) // whatever is open stays so
	// The door needs a descriptor too: who comes now waits in its queue, and is not refused.
	go func() {
		out, err := h.run("start", "/bin/sleep", "--name", "more", "--", "1000")
		started <- result{out, err}
	}()
	require.Eventually(t, func() bool {
		log, _ := os.ReadFile(filepath.Join(h.home, "weaver.log"))
		return strings.Contains(string(log), "too many open files")
	}, 60*time.Second, 10*time.Millisecond, "it is told")
	for _, s := range before {
		assert.True(t, exists(s.PID), s.Name)
	}
	limit(was.Cur)
	select {
	case r := <-started:
		assert.NoError(t, r.err, r.out)
	case <-time.After(30 * time.Second):
		require.Fail(t, "the start hangs")
	}
	assert.Equal(t, pid, h.ping().PID, "it is the same supervisor")
	h.truthful("more", "online")
	h.weaver("delete", "more")
	h.unchanged(before)
	h.stopWriting()
}

// pidsGroup makes a control group that bounds how many processes there are, and removes it in the end.
func pidsGroup(t *testing.T) string {
	parents := []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"}
	for _, parent := range parents {
		dir := filepath.Join(parent, fmt.Sprintf("weaver-test-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "pids.max")); err != nil {
			os.Remove(dir)
			continue
		}
		t.Cleanup(func() {
			assert.Eventually(t, func() bool { return os.Remove(dir) == nil }, 60*time.Second, 50*time.Millisecond)
		})
		return dir
	}
	t.Skip("no control group with the pids controller can be made here")
	return ""
}

// A machine that allows no more processes is asked again, after pauses; it is told, and what runs goes on.
func TestForkIsRefused(t *testing.T) {
	t.Parallel()
	group := pidsGroup(t)
	write := func(name, text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(group, name), []byte(text), 0o644))
	}
	h := newHouse(t)
	write("pids.max", "max")
	cmd := exec.Command("/bin/sh", "-c", `echo 0 > "$0/cgroup.procs" && exec "$@"`, group, filepath.Join(bin, "weaver"), "ping")
	cmd.Env = h.environ()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	h.weaver("start", "/bin/sleep", "--name", "sleeper", "--", "1000")
	h.weaver("start", "/bin/sleep", "--name", "loop", "--", "1001")
	sleeper := h.one("sleeper")
	inside := func() int {
		text, err := os.ReadFile(filepath.Join(group, "pids.current"))
		require.NoError(t, err)
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		return n
	}
	// The services are in a group of their own where there is one, else in this, which is full once one of them has ended.
	if !strings.Contains(procCgroup(t, sleeper.PID), filepath.Base(group)) {
		t.Skip("services are not in the group of their supervisor here")
	}
	pid := h.ping().PID
	write("pids.max", strconv.Itoa(inside()-1))
	require.NoError(t, syscall.Kill(h.one("loop").PID, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		out, _ := h.run("describe", "loop")
		return strings.Contains(out, "it is tried again") || h.ping().PID != pid
	}, 30*time.Second, 100*time.Millisecond, "it is told")
	assert.True(t, exists(sleeper.PID))
	write("pids.max", "max")
	require.Eventually(t, func() bool { s := h.one("loop"); return s.Env.Status == "online" && s.PID != 0 && exists(s.PID) }, 40*time.Second, 100*time.Millisecond, "it is started when it can be")
	assert.Equal(t, sleeper.PID, h.one("sleeper").PID)
	h.truthful("sleeper", "online")
	require.NoError(t, syscall.Kill(sleeper.PID, 0))
}

func procCgroup(t *testing.T, pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	require.NoError(t, err)
	return string(text)
}
