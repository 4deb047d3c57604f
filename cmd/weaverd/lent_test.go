//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lone is the thin executable without another beside it: what it cannot do itself, or have done, it cannot do.
func (h *house) lone(t *testing.T) func(args ...string) (string, int) {
	data, err := os.ReadFile(filepath.Join(bin, "weaver"))
	require.NoError(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "weaver")
	require.NoError(t, os.WriteFile(path, data, 0o755))
	return func(args ...string) (string, int) {
		cmd := exec.Command(path, args...)
		cmd.Dir = h.home
		cmd.Env = []string{"WEAVER_HOME=" + h.home, "WEAVER_HOUSE=" + h.home, "PATH=/usr/bin:/bin"}
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
}

func TestSupervisorRunsCommandsForTheThinFrontEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.write("x.sh", "#!/bin/sh\nexec sleep 1000\n")
	h.write("eco.json", `{"apps": [{"name": "filed", "script": "./x.sh"}]}`)
	h.weaver("ping")
	run := h.lone(t)
	for _, line := range []string{
		"start ./x.sh --name a -i 2", "restart a --update-env", "scale a 3", "describe a", "list --sort cpu", "env 0", "why a",
		"service start b --script ./x.sh --lazy-init", "service stop b --timeout 100", "reset all", "sendSignal SIGCONT a", "audit -n 3", "save", "flush",
		"stop /^a$/", "delete a --silent",
	} {
		out, code := run(strings.Fields(line)...)
		assert.Zero(t, code, "%s: %s", line, out)
	}
	for _, line := range []string{"start eco.json", "start --watch eco.json", "service start c --config eco.json", "logs", "resurrect", "list --watch", "start ./x.sh --attach"} {
		out, code := run(strings.Fields(line)...)
		assert.Equal(t, 127, code, "%s: %s", line, out)
	}
	out, code := run("start", "./nothing.sh", "--name", "n")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "not found")
}

// A supervisor that dies while it runs a command for somebody has a successor that ends it, once.
func TestSupervisorDiesInTheMiddleOfALentCommand(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	script := h.write("x.sh", "#!/bin/sh\necho begun >> \"$WEAVER_HOUSE/begun\"\nexec sleep 1000\n")
	h.weaver("ping")
	for _, app := range []string{"one", "two"} {
		os.Remove(filepath.Join(h.home, "begun"))
		was := h.ping().PID
		type end struct {
			out string
			err error
		}
		ended := make(chan end, 1)
		go func() { // ends with the command
			out, err := h.run("start", script, "-f", "--name", app, "--wait-ready", "--listen-timeout", "1000")
			ended <- end{out, err}
		}()
		require.Eventually(t, func() bool {
			_, err := os.Stat(filepath.Join(h.home, "begun"))
			return err == nil
		}, 20*time.Second, time.Millisecond)
		require.NoError(t, syscall.Kill(was, syscall.SIGKILL))
		e := <-ended
		require.NoError(t, e.err, e.out)
		assert.Contains(t, e.out, "Done.")
	}
	list := h.list()
	require.Len(t, list, 2, "each was started once")
	for _, s := range list {
		assert.Equal(t, "online", s.Env.Status)
		assert.Zero(t, s.Env.Restarts)
	}
	data, err := os.ReadFile(filepath.Join(h.home, "begun"))
	require.NoError(t, err)
	assert.Equal(t, "begun\n", string(data))
}
