//go:build linux && amd64

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// change is something that is written down, and how it is taken back.
type change struct {
	do, undo []string
	act      string // as the audit log calls it
}

var writtenChanges = []change{
	{do: []string{"stop", "a"}, undo: []string{"start", "a"}, act: "stop"},
	{do: []string{"start", "b"}, undo: []string{"stop", "b"}, act: "start"},
	{do: []string{"start", "/bin/sleep", "--name", "c", "--", "1000"}, undo: []string{"delete", "c"}, act: "start"},
	{do: []string{"delete", "b"}, undo: []string{"start", "eco.json", "--only", "b"}, act: "delete"},
	{do: []string{"scale", "s", "3"}, undo: []string{"scale", "s", "1"}, act: "scale"},
	{do: []string{"save", "--force"}, undo: []string{"cleardump"}, act: "save"},
	{do: []string{"cleardump"}, undo: []string{"save", "--force"}, act: "cleardump"},
	{do: []string{"set", "cache:status_ttl", "700ms"}, undo: []string{"unset", "cache:status_ttl"}, act: "set"},
}

// ways are those in which a disk, or who writes to it, fails at the n-th call.
var ways = []struct {
	name  string
	fault fault
}{
	{"killed", fault{kill: true}},
	{"full", fault{errno: syscall.ENOSPC}},
	{"short, then full", fault{errno: syscall.ENOSPC, short: true}},
	{"error once", fault{errno: syscall.EIO, once: true}},
	{"read-only", fault{errno: syscall.EROFS}},
}

// wishes is what somebody who comes later finds: the list, what was saved, and what was set. It agrees with what runs.
func (h *house) wishes() string {
	h.t.Helper()
	var parts []string
	for _, s := range h.list() {
		h.truthful(s.Name, h.one(s.Name).Env.Status)
		parts = append(parts, s.Name+" "+s.Env.Status)
	}
	var dump []struct {
		Name string `json:"name"`
	}
	if data, err := os.ReadFile(filepath.Join(h.home, "dump.pm2")); err == nil {
		require.NoError(h.t, json.Unmarshal(data, &dump), "%s", data)
	}
	for _, s := range dump {
		parts = append(parts, "saved "+s.Name)
	}
	settings := map[string]any{}
	if data, err := os.ReadFile(filepath.Join(h.home, "settings.json")); err == nil {
		require.NoError(h.t, json.Unmarshal(data, &settings), "%s", data)
	}
	parts = append(parts, fmt.Sprint(settings))
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// whole fails if a line of a log of what happened has something of another in it. It returns how often an act is told of. One that
// was torn because the disk took no more of it, nor let go of what it had, stands alone.
func (h *house) whole(name, act string) (told int) {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.home, name))
	require.NoError(h.t, err)
	for _, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		var e struct {
			Act string `json:"act"`
		}
		if json.Unmarshal(line, &e) != nil {
			assert.LessOrEqual(h.t, bytes.Count(line, []byte(`"at":`)), 1, "%s: %q", name, line)
		} else if e.Act == act {
			told++
		}
	}
	return told
}

// Whatever the system call of a supervisor at which it dies or its disk fails: who comes after it finds what was before the
// command or what is after it, and after it if that was told.
func TestEveryWriteMayFail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.write("eco.json", `{"apps": [`+
		`{"name": "a", "script": "/bin/sleep", "args": ["1000"], "interpreter": "none"},`+
		`{"name": "b", "script": "/bin/sleep", "args": ["1000"], "interpreter": "none"},`+
		`{"name": "s", "script": "/bin/sleep", "args": ["1000"], "interpreter": "none"}]}`)
	h.weaver("start", "eco.json")
	h.weaver("stop", "b")
	part, parts := 0, 0 // of the faults; none of them: one way and place of each change
	switch which := os.Getenv("WEAVER_FAULTS"); {
	case strings.Contains(which, "/"):
		_, err := fmt.Sscanf(which, "%d/%d", &part, &parts)
		require.NoError(t, err, which)
		part %= parts
	case which != "":
		parts = 1
	}
	all := parts > 0
	injected, total, met := 0, 0, 0
	var tr *tracer
	attach := func() {
		if pid := h.ping().PID; tr == nil || tr.pid != pid {
			tr = trace(t, pid, h.home)
		}
	}
	for i, c := range writtenChanges {
		if !all && i%2 != 0 {
			continue
		}
		_, _ = h.run(c.undo...) // it may be as it is to be
		if c.act == "delete" {
			h.weaver("stop", "b")
		}
		attach()
		before := h.wishes()
		tr.set(fault{})
		h.weaver(c.do...)
		points := tr.seen()
		after := h.wishes()
		require.NotEqual(t, before, after, c.do)
		require.NotEmpty(t, points, c.do)
		t.Logf("%v: %d calls: %s", c.do, len(points), strings.Join(points, ", "))
		total += len(points)
		for j, w := range ways {
			for n := 1; n <= len(points); n++ {
				met++
				if all && met%parts != part || !all && (j != i%len(ways) || n != 1+(5*i+4)%len(points)) {
					continue
				}
				_, _ = h.run(c.undo...) // it may be as it is to be
				if c.act == "delete" {
					h.weaver("stop", "b")
				}
				attach()
				require.Equal(t, before, h.wishes(), "%v", c.undo)
				told := h.whole("audit.log", c.act)
				f := w.fault
				f.at = n
				tr.set(f)
				out, err := h.run(c.do...)
				where := fmt.Sprintf("%v, %s at call %d (%s): %s%v", c.do, w.name, n, points[n-1], out, err)
				if len(tr.seen()) >= n {
					injected++
				}
				tr.set(fault{}) // the disk works again
				now := h.wishes()
				if err == nil {
					require.Equal(t, after, now, where)
				} else {
					require.Contains(t, []string{before, after}, now, where)
				}
				if w.fault.kill {
					require.NoError(t, err, where)
					require.Greater(t, h.whole("audit.log", c.act), told, where)
				}
				h.killSupervisor()
				require.Equal(t, now, h.wishes(), where)
				require.Eventually(t, h.durable, 60*time.Second, 10*time.Millisecond, where)
				p := h.ping()
				require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGKILL))
				require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
				require.Eventually(t, func() bool { return !exists(p.PID) && !exists(p.Anchor) }, 60*time.Second, time.Millisecond)
				h.weaver("ping")
				require.Equal(t, now, h.wishes(), where)
				h.whole("audit.log", c.act)
				h.whole("state/events.log", c.act)
			}
		}
		_, _ = h.run(c.undo...)
	}
	t.Logf("%d changes, %d system calls, %d faults", len(writtenChanges), total, injected)
	require.Positive(t, injected)
}
