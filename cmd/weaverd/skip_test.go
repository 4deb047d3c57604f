//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/supervisor/journal"
)

// A record that no supervisor can live with is left out in the end, and everybody is told.
func TestRecordThatKillsSupervisorsIsLeftOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	before := h.writing()
	p := h.ping()
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGSTOP))
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return zombie(p.PID) }, 60*time.Second, 5*time.Millisecond)
	dir := filepath.Join(h.home, "state")
	j, found, err := journal.Open(journal.Options{Files: journal.Dir(dir)})
	require.NoError(t, err)
	require.Contains(t, found.Values, "life/0")
	// No process has such a number, which no supervisor expects.
	j.Append(true, journal.Record{Key: "life/1", Value: []byte(`{"wanted":true,"want":1,"cur":{"gen":1,"pid":-7,"start":1},"last_gen":1}`)})
	require.NoError(t, j.Close())
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGCONT))

	h.unchanged(before)
	out, err := h.run("ping")
	require.NoError(t, err)
	assert.Contains(t, out, "without the last 1 records of the state")
	log, err := os.ReadFile(filepath.Join(h.home, "anchor.log"))
	require.NoError(t, err)
	assert.Contains(t, string(log), "invalid argument")
	assert.Contains(t, string(log), "all of it is in "+filepath.Join(dir, journal.SkippedName))
	assert.FileExists(t, filepath.Join(dir, journal.SkippedName))
	h.killSupervisor()
	h.unchanged(before)
	out, err = h.run("ping")
	require.NoError(t, err)
	assert.NotContains(t, out, "without the last")
	h.stopWriting()
}

// zombie reports that a process has ended and nobody has asked how.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && strings.HasPrefix(rest, "Z")
}
