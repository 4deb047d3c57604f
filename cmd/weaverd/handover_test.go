//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run is weaver without an expectation.
func (h *house) run(args ...string) (out string, err error) {
	cmd := exec.Command(filepath.Join(bin, "weaver"), args...)
	cmd.Dir = h.home
	cmd.Env = h.environ()
	if h.user != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.user}
	}
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// unchanged checks that the same processes run as before, none restarted.
func (h *house) unchanged(before []seen) {
	h.t.Helper()
	after := h.list()
	require.Len(h.t, after, len(before))
	for i := range before {
		assert.Equal(h.t, before[i].PID, after[i].PID, "%s goes on", before[i].Name)
		assert.Equal(h.t, before[i].Env.Restarts, after[i].Env.Restarts)
		assert.Equal(h.t, "online", after[i].Env.Status)
	}
}

// writing starts services that print numbered lines until stopWriting, which checks that none is missing or doubled.
func (h *house) writing() []seen {
	h.weaver("start", h.write("count.sh", counting), "--name", "writer", "--no-autorestart")
	h.weaver("start", "/bin/sleep", "--name", "sleeper", "--", "1000")
	return h.list()
}

func (h *house) stopWriting() {
	h.t.Helper()
	h.write("enough", "")
	require.Eventually(h.t, func() bool {
		for _, s := range h.list() {
			if s.Name == "writer" {
				return s.Env.Status == "stopped"
			}
		}
		return false
	}, 60*time.Second, 10*time.Millisecond)
	files, err := filepath.Glob(filepath.Join(h.home, "logs", "writer-out*.log"))
	require.NoError(h.t, err)
	require.Len(h.t, files, 1)
	assert.Positive(h.t, inOrder(h.t, files[0]))
}

// The anchor dies: the supervisor takes its place, and nothing visible happens.
func TestServicesOutliveTheAnchor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	for range 3 {
		p := h.ping()
		require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGKILL))
		require.Eventually(t, func() bool { return h.ping().Anchor == p.PID }, 60*time.Second, 5*time.Millisecond,
			"the supervisor is the anchor, below which a new supervisor answers")
		h.unchanged(before)
	}
	h.killSupervisor() // the new anchor does what anchors do
	h.unchanged(before)
	h.stopWriting()
}

// The anchor dies while a supervisor starts below it, which then has nobody to tell that it is ready.
func TestTheAnchorDiesBeforeTheSupervisorIsReady(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	p := h.ping()
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	var next int
	require.Eventually(t, func() bool { next = supervisorBelow(p.Anchor, p.PID); return next != 0 }, 60*time.Second, time.Millisecond/4)
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGKILL))
	defer func() {
		if t.Failed() {
			for _, name := range []string{"weaver.log", "anchor.log"} {
				text, _ := os.ReadFile(filepath.Join(h.home, name))
				t.Logf("%s:\n%s", name, text[max(0, len(text)-3000):])
			}
		}
	}()
	require.Eventually(t, func() bool {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", next))
		return err == nil && strings.Contains(string(line), "--anchor")
	}, 60*time.Second, 5*time.Millisecond, "it has taken the anchor's place")
	h.unchanged(before)
	h.stopWriting()
}

// supervisorBelow is the child of the anchor that is a supervisor, and not that one; 0 if there is none.
func supervisorBelow(anchor, not int) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, _ := os.ReadFile(dir + "/cmdline") // it may be gone, here and below
		status, _ := os.ReadFile(dir + "/status")
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid != not && strings.Contains(string(line), "\x00supervise\x00") && strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", anchor)) {
			return pid
		}
	}
	return 0
}

// Services that have outlived both the supervisor and the anchor are ended by kill, too.
func TestKillEndsWhatNobodyLooksAfter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	p := h.ping()
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGSTOP)) // it would start another
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGKILL))
	_, err := h.run("kill")
	require.NoError(t, err)
	for _, s := range before {
		assert.False(t, running(s.PID), "%s is left behind", s.Name)
	}
	out, err := h.run("kill")
	require.NoError(t, err, "nothing is left to be ended: %s", out)
	assert.NotContains(t, out, "started the supervisor")
}

// Nobody who asks is refused while supervisors come and go.
func TestNobodyIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	var stop atomic.Bool
	var asked atomic.Int64
	var askers sync.WaitGroup
	for range 2 {
		askers.Go(func() {
			for !stop.Load() {
				if out, err := h.run("jlist"); err != nil || !strings.HasPrefix(out, "[{") {
					t.Errorf("jlist: %v: %s", err, out)
					return
				}
				asked.Add(1)
			}
		})
	}
	askers.Go(func() { // front ends wait anyway; nobody else need know how
		for !stop.Load() {
			for _, name := range []string{"weaver.sock", "rpc.sock", "pub.sock"} {
				c, err := net.Dial("unix", filepath.Join(h.home, name))
				if err != nil {
					t.Error(err)
					return
				}
				c.Close()
			}
			time.Sleep(10 * time.Millisecond) // be kind to the backlog: a supervisor may take long to come on a busy machine
		}
	})
	more := func() {
		n := asked.Load()
		require.Eventually(t, func() bool { return asked.Load() > n+2 || t.Failed() }, 60*time.Second, time.Millisecond)
	}
	for range 3 {
		h.killSupervisor()
		more()
	}
	anchor := h.ping().Anchor
	require.NoError(t, syscall.Kill(anchor, syscall.SIGKILL))
	more()
	_, err := h.run("update")
	require.NoError(t, err)
	more()
	stop.Store(true)
	askers.Wait()
	h.unchanged(before)
	h.stopWriting()
}

