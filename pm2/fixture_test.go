package pm2

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

// The files in testdata/dumps were printed by PM2 7.0.4. jlist.json and dump.pm2 are real processes; what else is named
// like them was printed from that list, with the clock standing still at recordedAt. table.json and long.json are lists
// with chosen numbers, fed to PM2's front end in the place of its daemon's answer.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "dumps", name))
	require.NoError(t, err)
	return data
}

// recorded reads a recorded `jlist` back into processes.
func recorded(t testing.TB, name string) ([]app.Process, []Value) {
	t.Helper()
	v, err := Parse(fixture(t, name))
	require.NoError(t, err)
	elements, ok := v.List()
	require.True(t, ok)
	list := make([]app.Process, len(elements))
	for i, e := range elements {
		o, _ := e.Object()
		list[i] = fromElement(t, o)
	}
	return list, elements
}

func fromElement(t testing.TB, o *Object) app.Process {
	t.Helper()
	env, _ := o.Get("pm2_env")
	rec, err := Spec(env.AppendJSON(nil))
	require.NoError(t, err)
	p := toProcess(rec)
	if pid, ok := o.Get("pid"); ok {
		if p.PID = int(pid.num); p.PID == 0 {
			p.Gen = 1 // it ran
		}
	}
	monit, _ := o.Get("monit")
	memory, _ := monit.object.Get("memory")
	cpu, _ := monit.object.Get("cpu")
	p.Usage = app.Usage{Memory: app.Bytes(memory.num), CPU: cpu.num}
	at := func(key string) string {
		v, _ := env.object.Get(key)
		return v.text
	}
	p.OutPath, p.ErrorPath = at("pm_out_log_path"), at("pm_err_log_path")
	p.LogPath, p.PIDPath = at("pm_log_path"), at("pm_pid_path")
	return p
}

func toProcess(rec Record) app.Process {
	spec := rec.Spec
	p := app.Process{
		ID: rec.ID, Name: rec.Name, Namespace: spec.Namespace, Instance: rec.Instance, Mode: spec.Mode,
		Status: rec.Status, Started: rec.Started, Created: rec.Created, Restarts: rec.Restarts, Unstable: rec.Unstable,
		Backoff: rec.Backoff, Version: rec.Version, NodeVersion: rec.NodeVersion, UniqueID: rec.UniqueID,
		Watching: len(spec.Watch) > 0, Spec: &spec,
	}
	if rec.ExitCode != nil {
		p.Exit = &app.Exit{Code: *rec.ExitCode}
	}
	return p
}

// recordedAt is when the clock stood still for the recordings: 90.5 s after the last start.
func recordedAt(list []app.Process) time.Time {
	var last time.Time
	for _, p := range list {
		if p.Started.After(last) {
			last = p.Started
		}
	}
	return last.Add(90500 * time.Millisecond)
}

func lines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }
