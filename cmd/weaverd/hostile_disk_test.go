//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mounted is a house whose home is a file system of its own, made by mount.
func mounted(t *testing.T, mount func(dir string) ([]byte, error)) *house {
	dir, err := os.MkdirTemp("", "wm")
	require.NoError(t, err)
	if out, err := mount(dir); err != nil {
		os.RemoveAll(dir)
		t.Skipf("cannot mount here: %v: %s", err, out)
	}
	h := &house{t: t, home: dir}
	t.Cleanup(func() {
		h.run("kill")
		assert.Empty(t, h.marked(), "kill leaves nothing")
		assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH))
		assert.NoError(t, os.Remove(dir))
	})
	return h
}

// numbered prints numbered lines of lineSize bytes until the file of its argument is there.
const (
	numbered = "#!/bin/sh\nn=0\nwhile [ ! -e \"$1\" ]; do n=$((n+1)); printf 'line %-194d\\n' $n; sleep 0.01; done\nexit 0\n"
	lineSize = 200
)

// one is the listed process of a name.
func (h *house) one(name string) seen {
	h.t.Helper()
	for _, s := range h.list() {
		if s.Name == name {
			return s
		}
	}
	require.Fail(h.t, "not in the list", name)
	return seen{}
}

// truthful fails unless the list says of a process what the kernel does.
func (h *house) truthful(name, status string) {
	h.t.Helper()
	s := h.one(name)
	assert.Equal(h.t, status, s.Env.Status, name)
	assert.Equal(h.t, status == "online", s.PID != 0 && exists(s.PID), "%s runs: pid %d", name, s.PID)
}

func (h *house) durable() bool {
	out, _ := h.run("ping", "--json")
	return strings.Contains(out, `"durable":true`)
}

// commands fails unless processes can be stopped, started, restarted and scaled away, and the list tells what is.
func (h *house) commands() {
	h.t.Helper()
	do := func(args ...string) {
		h.t.Helper()
		out, err := h.run(args...)
		require.NoError(h.t, err, "%v: %s", args, out)
	}
	do("stop", "sleeper")
	h.truthful("sleeper", "stopped")
	do("start", "sleeper")
	h.truthful("sleeper", "online")
	was := h.one("sleeper").PID
	do("restart", "sleeper")
	h.truthful("sleeper", "online")
	assert.NotEqual(h.t, was, h.one("sleeper").PID)
	do("start", "/bin/sleep", "--name", "late", "--", "1000")
	h.truthful("late", "online")
	h.killSupervisor()
	h.truthful("late", "online")
	h.truthful("sleeper", "online")
	do("delete", "late")
	assert.Len(h.t, h.list(), 2)
}

var gap = regexp.MustCompile(`^\[weaver\] (\d+) bytes of output were lost: (.*)$`)

// gaps reads numbered lines between markers of what is missing, and fails unless the markers are true: what is missing is
// where they are and as much as they say. It returns their reasons, and the last number.
func gaps(t *testing.T, path string) (why []string, last int) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	lost, torn := 0, 0 // bytes that a marker told of, and those of a line whose end is missing
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if m := gap.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			lost += n
			why = append(why, m[2])
			continue
		}
		if len(line) != lineSize-1 {
			require.Zero(t, torn+lost, "%s:%d: %q", path, i+1, line)
			torn = len(line)
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "line ")))
		require.NoError(t, err, "%s:%d: %q", path, i+1, line)
		require.Equal(t, (n-last-1)*lineSize, lost+torn, "%s:%d: bytes missing between line %d and line %d", path, i+1, last, n)
		last, lost, torn = n, 0, 0
	}
	return why, last
}