// build makes another version of both executables.
func build(t *testing.T, number string) string {
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-ldflags", "-X main.version="+number, "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest",
		"-o", dir, "weaver/cmd/weaver", "weaver/cmd/weaverd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	newer := build(t, "9.9.9")
	p := h.ping()
	var res struct {
		OK        bool `json:"ok"`
		From, To  string
		Anchor    bool
		PID       int
		Processes int
	}
	require.NoError(t, json.Unmarshal(h.weaver("update", newer, "--json"), &res))
	assert.Equal(t, "1.2.3-test 9.9.9 true 2", fmt.Sprint(res.From, " ", res.To, " ", res.Anchor, " ", res.Processes))
	after := h.ping()
	assert.Equal(t, p.Anchor, after.Anchor, "the anchor was replaced in place")
	assert.Equal(t, res.PID, after.PID)
	for pid, name := range map[int]string{after.PID: "weaverd", after.Anchor: "weaver"} {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(newer, name), exe)
	}
	h.unchanged(before)
	h.killSupervisor()
	h.unchanged(before)
	for _, words := range [][]string{{"save"}, {"list"}, {"describe", "writer"}, {"reset", "writer"}, {"why", "writer"}} { // of the older front end
		out, err := h.run(words...)
		require.NoError(t, err, out)
		assert.Equal(t, 1, strings.Count(out, "the supervisor is weaver 9.9.9 and this is 1.2.3-test: "), "%s: %s", words, out)
	}
	h.stopWriting()
}

// One that cannot take over is refused, or gives way, with the reason; supervision goes on.
func TestUpdateThatIsNotToBe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	p := h.ping()
	refused := func(script, why string) {
		t.Helper()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "weaverd"), []byte(script), 0o755))
		out, err := h.run("update", dir)
		require.Error(t, err, out)
		assert.Contains(t, out, why)
		h.unchanged(before)
	}
	refused("#!/bin/sh\necho cannot read it >&2; exit 3\n", "--check-state: exit status 3: cannot read it")
	refused("#!/bin/sh\necho hello\n", `it is no weaverd: it said "hello"`)
	refused("no executable\n", "exec format error")
	assert.Equal(t, p, h.ping(), "so far nobody has left")
	refused("#!/bin/sh\n[ \"$1\" = --check-state ] && echo ok 9 && exit\nexit 3\n", "weaverd failed: exit 3")
	after := h.ping()
	assert.NotEqual(t, p.PID, after.PID)
	assert.Equal(t, p.Anchor, after.Anchor)
	if !testing.Short() {
		refused("#!/bin/sh\n[ \"$1\" = --check-state ] && echo ok 9 && exit\nexec sleep 100\n", "is not ready after 10s")
	}
	out := string(h.weaver("audit"))
	assert.Regexp(t, "update .* failed: .*--check-state: exit status 3", out)
	assert.Regexp(t, "update +failed: the update to .* failed: exit 3", out)
	h.stopWriting()
}

// The socket's file is made anew when somebody removes it, or puts something in its place.
func TestSocketIsMadeAnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	p := h.ping()
	names := []string{"weaver.sock", "rpc.sock", "pub.sock"}
	answers := func() bool {
		for _, name := range names {
			c, err := net.Dial("unix", filepath.Join(h.home, name))
			if err != nil {
				return false
			}
			c.Close()
		}
		return true
	}
	for _, name := range names {
		socket := filepath.Join(h.home, name)
		require.NoError(t, os.Remove(socket))
		require.Eventually(t, answers, 60*time.Second, 5*time.Millisecond, name)
		require.NoError(t, os.Rename(h.write("else", "something else"), socket))
		require.Eventually(t, answers, 60*time.Second, 5*time.Millisecond, name)
	}
	assert.Equal(t, p, h.ping())
	h.killSupervisor()
	assert.True(t, answers())
	h.unchanged(before)
	h.stopWriting()
}

// A supervisor that is stopped is replaced.
func TestStoppedSupervisorIsReplaced(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the watchdog")
	}
	h := newHouse(t)
	before := h.writing()
	p := h.ping()
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGSTOP))
	require.Eventually(t, func() bool { return !exists(p.PID) }, 60*time.Second, 50*time.Millisecond)
	assert.NotEqual(t, p.PID, h.ping().PID)
	h.unchanged(before)
	h.stopWriting()
	log, err := os.ReadFile(filepath.Join(h.home, "anchor.log"))
	require.NoError(t, err)
	assert.Contains(t, string(log), "goroutine ", "where it hung is in the log")
}

// A stopped anchor keeps its lock and the sockets, and starts nobody: whoever waits for the supervisor has it go on.
func TestStoppedAnchorGoesOn(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits as long as a command does before it looks")
	}
	h := newHouse(t)
	before := h.writing()
	p := h.ping()
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGSTOP))
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	out, err := h.run("list")
	require.NoError(t, err, out)
	assert.Contains(t, out, "it goes on")
	assert.Equal(t, p.Anchor, h.ping().Anchor)
	h.unchanged(before)
	h.stopWriting()
}
