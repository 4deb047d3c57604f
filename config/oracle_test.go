package config

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/config/home"
)

// oracle is npm's PM2 with a home of its own. WEAVER_TEST_PM2 is the path of its executable.
type oracle struct {
	t    *testing.T
	c    Context
	home string
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	pm2 := os.Getenv("WEAVER_TEST_PM2")
	if pm2 == "" {
		t.Skip("WEAVER_TEST_PM2 does not name npm's pm2")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	write(t, dir, "server.js", "setInterval(() => {}, 1e6)", 0o644)
	write(t, dir, "sub/server.js", "setInterval(() => {}, 1e6)", 0o644)
	write(t, dir, "run.sh", "sleep 1000\n", 0o644)
	write(t, dir, "bin.elf", "\x7fELF\x00", 0o755)
	pm2home := filepath.Join(dir, "pm2home")
	env := app.ParseEnviron(os.Environ())
	for _, name := range []string{"pm_id", "NODE_APP_INSTANCE"} {
		env.Unset(name)
	}
	env.Set("PM2_HOME", pm2home)
	env.Set("LAYER", "shell")
	o := &oracle{t, Context{Cwd: dir, Env: env, Home: home.Home{Dir: pm2home}}, pm2home}
	t.Cleanup(func() { o.run(pm2, "kill") })
	o.run(pm2, "ping")
	return o
}

func (o *oracle) run(name string, args ...string) string {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = o.c.Cwd, o.c.Env.Environ()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the exit code is not what is compared
	return out.String()
}

func (o *oracle) pm2(args ...string) string { return o.run(os.Getenv("WEAVER_TEST_PM2"), args...) }

// line is what can be compared of a process.
type line struct {
	Name, Namespace, Script, Cwd, Interpreter, Out, Err string
	Mode                                                app.Mode
	Args                                                []string
	Env                                                 map[string]string
	MaxMemory                                           int64
	MinUptime, KillTimeout                              int64
	Watch                                               bool
}

var compared = []string{"LAYER", "A", "B", "N", "O", "L", "PORT", "PROFILE", "PYTHONUNBUFFERED"}

func (o *oracle) list() []line {
	o.t.Helper()
	text := o.pm2("jlist")
	var procs []struct {
		Name string                     `json:"name"`
		Env  map[string]json.RawMessage `json:"pm2_env"`
	}
	require.NoError(o.t, json.Unmarshal([]byte(text[max(0, strings.Index(text, "[{")):]), &procs), text)
	var lines []line
	for _, p := range procs {
		var e struct {
			Namespace   string   `json:"namespace"`
			Script      string   `json:"pm_exec_path"`
			Cwd         string   `json:"pm_cwd"`
			Interpreter string   `json:"exec_interpreter"`
			Out         string   `json:"pm_out_log_path"`
			Err         string   `json:"pm_err_log_path"`
			Mode        app.Mode `json:"exec_mode"`
			Args        []string `json:"args"`
			MaxMemory   int64    `json:"max_memory_restart"`
			MinUptime   int64    `json:"min_uptime"`
			KillTimeout int64    `json:"kill_timeout"`
			Watch       any      `json:"watch"`
			ID          app.ID   `json:"pm_id"`
		}
		all, err := json.Marshal(p.Env)
		require.NoError(o.t, err)
		require.NoError(o.t, json.Unmarshal(all, &e))
		l := line{
			Name: p.Name, Namespace: e.Namespace, Script: e.Script, Cwd: e.Cwd, Interpreter: e.Interpreter, Mode: e.Mode, Args: e.Args,
			Out: withoutID(e.Out, e.ID), Err: withoutID(e.Err, e.ID), MaxMemory: e.MaxMemory, MinUptime: e.MinUptime, KillTimeout: e.KillTimeout,
			Watch: !falsy(e.Watch), Env: map[string]string{},
		}
		for _, name := range compared {
			var env app.Env
			if v, ok := p.Env[name]; ok {
				require.NoError(o.t, json.Unmarshal([]byte(`{"x":`+string(v)+`}`), &env))
				l.Env[name], _ = env.Get("x")
			}
		}
		lines = append(lines, l)
	}
	return sorted(lines)
}

// withoutID takes the id out of a name that has it, and says so.
func withoutID(path string, id app.ID) string {
	if stem, ok := strings.CutSuffix(path, "-"+id.String()+".log"); ok {
		return stem + ".log own"
	}
	return path
}

func (o *oracle) ours(specs []app.Spec) []line {
	var lines []line
	for _, s := range specs {
		l := line{
			Name: s.Name, Namespace: s.NamespaceOrDefault(), Script: s.Script, Cwd: s.Cwd, Interpreter: filepath.Base(s.Interpreter), Mode: s.Mode,
			Args: s.Args, Out: s.OutFile, Err: s.ErrorFile, MaxMemory: int64(s.MaxMemoryRestart), Watch: !falsyJSON(s.Watch), Env: map[string]string{},
		}
		if s.MinUptime != nil {
			l.MinUptime = s.MinUptime.Milliseconds()
		}
		if s.KillTimeout != nil {
			l.KillTimeout = s.KillTimeout.Milliseconds()
		}
		if !s.MergeLogs {
			for _, path := range []*string{&l.Out, &l.Err} {
				if strings.HasSuffix(*path, ".log") {
					*path += " own"
				}
			}
		}
		for _, name := range compared {
			if v, ok := s.Env.Get(name); ok {
				l.Env[name] = v
			}
		}
		for range max(1, s.Instances) {
			lines = append(lines, l)
		}
	}
	return sorted(lines)
}

func sorted(lines []line) []line {
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].Name < lines[j].Name })
	return lines
}