// A full disk stops nobody: services go on, commands do what they say, and the logs tell what is missing.
func TestHomeOnAFullDisk(t *testing.T) {
	t.Parallel()
	h := mounted(t, func(dir string) ([]byte, error) {
		return exec.Command("mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "weaver-test", dir).CombinedOutput()
	})
	enough := filepath.Join(t.TempDir(), "enough")
	h.weaver("start", h.write("count.sh", numbered), "--name", "writer", "--no-autorestart", "--", enough)
	h.weaver("start", "/bin/sleep", "--name", "sleeper", "--", "1000")
	writer := h.one("writer")
	require.True(t, h.durable())

	fill := func() {
		f, err := os.OpenFile(filepath.Join(h.home, "fill"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		defer f.Close()
		for _, size := range []int{1 << 16, 4 << 10, 1} {
			for err = nil; err == nil; {
				_, err = f.Write(make([]byte, size))
			}
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	size := func() int64 {
		st, err := os.Stat(filepath.Join(h.home, "logs", "writer-out.log"))
		require.NoError(t, err)
		return st.Size()
	}
	full := func() { // also the last page of the log
		t.Helper()
		was, since := size(), time.Now()
		require.Eventually(t, func() bool {
			if now := size(); now != was {
				was, since = now, time.Now()
			}
			return time.Since(since) > 200*time.Millisecond
		}, 60*time.Second, 10*time.Millisecond)
	}
	fill()
	full()
	h.commands()
	fill() // what the reserve has given back
	full()
	h.commands()
	assert.Equal(t, writer.PID, h.one("writer").PID)
	out, err := h.run("doctor")
	assert.NotContains(t, out, "panic", err)

	require.NoError(t, os.Remove(filepath.Join(h.home, "fill")))
	require.Eventually(t, h.durable, 60*time.Second, 20*time.Millisecond, "it heals")
	log := filepath.Join(h.home, "logs", "writer-out.log")
	settled := func() bool {
		data, _ := os.ReadFile(log)
		i := strings.LastIndex(string(data), "[weaver] ")
		return i >= 0 && strings.Count(string(data[i:]), "\n") > 5
	}
	require.Eventually(t, settled, 60*time.Second, 20*time.Millisecond, "the gap is told, and lines follow")
	require.NoError(t, os.WriteFile(enough, nil, 0o600))
	require.Eventually(t, func() bool { return h.one("writer").Env.Status == "stopped" }, 60*time.Second, 20*time.Millisecond)
	why, last := gaps(t, log)
	assert.Greater(t, last, 20)
	require.NotEmpty(t, why)
	for _, w := range why {
		assert.Equal(t, "no space left on device", w)
	}
	h.commands()
	assert.True(t, h.durable())
}

// A disk that has become read-only, as the kernel makes it after errors, stops nobody either.
func TestHomeOnAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	image := filepath.Join(t.TempDir(), "image")
	h := mounted(t, func(dir string) (out []byte, err error) {
		if err := os.WriteFile(image, nil, 0o600); err != nil {
			return nil, err
		}
		if err := os.Truncate(image, 24<<20); err != nil {
			return nil, err
		}
		if out, err = exec.Command("mkfs.ext4", "-q", "-F", image).CombinedOutput(); err == nil {
			out, err = exec.Command("mount", "-o", "loop", image, dir).CombinedOutput()
		}
		return out, err
	})
	enough := filepath.Join(t.TempDir(), "enough")
	h.weaver("start", h.write("count.sh", numbered), "--name", "writer", "--no-autorestart", "--", enough)
	h.weaver("start", "/bin/sleep", "--name", "sleeper", "--", "1000")
	writer := h.one("writer")
	if out, err := exec.Command("mount", "-o", "remount,abort", h.home).CombinedOutput(); err != nil {
		t.Skipf("cannot make it read-only: %v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(h.home, "x"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Skipf("it is not read-only: %v", err)
	}
	h.commands()
	assert.False(t, h.durable())
	assert.Equal(t, writer.PID, h.one("writer").PID, "who writes goes on")
	require.NoError(t, os.WriteFile(enough, nil, 0o600))
	require.Eventually(t, func() bool { return h.one("writer").Env.Status == "stopped" }, 60*time.Second, 20*time.Millisecond)
	out, err := h.run("kill")
	require.NoError(t, err, out)
	assert.Contains(t, out, "state not durable")
	assert.False(t, exists(writer.PID))
}

// Whoever removes the log directory loses what was in it, and nothing that is written afterwards.
func TestLogDirectoryIsRemoved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	logs := filepath.Join(h.home, "logs")
	file := filepath.Join(logs, "writer-out.log")
	lines := func() int {
		data, _ := os.ReadFile(file)
		return strings.Count(string(data), "\n")
	}
	require.Eventually(t, func() bool { return lines() > 3 }, 60*time.Second, 5*time.Millisecond)
	for range 2 {
		require.NoError(t, os.RemoveAll(logs))
		require.Eventually(t, func() bool { return lines() > 3 }, 60*time.Second, 5*time.Millisecond, "it is made again")
	}
	h.write("enough", "")
	require.Eventually(t, func() bool { return h.one("writer").Env.Status == "stopped" }, 60*time.Second, 10*time.Millisecond)
	said, err := os.ReadFile(filepath.Join(h.home, "said"))
	require.NoError(t, err)
	awaitLast(t, file, "line "+strings.TrimSpace(string(said)))
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	all := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	first, err := strconv.Atoi(strings.TrimPrefix(all[0], "line "))
	require.NoError(t, err, "a whole line comes first: %q", all[0])
	for i, line := range all {
		require.Equal(t, "line "+strconv.Itoa(first+i), line)
	}
	out, err := h.run("logs", "writer", "--nostream", "--raw", "--lines", "1")
	require.NoError(t, err)
	assert.Contains(t, out, all[len(all)-1])
	h.truthful("sleeper", "online")
	assert.Equal(t, before[1].PID, h.one("sleeper").PID)
	h.weaver("start", "/bin/echo", "--name", "other", "--no-autorestart", "--", "hello")
	require.Eventually(t, func() bool {
		data, _ := os.ReadFile(filepath.Join(logs, "other-out.log"))
		return string(data) == "hello\n"
	}, 60*time.Second, 10*time.Millisecond)
}
