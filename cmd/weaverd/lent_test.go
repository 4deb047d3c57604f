//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	h.write("eco.yml", "apps:\n- name: yarn\n  script: ./x.sh\n")
	h.write("odd.yml", "apps:\n- name: odd\n  script: ./x.sh\n  env: {A: b && c}\n")
	h.write("one.toml", "script = \"./x.sh\"\n")
	h.write("anchors.yml", "a: &a x\napps: [{name: *a, script: ./x.sh}]\n")
	h.write("type.json", `{"apps": [{"name": "typed", "script": "./x.ts"}]}`)
	h.write("eco.config.js", `module.exports = {apps: [{name: "js", script: "./x.sh"}]}`)
	h.weaver("ping")
	run := h.lone(t)
	for _, line := range []string{
		"start ./x.sh --name a -i 2", "restart a --update-env", "scale a 3", "describe a", "list --sort cpu", "env 0", "why a",
		"service start b --script ./x.sh --lazy-init", "service stop b --timeout 100", "reset all", "sendSignal SIGCONT a", "audit -n 3", "save", "flush",
		"stop /^a$/", "delete a --silent", "logs a --nostream --lines 3",
		"start eco.json", "restart eco.json --update-env", "startOrReload eco.json", "startOrRestart " + h.home + "/eco.json --only filed", "stop eco.json",
		"delete eco.json", "start eco.yml", "service start c --config one.toml",
	} {
		out, code := run(strings.Fields(line)...)
		assert.Zero(t, code, "%s: %s", line, out)
	}
	for _, line := range []string{
		"start odd.yml", "start anchors.yml", "start type.json", "start eco.config.js", "start eco.json --attach", "service start c --config anchors.yml", "logs",
		"logs a --nostream --grep x", "logs a --nostream --lines 100000", "resurrect", "list --watch", "start ./x.sh --attach",
	} {
		out, code := run(strings.Fields(line)...)
		assert.Equal(t, 127, code, "%s: %s", line, out)
	}
	out, code := run("start", "./nothing.sh", "--name", "n")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "not found")
}

// What is lent comes to the same as what the full front end does: the words, and the processes to the last attribute.
func TestLentFilesMeanWhatTheyMean(t *testing.T) {
	var houses [2]*house
	for i := range houses {
		h := newHouse(t)
		houses[i] = h
		h.write("x.sh", "#!/bin/sh\nexec sleep 1000\n")
		h.write("eco.json", `{"apps": [{"name": "filed", "script": "x.sh", "args": "a 'b c'", "env": {"A": 1, "B": true}, "env_prod": {"C": "d"},
			"out_file": "logs/here.log", "instances": 2, "unknwon": 1, "max_memory_restart": "1G"}, {"name": "none", "script": "nothing.sh"}]}`)
		h.write("broken.json", `{"apps": [{"name": "x" "script": "x.sh"}]}`)
		t.Setenv("WEAVER_HOUSE", h.home)
		h.weaver("ping")
	}
	t.Setenv("LENT_TEST", "from the caller")
	changing := regexp.MustCompile(`(?m)^ +"(pid|pm_uptime|created_at|unique_id|cpu|memory|WEAVER_NO_HOT|WEAVER_HOUSE|WEAVER_HOME)": .*\n`)
	same := func(h *house, text string) string {
		return changing.ReplaceAllString(strings.ReplaceAll(text, h.home, "HOME"), "")
	}
	for _, line := range []string{
		"start eco.json --env prod", "start ./eco.json --only filed --update-env", "restart eco.json", "startOrReload eco.json --env other",
		"start broken.json", "stop eco.json", "delete eco.json",
	} {
		var said, came [2]string
		for i, h := range houses {
			t.Setenv("WEAVER_HOUSE", h.home)
			t.Setenv("WEAVER_NO_HOT", []string{"", "1"}[i])
			out, _ := h.run(strings.Fields(line)...)
			words, _, _ := strings.Cut(out, "┌") // before the table, which has figures
			lines := strings.Split(same(h, words), "\n")
			slices.Sort(lines) // instances come to rest in any order
			said[i] = strings.Join(lines, "\n")
			var list any
			require.NoError(t, json.Unmarshal(h.weaver("jlist"), &list))
			text, err := json.MarshalIndent(list, "", " ")
			require.NoError(t, err)
			came[i] = same(h, string(text))
		}
		assert.Equal(t, said[1], said[0], line)
		assert.Equal(t, came[1], came[0], line)
	}
	os.Unsetenv("WEAVER_NO_HOT")
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
