package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/app"
	"weaver/config/home"
	"weaver/pm2"
)

// fakeDaemon answers the API on a socket, and keeps what it was asked.
type fakeDaemon struct {
	t    *testing.T
	home string

	mu       sync.Mutex
	list     []app.Process
	requests []string // "METHOD path body"
	// act, start and scale say what an operation answers; nil is that all went well.
	act   func(api.ActRequest) []app.Progress
	start func(api.StartRequest) []app.Progress
	// during runs while an operation is under way.
	during func()
	follow func(w http.ResponseWriter, r *http.Request)
	down   func() // ends the daemon, once the answer is out
}

func process(id app.ID, name string, pid int) app.Process {
	status := app.Online
	if pid == 0 {
		status = app.Stopped
	}
	return app.Process{
		ID: id, Name: name, Namespace: "default", Mode: app.Fork, Status: status, PID: pid, Started: time.Now(),
		Spec: &app.Spec{Name: name, Script: "/srv/" + name + ".sh", Cwd: "/srv", Interpreter: "bash", Env: app.Env{{Name: "A", Value: "1"}}},
	}
}

// newFake starts a daemon for a home of its own.
func newFake(t *testing.T, list ...app.Process) *fakeDaemon {
	t.Helper()
	d := &fakeDaemon{t: t, home: tempHome(t), list: list}
	require.NoError(t, os.MkdirAll(d.home, 0o700))
	d.serve()
	return d
}

// tempHome is a path short enough for a socket, whatever the name of the test.
func tempHome(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wv")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "h")
}

func (d *fakeDaemon) serve() {
	l, err := net.Listen("unix", filepath.Join(d.home, "weaver.sock"))
	require.NoError(d.t, err)
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: d}}
	s.Start()
	var once sync.Once
	d.down = func() { once.Do(func() { s.CloseClientConnections(); s.Close() }) }
	d.t.Cleanup(d.down)
}

