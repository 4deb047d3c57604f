package supervisor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/logs"
	"weaver/supervisor/nodeipc"
	"weaver/supervisor/spawn"
)

// real is a supervisor of real processes.
type real struct {
	*Supervisor
	t   *testing.T
	dir string
}

func newReal(t *testing.T, change ...func(*Options)) *real {
	t.Helper()
	spawner, err := spawn.New(spawn.Options{Marker: "WEAVER_SUPERVISOR_TEST", Trampoline: os.Args[0]})
	require.NoError(t, err)
	engine, err := logs.NewEngine(logs.Options{})
	require.NoError(t, err)
	ipc, err := nodeipc.New()
	require.NoError(t, err)
	o := Options{Spawner: spawner, Logs: engine, IPC: ipc, Identity: "test"}
	for _, f := range change {
		f(&o)
	}
	r := &real{Supervisor: New(o), t: t, dir: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			files, _ := filepath.Glob(filepath.Join(r.dir, "*.log"))
			for _, f := range files {
				text, _ := os.ReadFile(f)
				t.Logf("%s: %.2000s", filepath.Base(f), text)
			}
		}
		require.NoError(t, r.Shutdown(context.Background(), true, func(app.Progress) {}))
		ipc.Close()
		engine.Close()
		spawner.Close()
	})
	return r
}

// node returns the path of Node, or skips the test.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	return path
}

// file writes a program and returns its path.
func (r *real) file(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

// script is the spec of a Node program.
func (r *real) script(name, text string) app.Spec {
	return r.spec(name, node(r.t), r.file(name+".js", text))
}

func (r *real) spec(name, interpreter, script string) app.Spec {
	return app.Spec{
		Name: name, Script: script, Interpreter: interpreter, Cwd: r.dir, Mode: app.Fork, Env: app.ParseEnviron(os.Environ()),
		OutFile: filepath.Join(r.dir, name+"-out.log"), ErrorFile: filepath.Join(r.dir, name+"-err.log"),
	}
}

// up starts an app, which must come up.
func (r *real) up(spec app.Spec) {
	r.t.Helper()
	require.Empty(r.t, failed(r.run(func(report func(app.Progress)) {
		r.Start(context.Background(), []app.Spec{spec}, StartOptions{}, report)
	})), r.output(spec.Name))
}

func (r *real) do(v app.Verb, target app.Selector) []string {
	r.t.Helper()
	return failed(r.run(func(report func(app.Progress)) {
		r.Do(context.Background(), Action{Verb: v, Targets: []app.Selector{target}}, report)
	}))
}

func (r *real) run(op func(report func(app.Progress))) []app.Progress {
	var mu sync.Mutex
	var got []app.Progress
	op(func(p app.Progress) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, p)
	})
	return got
}

// output is what an app printed so far.
func (r *real) output(name string) string {
	var all strings.Builder
	files, _ := filepath.Glob(filepath.Join(r.dir, name+"-*.log"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		all.Write(text)
	}
	return all.String()
}

func (r *real) process(id app.ID) app.Process {
	r.t.Helper()
	p, ok := r.Get(id)
	require.True(r.t, ok, "process %d exists", id)
	return p
}

// await waits for a condition, as long as it takes on a busy machine.
func (r *real) await(what string, f func() bool) {
	r.t.Helper()
	require.Eventually(r.t, f, time.Minute, 2*time.Millisecond, what)
}
