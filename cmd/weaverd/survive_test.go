//go:build linux

package main

import (
	"bytes"
	"encoding/json"
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
)

// house is a weaver in a home of its own.
type house struct {
	t    *testing.T
	home string
	user *syscall.Credential // whose it is; nil: this process's
}

func newHouse(t *testing.T) *house {
	dir, err := os.MkdirTemp("", "ws") // a socket's path is short
	require.NoError(t, err)
	h := &house{t: t, home: dir}
	t.Cleanup(func() {
		h.weaver("kill")
		assert.Empty(t, h.marked(), "kill leaves nothing")
		os.RemoveAll(dir)
	})
	return h
}

// environ is what the commands given to it find. Its services know the home by it.
func (h *house) environ() []string {
	return append(os.Environ(), "WEAVER_HOME="+h.home, "WEAVER_HOUSE="+h.home)
}

func (h *house) weaver(args ...string) []byte {
	h.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "weaver"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.home, &stdout, &stderr
	cmd.Env = h.environ()
	if h.user != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.user}
		cmd.Env = append(cmd.Env, "HOME="+h.home)
	}
	require.NoError(h.t, cmd.Run(), "weaver %v: %s%s", args, &stdout, &stderr)
	return stdout.Bytes()
}

// write makes a script in the home.
func (h *house) write(name, text string) string {
	path := filepath.Join(h.home, name)
	require.NoError(h.t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

// seen is what jlist tells of a process.
type seen struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	ID   int    `json:"pm_id"`
	Env  struct {
		Status   string `json:"status"`
		Restarts int    `json:"restart_time"`
		Uptime   int64  `json:"pm_uptime"`
		ExitCode int    `json:"exit_code"`
	} `json:"pm2_env"`
}

func (h *house) list() (list []seen) {
	h.t.Helper()
	require.NoError(h.t, json.Unmarshal(h.weaver("jlist"), &list))
	return list
}

type pong struct {
	PID    int `json:"pid"`
	Anchor int `json:"anchor_pid"`
}

func (h *house) ping() (p pong) {
	h.t.Helper()
	require.NoError(h.t, json.Unmarshal(h.weaver("ping", "--json"), &p))
	return p
}

// killSupervisor ends the supervisor as the kernel would, and returns when another one answers.
func (h *house) killSupervisor() {
	h.t.Helper()
	was := h.ping().PID
	require.NoError(h.t, syscall.Kill(was, syscall.SIGKILL))
	require.Eventually(h.t, func() bool { return h.ping().PID != was }, 60*time.Second, 5*time.Millisecond)
}

// killAnchor has the supervisor take the anchor's place, and returns when another supervisor answers.
func (h *house) killAnchor() {
	h.t.Helper()
	p := h.ping()
	require.NoError(h.t, syscall.Kill(p.Anchor, syscall.SIGKILL))
	require.Eventually(h.t, func() bool { return h.ping().Anchor == p.PID }, 60*time.Second, 5*time.Millisecond)
}

// killBoth leaves services to nobody, and has a command start both again.
func (h *house) killBoth() {
	h.t.Helper()
	p := h.ping()
	require.NoError(h.t, syscall.Kill(p.Anchor, syscall.SIGKILL))
	require.NoError(h.t, syscall.Kill(p.PID, syscall.SIGKILL))
	require.Eventually(h.t, func() bool { return !exists(p.PID) && !exists(p.Anchor) }, 60*time.Second, time.Millisecond)
	h.weaver("ping")
}

// marked returns the processes that carry this home's services' marker.
func (h *house) marked() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		env, _ := os.ReadFile(dir + "/environ")
		if bytes.Contains(env, []byte("\x00WEAVER_SERVICE=")) && bytes.Contains(env, []byte("WEAVER_HOUSE="+h.home)) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

// inOrder reads numbered lines and fails at the first that is missing, doubled or out of order. It returns the last number.
func inOrder(t *testing.T, path string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	last := 0
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		n, err := strconv.Atoi(strings.TrimPrefix(line, "line "))
		require.NoError(t, err, "%s:%d: %q", path, i+1, line)
		require.Equal(t, last+1, n, "%s:%d", path, i+1)
		last = n
	}
	return last
}