func (d *fakeDaemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.requests = append(d.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	list := append([]app.Process(nil), d.list...)
	d.mu.Unlock()
	switch r.URL.Path {
	case api.PathPing:
		reply(w, api.Ping{PID: 4711, Version: "1.2.3", UptimeMS: 5, Durable: true})
	case api.PathProcesses:
		picked, err := pick(list, r)
		if err != nil {
			w.WriteHeader(err.Status())
			reply(w, err)
			return
		}
		reply(w, picked)
	case api.PathDescribe:
		picked, err := pick(list, r)
		if err != nil {
			w.WriteHeader(err.Status())
			reply(w, err)
			return
		}
		out := make([]api.Description, len(picked))
		for i := range picked {
			out[i] = api.Description{Process: picked[i], Ports: []string{"tcp 8080"}}
		}
		reply(w, out)
	case api.PathHot + "list":
		o := pm2.TableOptions{Unicode: true, Now: time.Now(), HostLine: "host metrics | cpu: 1%"}
		o.Width, _ = strconv.Atoi(r.URL.Query().Get("w"))
		for _, f := range r.URL.Query()["f"] {
			if by, ok := strings.CutPrefix(f, "sort="); ok {
				o.Sort = by
			}
			o.Mini = o.Mini || f == "mini-list"
		}
		w.Write(pm2.AppendTable(nil, list, o))
	case api.PathHost:
		reply(w, api.HostStats{Line: "host metrics | cpu: 1%"})
	case api.PathAct:
		var req api.ActRequest
		json.Unmarshal(body, &req)
		d.operation(w, d.answers(req, list))
	case api.PathStart:
		var req api.StartRequest
		json.Unmarshal(body, &req)
		d.operation(w, d.starts(req))
	case api.PathScale, api.PathResurrect:
		d.operation(w, nil)
	case api.PathKill:
		d.operation(w, nil)
		go func() { // ends with the last connection
			<-r.Context().Done() // the answer is out
			d.down()
		}()
	case api.PathSave:
		reply(w, api.SaveResult{Path: d.home + "/dump.pm2", Count: len(list), Skipped: len(list) == 0 && !strings.Contains(string(body), "force")})
	case api.PathFlush:
		reply(w, api.FlushResult{Files: []string{d.home + "/weaver.log", "/l/web-out.log"}})
	case api.PathClearDump, api.PathReloadLogs:
		reply(w, struct{}{})
	case api.PathCache, api.PathCacheClear:
		reply(w, api.CacheStats{Enabled: true, Caches: map[string]api.CacheFigure{"status": {Hits: 3, TTL: app.Duration(time.Second)}}})
	case api.PathFollow:
		w.(http.Flusher).Flush()
		d.follow(w, r)
	case api.PathEvents:
		w.(http.Flusher).Flush()
		send(w, app.Event{Seq: 7, At: time.Now().Add(time.Hour), Kind: app.EventExit, Name: "web"})
		<-r.Context().Done()
	default:
		w.WriteHeader(404)
	}
}

func (d *fakeDaemon) answers(req api.ActRequest, list []app.Process) []app.Progress {
	if d.act != nil {
		return d.act(req)
	}
	var out []app.Progress
	for _, t := range req.Targets {
		at, _ := t.Match(list, req.Cwd)
		if len(at) == 0 {
			return append(out, app.Progress{
				Step: app.StepFailed, Verb: req.Verb, Target: string(t), ID: -1, Kind: "not_found",
				Message: "Process or Namespace " + string(t) + " not found", Hint: "did you mean web?",
			})
		}
		p := app.Progress{Step: app.StepApplying, Verb: req.Verb, Target: string(t), ID: -1}
		for _, i := range at {
			p.IDs = append(p.IDs, list[i].ID)
		}
		out = append(out, p)
		for _, i := range at {
			out = append(out, app.Progress{Step: app.StepOK, Verb: req.Verb, Target: string(t), ID: list[i].ID, Name: list[i].Name, Message: req.Signal})
		}
	}
	return out
}

func (d *fakeDaemon) starts(req api.StartRequest) []app.Progress {
	if d.start != nil {
		return d.start(req)
	}
	var out []app.Progress
	for i := range req.Specs {
		s := &req.Specs[i]
		out = append(out, app.Progress{Step: app.StepStarting, ID: -1, Name: s.Name, Count: 1, Process: &app.Process{Spec: s}},
			app.Progress{Step: app.StepLaunched, Name: s.Name, Count: 1, Target: req.File})
	}
	return out
}

func (d *fakeDaemon) operation(w http.ResponseWriter, steps []app.Progress) {
	if d.during != nil {
		d.during()
	}
	failures := 0
	for _, p := range steps {
		if p.Step == app.StepFailed {
			failures++
		}
		send(w, p)
	}
	send(w, app.Progress{Step: app.StepEnd, ID: -1, Failures: failures})
}

func pick(list []app.Process, r *http.Request) ([]app.Process, *api.Error) {
	targets := r.URL.Query()["t"]
	if len(targets) == 0 {
		return list, nil
	}
	var out []app.Process
	for _, t := range targets {
		at, _ := app.Selector(t).Match(list, r.URL.Query().Get("cwd"))
		if len(at) == 0 {
			return nil, &api.Error{Kind: api.NotFound, Message: "Process or Namespace " + t + " not found", Hint: "did you mean web?"}
		}
		for _, i := range at {
			out = append(out, list[i])
		}
	}
	return out, nil
}

func reply(w io.Writer, v any) { json.NewEncoder(w).Encode(v) }

func send(w http.ResponseWriter, v any) {
	json.NewEncoder(w).Encode(v)
	w.(http.Flusher).Flush()
}

// asked returns the requests whose path is one, with their bodies.
func (d *fakeDaemon) asked(path string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, r := range d.requests {
		method, rest, _ := strings.Cut(r, " ")
		if p, body, _ := strings.Cut(rest, " "); p == path {
			out = append(out, strings.TrimSpace(method+" "+body))
		}
	}
	return out
}

// outcome is what a command line did.
type outcome struct {
	code           int
	stdout, stderr string
}

// runner is a place to run command lines in.
type runner struct {
	t     *testing.T
	home  string
	cwd   string
	env   []string
	stdin string
	self  string
	cols  int // of a terminal on stdout; 0 is none
	ctx   context.Context
}

func (d *fakeDaemon) runner() *runner { return newRunner(d.t, d.home) }

func newRunner(t *testing.T, home string) *runner {
	return &runner{t: t, home: home, cwd: t.TempDir(), ctx: t.Context(), self: filepath.Join(t.TempDir(), "weaverd")}
}

func (r *runner) run(args ...string) outcome {
	r.t.Helper()
	var stdout, stderr syncBuffer
	code := Run(r.ctx, r.environment(&stdout, &stderr), args)
	return outcome{code, stdout.String(), stderr.String()}
}

func (r *runner) environment(stdout, stderr *syncBuffer) Env {
	return Env{
		Stdin: strings.NewReader(r.stdin), Stdout: stdout, Stderr: stderr, Cwd: r.cwd, Argv0: "weaver", Version: "1.2.3", SelfPath: r.self,
		Environ: append([]string{"WEAVER_HOME=" + r.home, "PATH=" + os.Getenv("PATH"), "HOME=" + r.cwd}, r.env...),
		IsTerminal: func(w any) (int, bool) {
			return r.cols, r.cols > 0 && w == any(stdout)
		},
		Supervise: func(_ context.Context, args []string) int { return len(args) },
		Living:    func(home.Home) (int, error) { return 0, nil },
	}
}

// until runs a command that only ends when it is interrupted, which happens once it has printed text.
func (r *runner) until(text string, args ...string) outcome {
	r.t.Helper()
	var stdout, stderr syncBuffer
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan int)
	go func() { done <- Run(ctx, r.environment(&stdout, &stderr), args) }()
	assert.Eventually(r.t, func() bool { return strings.Contains(stdout.String()+stderr.String(), text) }, 60*time.Second, time.Millisecond, "%v", args)
	cancel()
	return outcome{<-done, stdout.String(), stderr.String()}
}

// good runs a command that must succeed, and returns its stdout.
func (r *runner) good(args ...string) string {
	r.t.Helper()
	o := r.run(args...)
	require.Zero(r.t, o.code, "%v: %s%s", args, o.stdout, o.stderr)
	return o.stdout
}

func (r *runner) file(name, content string) string {
	r.t.Helper()
	path := filepath.Join(r.cwd, name)
	require.NoError(r.t, os.WriteFile(path, []byte(content), 0o755))
	return path
}

// syncBuffer is a buffer that more than one goroutine may write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
