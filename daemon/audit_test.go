package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/app"
)

func readAudit(t *testing.T, path string) []auditEntry {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var out []auditEntry
	for line := range bytes.Lines(data) {
		var e auditEntry
		require.NoError(t, json.Unmarshal(line, &e), "%s", line)
		out = append(out, e)
	}
	return out
}

func TestMutatingActsAreAudited(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper("kept"))
	err := c.Act(t.Context(), api.ActRequest{Verb: app.VerbStop, Targets: []app.Selector{"nobody"}}, nil, func(app.Progress) {})
	require.NoError(t, err)
	_, err = c.List(t.Context(), false, "")
	require.NoError(t, err)
	var entries []auditEntry
	require.Eventually(t, func() bool { // an entry is written after the answer
		entries = readAudit(t, h.Audit())
		return len(entries) >= 2
	}, 60*time.Second, time.Millisecond)
	require.Len(t, entries, 2, "reading is no act")
	assert.Equal(t, "start", entries[0].Act)
	assert.Equal(t, []string{"kept"}, entries[0].Targets)
	assert.Zero(t, entries[0].Failures)
	assert.Equal(t, os.Getpid(), entries[0].PID)
	assert.Equal(t, os.Getuid(), entries[0].UID)
	assert.Contains(t, entries[0].Command, filepath.Base(os.Args[0]))
	assert.Equal(t, "stop", entries[1].Act)
	assert.Equal(t, 1, entries[1].Failures)
	assert.Contains(t, entries[1].Error, "nobody")
	info, err := os.Stat(h.Audit())
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestHistoryNamesWhoAsked(t *testing.T) {
	_, c := serve(t)
	start(t, c, sleeper("told"))
	d, err := c.Describe(t.Context(), "told")
	require.NoError(t, err)
	require.Len(t, d, 1)
	require.NotEmpty(t, d[0].Events)
	first := d[0].Events[0]
	assert.Equal(t, app.EventStart, first.Kind)
	assert.Contains(t, first.Cause, "pid "+strconv.Itoa(os.Getpid()))
}

func TestAuditLogIsBoundedAndNoLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	a := &audit{path: filepath.Join(dir, "audit.log")}
	defer a.close()
	long := strings.Repeat("x", 1<<20)
	for range (auditFiles + 2) * auditBytes >> 20 {
		require.NoError(t, a.add(&auditEntry{Act: "start", Error: long}))
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, auditFiles)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(auditBytes))
	}

	linked := &audit{path: filepath.Join(dir, "linked")}
	defer linked.close()
	require.NoError(t, os.Symlink(filepath.Join(dir, "target"), linked.path))
	require.Error(t, linked.add(&auditEntry{Act: "start"}))
	_, err = os.Stat(filepath.Join(dir, "target"))
	assert.True(t, errors.Is(err, fs.ErrNotExist))
}

// A line that was torn, by a death or a full disk, takes no other with it; what the disk refused comes when it takes it.
func TestAuditSurvivesDeathsAndDisks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	acts := func() (whole []string, torn int) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for line := range bytes.Lines(data) {
			var e auditEntry
			if json.Unmarshal(line, &e) != nil {
				torn++
				continue
			}
			whole = append(whole, e.Act)
		}
		return whole, torn
	}
	require.NoError(t, os.WriteFile(path, []byte(`{"at":"2026-01-01T00:00:00Z","act":"sto`), 0o600))
	a := &audit{path: path}
	require.NoError(t, a.add(&auditEntry{Act: "start"}))
	require.NoError(t, a.add(&auditEntry{Act: "stop"}))
	whole, torn := acts()
	assert.Equal(t, []string{"start", "stop"}, whole)
	assert.Equal(t, 1, torn)

	front, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = front.WriteString(`{"act":"set"}` + "\n" + `{"act":"uns`) // a front end, which died of it
	require.NoError(t, errors.Join(err, front.Close()))
	require.NoError(t, a.add(&auditEntry{Act: "flush"}))
	whole, torn = acts()
	assert.Equal(t, []string{"start", "stop", "set", "flush"}, whole)
	assert.Equal(t, 2, torn)

	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full")
	}
	kept := a.file
	a.file = full
	require.Error(t, a.add(&auditEntry{Act: "scale"}))
	require.Error(t, a.add(&auditEntry{Act: "save"}))
	for range auditWaiting >> 10 {
		_ = a.add(&auditEntry{Act: "restart", Error: strings.Repeat("x", 2000)}) // refused, too
	}
	assert.LessOrEqual(t, len(a.waiting), auditWaiting)
	a.file = kept
	a.retry()
	whole, _ = acts()
	assert.Equal(t, []string{"start", "stop", "set", "flush", "scale", "save", "restart"}, whole[:7])
	require.NoError(t, full.Close())
	a.close()
}
