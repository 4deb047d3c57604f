//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the supervisor and the anchor may cost together.
const (
	maxThreads   = 12
	baseMemory   = 12 << 20 // private bytes without services
	serviceBytes = 15 << 10 // and for each
)

// status reads one number of /proc/<pid>/<file>, in its own unit.
func status(t *testing.T, pid int, file, field string) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^` + field + `:\s+(\d+)`).FindSubmatch(data)
	require.NotNil(t, m, "%s in %s", field, file)
	n, err := strconv.Atoi(string(m[1]))
	require.NoError(t, err)
	return n
}

// anonymous is the memory that only this process has and that is no file's: what it costs.
func anonymous(t *testing.T, pids ...int) int {
	t.Helper()
	sum := 0
	for _, pid := range pids {
		sum += status(t, pid, "smaps_rollup", "Anonymous") << 10
	}
	return sum
}

func TestAThousandServicesCostLittle(t *testing.T) {
	n, threads := 1000, maxThreads
	if testing.Short() {
		n = 100
	}
	if text := os.Getenv("WEAVER_TEST_SERVICES"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err, "WEAVER_TEST_SERVICES")
		threads *= 2 // in a machine within a machine each call of the kernel takes so long that Go has others run meanwhile
	}
	home, err := os.MkdirTemp("", "wt")
	require.NoError(t, err)
	defer os.RemoveAll(home)
	env := append(os.Environ(), "WEAVER_HOME="+home)
	weaver := func(args ...string) []byte {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(filepath.Join(bin, "weaver"), args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
		require.NoError(t, cmd.Run(), "weaver %v: %s%s", args, &stdout, &stderr)
		return stdout.Bytes()
	}
	eco := struct {
		Apps []map[string]any `json:"apps"`
	}{}
	for i := range n {
		eco.Apps = append(eco.Apps, map[string]any{"name": fmt.Sprint("s", i), "script": "/bin/sleep", "args": []string{"1000"}, "interpreter": "none"})
	}
	data, err := json.Marshal(eco)
	require.NoError(t, err)
	file := filepath.Join(home, "eco.json")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	weaver("start", file)
	defer weaver("kill")

	var ping struct {
		PID       int `json:"pid"`
		AnchorPID int `json:"anchor_pid"`
		Processes int `json:"processes"`
	}
	require.NoError(t, json.Unmarshal(weaver("ping", "--json"), &ping))
	assert.Equal(t, n, ping.Processes)
	assert.Equal(t, n, strings.Count(string(weaver("list")), "online"))
	var pids []string
	for pid := range strings.FieldsSeq(string(weaver("pid"))) {
		pids = append(pids, pid)
	}
	require.Len(t, pids, n)

	assert.LessOrEqual(t, status(t, ping.PID, "status", "Threads"), threads, "threads of the supervisor")
	limit := baseMemory + n*serviceBytes
	assert.Eventually(t, func() bool { return anonymous(t, ping.PID, ping.AnchorPID) <= limit }, patience, patience/100,
		"memory of supervisor and anchor once the burst is over, at most %d", limit)
	t.Logf("%d services: %d threads, %.1f MB private", n, status(t, ping.PID, "status", "Threads"), float64(anonymous(t, ping.PID, ping.AnchorPID))/(1<<20))

	weaver("delete", "all")
	for _, pid := range pids {
		env, _ := os.ReadFile("/proc/" + pid + "/environ") // another process may have the number by now
		assert.NotContains(t, string(env), home, "nothing is left behind")
	}
	assert.Zero(t, zombiesOf(ping.AnchorPID)+zombiesOf(ping.PID), "all are reaped")
}