// Every app is one that PM2 starts with autostart off: it resolves everything and runs nothing.
func TestFilesMeanWhatTheyMeanToPM2(t *testing.T) {
	o := newOracle(t)
	for _, file := range []struct{ name, text, env string }{
		{name: "shapes.config.js", text: `module.exports = {apps: [
			{name: 'plain', script: 'server.js', autostart: false},
			{script: 'run.sh', autostart: false},
			{name: 'und_er', script: './server.js', args: 'a "b c" k="v w"', autostart: false},
			{name: 'elf', script: 'bin.elf', autostart: false},
			{name: 'line', script: 'sleep 500', autostart: false},
			{name: 'path', script: 'sleep', args: ['5', '6'], autostart: false},
			{name: 'sub', script: 'server.js', cwd: 'sub', autostart: false, namespace: 'ns'},
			{name: 'none', script: 'run.sh', interpreter: 'sh', autostart: false},
			{name: 'logs', script: 'server.js', out_file: 'o/o.log', error: '/dev/null', autostart: false},
			{name: 'numbers', script: 'server.js', max_memory_restart: '150M', min_uptime: '5s', kill_timeout: '3000', autostart: false},
			{name: 'watched', script: 'server.js', watch: false, autostart: false},
		]}`},
		{name: "modes.json", text: `[ // PM2's matrix
			{name: 'i1', script: 'server.js', instances: 1, autostart: false},
			{name: 'i2', script: 'server.js', instances: '2', autostart: false},
			{name: 'imax', script: 'server.js', instances: 'max', autostart: false},
			{name: 'i0', script: 'server.js', instances: 0, autostart: false},
			{name: 'ifork', script: 'server.js', instances: 2, exec_mode: 'fork', autostart: false},
			{name: 'icluster', script: 'server.js', exec_mode: 'cluster', autostart: false},
			{name: 'ish', script: 'run.sh', instances: 2, autostart: false},
			{name: 'ish0', script: 'run.sh', instances: 0, autostart: false},
			{name: 'merged', script: 'server.js', instances: 2, merge_logs: true, autostart: false},
		]`},
		{name: "env.yaml", env: "p", text: `
apps:
- name: env
  script: server.js
  autostart: false
  env: {LAYER: app, A: 1.50, B: true, N: null, O: {x: 1}, L: [1, a], PORT: 1}
  env_p: {A: two, PROFILE: 'yes'}
- name: port
  script: server.js
  autostart: false
  port: 5
  env: {PORT: 1}
- name: inherits
  script: server.js
  autostart: false
`},
	} {
		t.Run(file.name, func(t *testing.T) {
			write(t, o.c.Cwd, file.name, file.text, 0o644)
			args := []string{"start", file.name}
			if file.env != "" {
				args = append(args, "--env", file.env)
			}
			said := o.pm2(args...)
			theirs := o.list()
			l, err := Load(context.Background(), o.c, file.name, Flags{Env: file.env})
			require.NoError(t, err)
			require.Empty(t, l.Failed)
			assert.Equal(t, theirs, o.ours(l.Apps), said)
			o.pm2("delete", "all")
		})
	}
}

