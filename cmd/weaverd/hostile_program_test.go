//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counter counts what it is given.
type counter struct{ n atomic.Int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// Output without a newline is carried as any other: nobody keeps it in memory to wait for one.
func TestOutputWithoutANewline(t *testing.T) {
	t.Parallel()
	size := int64(256 << 20) // what retention leaves of more is not everything
	if testing.Short() {
		size = 64 << 20
	}
	h := newHouse(t)
	script := h.write("big.sh", fmt.Sprintf("#!/bin/sh\nwhile [ ! -e \"$WEAVER_HOUSE/go\" ]; do sleep 0.01; done\nhead -c %d /dev/zero | tr '\\0' x\n", size))
	h.weaver("start", script, "--name", "big", "--no-autorestart")
	var seen counter
	follow := exec.Command(filepath.Join(bin, "weaver"), "logs", "big", "--raw", "--lines", "0")
	follow.Env, follow.Stdout = h.environ(), &seen
	require.NoError(t, follow.Start())
	defer follow.Wait()
	defer follow.Process.Signal(syscall.SIGINT)
	h.write("go", "")
	require.Eventually(t, func() bool { return h.one("big").Env.Status == "stopped" }, 120*time.Second, 50*time.Millisecond)
	assert.Equal(t, 0, h.one("big").Env.ExitCode)
	assert.Less(t, status(t, h.ping().PID, "status", "VmHWM"), 100<<10, "KiB of the supervisor")
	assert.Less(t, status(t, follow.Process.Pid, "status", "VmHWM"), 100<<10, "KiB of who follows")
	assert.Positive(t, seen.n.Load())
	var sum int64
	assert.Eventually(t, func() bool { // the last of it may be on its way when the service has ended
		files, err := filepath.Glob(filepath.Join(h.home, "logs", "big-out*"))
		require.NoError(t, err)
		sum = 0
		for _, f := range files {
			st, err := os.Stat(f)
			if err != nil {
				return false // it is being rotated
			}
			sum += st.Size()
			assert.LessOrEqual(t, st.Size(), int64(20<<20), f)
		}
		return sum == size
	}, 60*time.Second, 20*time.Millisecond, "all of it is in the files")
	assert.Equal(t, size, sum)
	assert.LessOrEqual(t, seen.n.Load(), size+1)
}

// What is not text comes out as it went in.
func TestBinaryOutput(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	want := make([]byte, 300_000)
	for i := range want {
		want[i] = byte(i * 7919 >> 3)
	}
	require.NoError(t, os.WriteFile(filepath.Join(h.home, "data"), want, 0o600))
	h.weaver("start", "/bin/cat", "--name", "cat", "--no-autorestart", "--", filepath.Join(h.home, "data"))
	log := filepath.Join(h.home, "logs", "cat-out.log")
	require.Eventually(t, func() bool {
		got, _ := os.ReadFile(log)
		return bytes.Equal(want, got)
	}, 60*time.Second, 20*time.Millisecond)
	h.weaver("logs", "cat", "--nostream", "--lines", "100")
	h.weaver("logs", "cat", "--nostream", "--json")
	h.weaver("describe", "cat")
	h.truthful("cat", "stopped")
}

// A service may do with itself what it likes: it stays what it was started as until its process ends.
func TestProgramsThatChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.weaver("start", h.write("mute.sh", "#!/bin/sh\necho said\nexec >&- 2>&- <&-\nwhile [ ! -e \"$WEAVER_HOUSE/end\" ]; do sleep 0.01; done\nexit 7\n"), "--name", "mute", "--no-autorestart")
	h.weaver("start", h.write("other.sh", "#!/bin/sh\necho before\nexec /bin/sleep 1000\n"), "--name", "other")
	h.weaver("start", h.write("halted.sh", "#!/bin/sh\nkill -STOP $$\nexec sleep 1000\n"), "--name", "halted", "--kill-timeout", "500")
	h.weaver("start", h.write("escaped.sh", "#!/bin/sh\nsetsid sh -c 'sleep 1000 & exec setsid sleep 1000' &\nsetsid -f sh -c 'setsid -f sleep 1000'\nexec sleep 1000\n"), "--name", "escaped")
	mute, other, halted := h.one("mute"), h.one("other"), h.one("halted")
	says := func(name, text string) func() bool {
		return func() bool { return strings.Contains(string(h.weaver("describe", name)), text) }
	}
	require.Eventually(t, func() bool {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", other.PID))
		return strings.Contains(filepath.Base(exe), "sleep") || strings.Contains(exe, "coreutils")
	}, 60*time.Second, 10*time.Millisecond)
	require.Eventually(t, says("halted", "stopped by a signal"), 60*time.Second, 50*time.Millisecond, "describe says that it stands still")
	for _, dies := range []func(){h.killSupervisor, h.killAnchor, h.killBoth} { // who escaped has another parent then
		h.truthful("mute", "online")
		h.truthful("other", "online")
		h.truthful("halted", "online")
		h.truthful("escaped", "online")
		assert.Equal(t, []int{mute.PID, other.PID, halted.PID}, []int{h.one("mute").PID, h.one("other").PID, h.one("halted").PID})
		dies()
	}
	require.NoError(t, syscall.Kill(halted.PID, syscall.SIGCONT))
	require.Eventually(t, func() bool { return !says("halted", "stopped by a signal")() }, 60*time.Second, 50*time.Millisecond)
	require.NoError(t, syscall.Kill(halted.PID, syscall.SIGSTOP))
	h.weaver("stop", "halted")
	h.truthful("halted", "stopped")
	assert.False(t, exists(halted.PID))
	h.write("end", "")
	require.Eventually(t, func() bool { s := h.one("mute"); return s.Env.Status == "stopped" && s.Env.ExitCode == 7 }, 60*time.Second, 20*time.Millisecond)
	require.Eventually(t, func() bool { return len(h.marked()) >= 5 }, 60*time.Second, 20*time.Millisecond, "what escaped runs")
	h.weaver("stop", "escaped")
	h.weaver("stop", "other")
	assert.Empty(t, h.marked(), "stop returns when all that escaped is gone")
}