// awaitLast waits until a log ends with a line: what a service printed last may come to it after the end of the service.
func awaitLast(t *testing.T, path, line string) {
	t.Helper()
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(path)
		return err == nil && (string(data) == line+"\n" || strings.HasSuffix(string(data), "\n"+line+"\n"))
	}, 30*time.Second, 5*time.Millisecond, "%s ends with %q", path, line)
}

const (
	counting = "#!/bin/sh\nn=0\nwhile [ ! -e \"$WEAVER_HOUSE/enough\" ]; do n=$((n+1)); echo \"line $n\"; sleep 0.01; done\necho $n >\"$WEAVER_HOUSE/said\"\nexit 0\n"
	// doomed waits until it is told to, then says its last words and dies.
	doomed = "#!/bin/sh\nwhile [ ! -e \"$WEAVER_HOUSE/now\" ]; do sleep 0.01; done\necho last words\nexit 23\n"
	// crashing has been restarted when it settles.
	crashing = "#!/bin/sh\nf=\"$WEAVER_HOUSE/crashed\"\nif [ $(wc -c < \"$f\" 2>/dev/null || echo 0) -lt 3 ]; then echo -n x >> \"$f\"; exit 1; fi\nexec sleep 1000\n"
)

func TestServicesOutliveTheSupervisor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := 30
	if testing.Short() {
		n = 5
	}
	eco := struct {
		Apps []map[string]any `json:"apps"`
	}{}
	for i := range n {
		eco.Apps = append(eco.Apps, map[string]any{"name": fmt.Sprint("s", i), "script": "/bin/sleep", "args": []string{"1000"}, "interpreter": "none"})
	}
	script := h.write("count.sh", counting)
	eco.Apps = append(eco.Apps, map[string]any{"name": "writer", "script": script, "instances": 4, "autorestart": false})
	eco.Apps = append(eco.Apps, map[string]any{"name": "doomed", "script": h.write("doomed.sh", doomed), "autorestart": false})
	eco.Apps = append(eco.Apps, map[string]any{"name": "crashing", "script": h.write("crash.sh", crashing)})
	data, err := json.Marshal(eco)
	require.NoError(t, err)
	h.write("eco.json", string(data))
	h.weaver("start", "eco.json")
	require.Eventually(t, func() bool {
		for _, p := range h.list() {
			if p.Name == "crashing" {
				return p.Env.Restarts == 3 && p.Env.Status == "online"
			}
		}
		return false
	}, 60*time.Second, 10*time.Millisecond)

	before := h.list()
	for range 4 {
		h.killSupervisor()
		after := h.list()
		require.Len(t, after, len(before))
		for i := range before {
			require.Equal(t, before[i].PID, after[i].PID, "%s goes on", before[i].Name)
			require.Equal(t, before[i].Env.Status, after[i].Env.Status)
			require.Equal(t, before[i].Env.Restarts, after[i].Env.Restarts)
			require.InDelta(t, before[i].Env.Uptime, after[i].Env.Uptime, 5, "milliseconds")
		}
	}

	// One dies while nobody looks: the anchor cannot start a supervisor while it is stopped.
	p := h.ping()
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGSTOP))
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	h.write("now", "")
	var victim seen
	for _, s := range before {
		if s.Name == "doomed" {
			victim = s
		}
	}
	require.Eventually(t, func() bool { return isZombie(victim.PID) }, 60*time.Second, 5*time.Millisecond)
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGCONT))
	require.Eventually(t, func() bool {
		for _, s := range h.list() {
			if s.Name == "doomed" {
				return s.Env.Status == "stopped" && s.Env.ExitCode == 23
			}
		}
		return false
	}, 60*time.Second, 10*time.Millisecond, "its exit code is the true one")
	path := filepath.Join(h.home, "logs", "doomed-out.log")
	if _, err := os.Stat(path); os.IsNotExist(err) {
		path = filepath.Join(h.home, "logs", fmt.Sprintf("doomed-out-%d.log", victim.ID))
	}
	awaitLast(t, path, "last words")
	words, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "last words\n", string(words), "what it said last is not lost")

	h.write("enough", "")
	require.Eventually(t, func() bool {
		for _, s := range h.list() {
			if s.Name == "writer" && s.Env.Status != "stopped" {
				return false
			}
		}
		return true
	}, 60*time.Second, 10*time.Millisecond)
	files, err := filepath.Glob(filepath.Join(h.home, "logs", "writer-out-*.log"))
	require.NoError(t, err)
	require.Len(t, files, 4)
	for _, f := range files {
		assert.Greater(t, inOrder(t, f), 10)
	}
}