func TestFlagsMeanWhatTheyMeanToPM2(t *testing.T) {
	o := newOracle(t)
	str := func(s string) *string { return &s }
	no := false
	off := Flags{AutoStart: &no}
	var ours []app.Spec
	for _, tc := range []struct {
		args   []string
		target string
		set    func(*Flags)
		script []string
	}{
		{[]string{"server.js", "--name", "a"}, "server.js", func(f *Flags) { f.Name = "a" }, nil},
		{[]string{"server.js", "-n", "b", "-i", "2", "--", "x", "y z"}, "server.js", func(f *Flags) { f.Name, f.Instances = "b", "2" }, []string{"x", "y z"}},
		{[]string{"run.sh", "-n", "c", "-o", "co.log", "-e", "ce.txt"}, "run.sh", func(f *Flags) { f.Name, f.Output, f.Error = "c", "co.log", "ce.txt" }, nil},
		{[]string{"server.js", "-n", "d", "-x", "-i", "2"}, "server.js", func(f *Flags) { f.Name, f.Execute, f.Instances = "d", true, "2" }, nil},
		{[]string{"sleep 77"}, "sleep 77", func(*Flags) {}, nil},
		{
			[]string{"server.js", "-n", "e", "--max-memory-restart", "1G", "--kill-timeout", "7", "--max-restarts", "0"},
			"server.js",
			func(f *Flags) { f.Name, f.MaxMemory, f.KillTimeout, f.MaxRestarts = "e", "1G", "7", str("0") }, nil,
		},
		{[]string{"server.js", "-n", "f", "--cwd", "sub", "--namespace", "ns"}, "server.js", func(f *Flags) { f.Name, f.Cwd, f.Namespace = "f", "sub", "ns" }, nil},
		{[]string{"server.js", "-n", "g", "--filter-env", "LAY"}, "server.js", func(f *Flags) { f.Name, f.FilterEnv = "g", []string{"LAY"} }, nil},
	} {
		said := o.pm2(append([]string{"start", "--no-autostart"}, tc.args...)...)
		f := off
		tc.set(&f)
		s, _, err := FromArgs(o.c, tc.target, f, tc.script)
		require.NoError(t, err, said)
		ours = append(ours, s)
	}
	assert.Equal(t, o.list(), o.ours(ours))
}

// What PM2 says about a wrong file, weaver says too, word for word.
func TestComplaintsReadAsPM2s(t *testing.T) {
	o := newOracle(t)
	for _, app := range []string{
		`{"script": "server.js", "args": {}, "watch": 5, "kill_timeout": "abc", "max_restarts": -5, "autorestart": "no", "filter_env": 1, "log_file": 3}`,
		`{"script": "server.js", "min_uptime": 10, "max_memory_restart": "1.5G", "port": "x", "stop_exit_codes": {}, "treekill": 1, "vizion": "x"}`,
		`{"script": "server.js", "exec_mode": "threads"}`,
		`{"script": "server.js", "min_uptime": "soon", "name": 5, "wait_ready": "x", "node_args": 1, "exec_interpreter": 1}`,
	} {
		write(t, o.c.Cwd, "wrong.json", app, 0o644)
		said := o.pm2("start", "wrong.json")
		_, err := load(t, o.c, "wrong.json", app, Flags{})
		var invalid *Invalid
		require.ErrorAs(t, err, &invalid)
		for _, p := range invalid.Problems {
			assert.Contains(t, said, p.Message)
		}
		assert.Equal(t, strings.Count(said, "[PM2][WARN]"), len(invalid.Problems), said)
	}
	for target, flags := range map[string][]string{"missing.js": nil, "server.js": {"--interpreter", "ruby-none"}} {
		said := o.pm2(append([]string{"start", target}, flags...)...)
		f := Flags{}
		if flags != nil {
			f.Interpreter = flags[1]
		}
		_, _, err := FromArgs(o.c, target, f, nil)
		require.Error(t, err)
		assert.Contains(t, said, err.Error())
	}
}