// Hundreds of orphans that die hinder nobody, and none stays a zombie.
func TestZombieStorm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := 400
	if testing.Short() {
		n = 100
	}
	// Their parent is gone before it waits for them, so all fall to the anchor.
	script := h.write("storm.sh", fmt.Sprintf("#!/bin/sh\n(i=0; while [ $i -lt %d ]; do i=$((i+1)); : & done)\n: > \"$WEAVER_HOUSE/stormed\"\nexec sleep 1000\n", n))
	h.weaver("start", "/bin/sleep", "--name", "sleeper", "--", "1000")
	sleeper := h.one("sleeper")
	h.weaver("start", script, "--name", "storm")
	require.Eventually(t, func() bool {
		h.truthful("sleeper", "online")
		_, err := os.Stat(filepath.Join(h.home, "stormed"))
		return err == nil
	}, 60*time.Second, 50*time.Millisecond)
	anchor := h.ping().Anchor
	require.Eventually(t, func() bool { return zombiesOf(anchor) == 0 }, 30*time.Second, 50*time.Millisecond, "all are reaped")
	h.killSupervisor()
	h.truthful("storm", "online")
	assert.Equal(t, sleeper.PID, h.one("sleeper").PID)
	assert.Less(t, status(t, anchor, "status", "VmHWM"), 20<<10, "KiB of the anchor")
}

// zombiesOf counts the dead children of a process.
func zombiesOf(parent int) (n int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		text, _ := os.ReadFile(dir + "/status")
		if strings.Contains(string(text), fmt.Sprintf("\nPPid:\t%d\n", parent)) && strings.Contains(string(text), "\nState:\tZ") {
			n++
		}
	}
	return n
}