// Who names a service when nobody is there is told of that service, not that there is no script of the name.
func TestTheNextCommandKnowsWhatTheDeadKnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.weaver("start", "/bin/sleep", "--name", "idle", "--", "1000")
	h.weaver("stop", "idle")
	p := h.ping()
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return !exists(p.PID) && !exists(p.Anchor) }, 60*time.Second, time.Millisecond)
	h.weaver("start", "idle")
	require.Len(t, h.list(), 1)
	h.truthful("idle", "online")
}

func isZombie(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(data, []byte(") Z "))
}

func TestServicesOutliveSupervisorAndAnchor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.weaver("start", h.write("count.sh", counting), "--name", "writer", "--no-autorestart")
	h.weaver("start", "/bin/sleep", "--name", "sleeper", "--", "1000")
	before := h.list()
	p := h.ping()
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return !exists(p.PID) && !exists(p.Anchor) }, 60*time.Second, time.Millisecond)
	h.weaver("ping") // nobody answers, so it starts them
	after := h.list()
	require.Len(t, after, 2)
	for i := range before {
		assert.Equal(t, before[i].PID, after[i].PID, "adopted")
		assert.Equal(t, 0, after[i].Env.Restarts)
		assert.Equal(t, "online", after[i].Env.Status)
	}
	h.write("enough", "")
	require.Eventually(t, func() bool {
		for _, s := range h.list() {
			if s.Name == "writer" {
				return s.Env.Status == "stopped"
			}
		}
		return false
	}, 60*time.Second, 10*time.Millisecond)
	files, err := filepath.Glob(filepath.Join(h.home, "logs", "writer-out*.log"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	inOrder(t, files[0])
}

// nobody has a home of a user without any privilege, where this process is root's.
func (h *house) nobody() {
	h.t.Helper()
	if os.Geteuid() != 0 {
		h.t.Skip("all tests are those of a plain user here")
	}
	const id = 65534
	h.user = &syscall.Credential{Uid: id, Gid: id}
	require.NoError(h.t, os.Chown(h.home, id, id))
	require.NoError(h.t, os.Chmod(bin, 0o755))
}

// All of it holds for a user without privileges, too: what is read of other processes then is only what is one's own.
func TestAPlainUserLosesNothingEither(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.nobody()
	h.writing()
	h.weaver("start", h.write("escaped.sh", "#!/bin/sh\nsetsid -f sh -c 'setsid -f sleep 1000'\nexec sleep 1000\n"), "--name", "escaped")
	before := h.list()
	for _, dies := range []func(){h.killSupervisor, h.killAnchor, h.killBoth} {
		dies()
		h.unchanged(before)
	}
	h.weaver("stop", "escaped", "sleeper")
	h.stopWriting()
	assert.Empty(t, h.marked(), "stop returns when all that escaped is gone")
}

func exists(pid int) bool {
	return syscall.Kill(pid, 0) == nil && !isZombie(pid)
}
