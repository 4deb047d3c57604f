//go:build linux

package main

import (
	"fmt"
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

// flooding prints numbered lines, far more than a pipe holds, and keeps how long the slowest of its writes took.
const flooding = `import os, time
house, n, slowest = os.environ["WEAVER_HOUSE"], 0, 0
while not os.path.exists(house + "/enough"):
    lines = []
    for _ in range(40):
        n += 1
        lines.append("line %d\n" % n)
    text = "".join(lines).encode()
    began = time.monotonic()
    while text:
        text = text[os.write(1, text):]
    slowest = max(slowest, time.monotonic() - began)
    time.sleep(0.002)
with open(house + "/slowest.tmp", "w") as f:
    f.write("%d %d" % (n, slowest * 1000))
os.rename(house + "/slowest.tmp", house + "/slowest")
`

var latest = regexp.MustCompile(`supervisor (\d+) started`)

// absent kills every supervisor of the home as soon as it is there, until now says that it is enough.
func (h *house) absent(enough func() bool) {
	h.t.Helper()
	for began := time.Now(); !enough(); time.Sleep(2 * time.Millisecond) {
		require.Less(h.t, time.Since(began), 60*time.Second)
		text, _ := os.ReadFile(filepath.Join(h.home, "anchor.log"))
		started := latest.FindAllSubmatch(text, -1)
		pid, err := strconv.Atoi(string(started[len(started)-1][1]))
		require.NoError(h.t, err)
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may be gone
		if strings.Contains(string(line), "supervise\x00") {
			_ = syscall.Kill(pid, syscall.SIGKILL) // as before
		}
	}
}

// While no supervisor can be there services are not held up: the anchor carries what they print, and no line of it is missing or
// doubled, whoever dies of those who carry.
func TestServicesPrintWithoutASupervisor(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	h := newHouse(t)
	h.weaver("start", h.write("flood.py", flooding), "--name", "flood", "--interpreter", python, "--no-autorestart", "--max-log-size", "1G")
	h.weaver("start", h.write("flood2.py", strings.ReplaceAll(flooding, "/slowest", "/slowest2")), "--name", "dated", "--interpreter", python, "--no-autorestart", "--time")
	before := h.list()
	defer func() {
		if t.Failed() {
			for _, name := range []string{"weaver.log", "anchor.log"} {
				text, _ := os.ReadFile(filepath.Join(h.home, name))
				t.Logf("%s:\n%s", name, text[max(0, len(text)-6000):])
			}
		}
	}()
	log := filepath.Join(h.home, "logs", "flood-out.log")
	size := func() int64 {
		st, err := os.Stat(log)
		require.NoError(t, err)
		return st.Size()
	}
	rounds := 3
	if testing.Short() {
		rounds = 2
	}
	for i := range rounds {
		anchor := h.ping().Anchor
		was := int64(-1)
		began := time.Now()
		h.absent(func() bool {
			text, _ := os.ReadFile(filepath.Join(h.home, "anchor.log"))
			if was < 0 && time.Since(began) > time.Second && strings.Contains(string(text), "by the anchor") {
				was = size()
			}
			return was >= 0 && size() > was+256<<10
		})
		if i == 1 { // in the middle of it
			require.NoError(t, syscall.Kill(anchor, syscall.SIGKILL))
			require.Eventually(t, func() bool { return !exists(anchor) }, 60*time.Second, time.Millisecond)
		}
		h.unchanged(before) // a supervisor is there
	}
	h.write("enough", "")
	var n, slowest int
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(h.home, "slowest"))
		if err != nil {
			return false
		}
		_, err = fmt.Sscan(string(text), &n, &slowest)
		return err == nil
	}, 60*time.Second, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		for _, s := range h.list() {
			if s.Env.Status != "stopped" {
				return false
			}
		}
		return true
	}, 60*time.Second, 20*time.Millisecond)
	awaitLast(t, log, fmt.Sprintf("line %d", n))
	assert.Equal(t, n, inOrder(t, log))
	t.Logf("%d lines, the slowest write took %d ms", n, slowest)
	text, err := os.ReadFile(filepath.Join(h.home, "logs", "dated-out.log"))
	require.NoError(t, err)
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		at := strings.LastIndex(line, "line ")
		require.GreaterOrEqual(t, at, 0, line)
		require.Equal(t, strconv.Itoa(i+1), line[at+5:], "with a date or without")
	}
}
