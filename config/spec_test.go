package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestInterpreterByFile(t *testing.T) {
	c := newContext(t)
	for _, name := range []string{"bash", "python3", "ruby", "perl", "bun"} {
		write(t, c.Cwd, "bin/"+name, "#!/bin/sh\n", 0o755)
	}
	c.Env.Set("PATH", c.Cwd+"/bin")
	for _, tc := range []struct {
		file, text string
		mode       os.FileMode
		want       string
	}{
		{"a.js", "", 0o644, "node"},
		{"a.cjs", "", 0o644, "node"},
		{"a.mjs", "#!/usr/bin/env python3\n", 0o755, "node"},
		{"a.sh", "", 0o644, "bash"},
		{"a.py", "", 0o644, "python3"},
		{"a.rb", "", 0o644, "ruby"},
		{"a.pl", "", 0o644, "perl"},
		{"a.ts", "", 0o644, "bun"},
		{"a.tsx", "", 0o644, "bun"},
		{"text", "console.log(1)\n", 0o644, "node"},
		{"empty", "", 0o644, "node"},
		{"latin", "caf\xc3\xa9 " + strings.Repeat("x", 600), 0o644, "node"},
		{"cut", strings.Repeat("x", 511) + "é", 0o644, "node"}, // the head ends within a character
		{"elf", "\x7fELF\x00\x01", 0o755, None},
		{"odd", strings.Repeat("\x01\x02x", 20), 0o755, None},
		{"sixth", strings.Repeat("\x01abcde", 20), 0o755, None}, // one odd byte in six
		{"twelfth", strings.Repeat("\x01abcdefghijk", 20), 0o644, "node"},
		{"sh", "#!/bin/sh\n", 0o755, None},
		{"cli3", "#!/usr/bin/env -S A=1 node --x\n", 0o644, "node"},
		{"python.cgi", "#! /usr/bin/env -S python3 -u\n", 0o755, None},
		{"cli", "#!/usr/bin/env node\n", 0o755, "node"},
		{"cli2", "#!/usr/local/bin/node --x\n", 0o644, "node"},
		{"bunny", "#!/usr/bin/env bun\n", 0o644, "bun"},
	} {
		path := write(t, c.Cwd, tc.file, tc.text, tc.mode)
		in, err := ResolveInterpreter(c, c.Cwd, "", path)
		require.NoError(t, err, tc.file)
		want := tc.want
		if want == "node" { // where the context has it
			want = c.Cwd + "/bin/node"
		}
		assert.Equal(t, want, in.Path, tc.file)
	}
	for file, want := range map[string]string{
		"a.php":    "Interpreter php is NOT AVAILABLE in PATH. (type 'which php' to double check.)",
		"a.coffee": "Interpreter coffee is NOT AVAILABLE in PATH. (type 'which coffee' to double check.)",
	} {
		_, err := ResolveInterpreter(c, c.Cwd, "", write(t, c.Cwd, file, "", 0o644))
		assert.EqualError(t, err, want)
	}
	for _, file := range []string{"elf", "sh"} {
		path := filepath.Join(c.Cwd, file)
		require.NoError(t, os.Chmod(path, 0o644))
		_, err := ResolveInterpreter(c, c.Cwd, "", path)
		assert.EqualError(t, err, path+" is not executable")
		_, err = ResolveInterpreter(c, c.Cwd, None, path)
		assert.EqualError(t, err, path+" is not executable")
	}
}

func TestInterpreterAskedFor(t *testing.T) {
	c := newContext(t)
	own := write(t, c.Cwd, "tools/run", "#!/bin/sh\n", 0o755)
	script := filepath.Join(c.Cwd, "server.js")
	for asked, want := range map[string]string{
		"sh": "/bin/sh", own: own, "./tools/run": own, "node": c.Cwd + "/bin/node", None: None,
	} {
		require.NoError(t, os.Chmod(script, 0o755))
		in, err := ResolveInterpreter(c, c.Cwd, asked, script)
		require.NoError(t, err, asked)
		assert.Equal(t, filepath.Base(want), filepath.Base(in.Path), asked)
	}
	_, err := ResolveInterpreter(c, c.Cwd, "cobol", script)
	assert.EqualError(t, err, "Interpreter cobol is NOT AVAILABLE in PATH. (type 'which cobol' to double check.)")

	// Without a node there is none for scripts either.
	c.Node = func() string { return "" }
	_, err = ResolveInterpreter(c, c.Cwd, "", script)
	assert.EqualError(t, err, "Interpreter node is NOT AVAILABLE in PATH. (type 'which node' to double check.)")
}

func TestNodeOfAVersion(t *testing.T) {
	c := newContext(t)
	_, err := ResolveInterpreter(c, c.Cwd, "node@20.1.0", "x")
	assert.ErrorContains(t, err, "NVM_DIR is not set")
	c.Env.Set("NVM_DIR", c.Cwd+"/nvm")
	for _, v := range []string{"v20.1.0", "v20.9.0", "v20.10.0", "v2.1.0", "v22.0.0"} {
		write(t, c.Cwd, "nvm/versions/node/"+v+"/bin/node", "#!/bin/sh\n", 0o755)
	}
	for asked, want := range map[string]string{"20.1.0": "v20.1.0", "v20.1.0": "v20.1.0", "20": "v20.10.0", "2": "v2.1.0", "20.1": "v20.1.0"} {
		in, err := ResolveInterpreter(c, c.Cwd, "node@"+asked, "x")
		require.NoError(t, err, asked)
		assert.Equal(t, c.Cwd+"/nvm/versions/node/"+want+"/bin/node", in.Path, asked)
		assert.True(t, in.Node())
	}
	for _, asked := range []string{"19", "", "../../x", "20*"} {
		_, err := ResolveInterpreter(c, c.Cwd, "node@"+asked, "x")
		assert.ErrorContains(t, err, "is NOT AVAILABLE", asked)
	}
}

func TestTypeScriptByNodesVersion(t *testing.T) {
	c := newContext(t)
	script := write(t, c.Cwd, "a.ts", "", 0o644)
	for version, want := range map[string]string{
		"v24.1.0": "", "v23.6.0": "", "v22.18.1": "", "v22.6.0": "--experimental-strip-types", "v23.0.0": "--experimental-strip-types",
		"v22.5.9": "error", "v20.20.2": "error", "nonsense": "error",
	} {
		write(t, c.Cwd, "bin/node", "#!/bin/sh\necho "+version+"\n", 0o755)
		in, err := ResolveInterpreter(c, c.Cwd, "", script)
		if want == "error" {
			assert.ErrorContains(t, err, "TypeScript apps require bun, Node.js >= 22.18", version)
			continue
		}
		require.NoError(t, err, version)
		assert.Equal(t, want, strings.Join(in.Args, " "), version)
	}
	c.Node = func() string { return "" }
	_, err := ResolveInterpreter(c, c.Cwd, "", script)
	assert.ErrorContains(t, err, "TypeScript apps require bun")
	deep := write(t, c.Cwd, "src/lib/a.ts", "", 0o644)
	own := write(t, c.Cwd, "node_modules/.bin/ts-node", "#!/bin/sh\n", 0o755)
	in, err := ResolveInterpreter(c, c.Cwd, "", deep)
	require.NoError(t, err)
	assert.Equal(t, own, in.Path, "what the project brings")
}

// PM2's matrix for two processors, here with four; negative numbers leave that many processors free.
func TestInstancesDecideModeAndLogFiles(t *testing.T) {
	c := newContext(t)
	write(t, c.Cwd, "h.sh", "", 0o644)
	const shared, own = true, false
	for _, tc := range []struct {
		script, more string
		n            int
		mode         app.Mode
		merge, given bool
	}{
		{"server.js", ``, 1, app.Fork, shared, false},
		{"server.js", `instances: 1`, 1, app.Cluster, own, true},
		{"server.js", `instances: 3`, 3, app.Cluster, own, true},
		{"server.js", `instances: '3'`, 3, app.Cluster, own, true},
		{"server.js", `instances: '3x'`, 3, app.Cluster, own, true},
		{"server.js", `instances: 2.9`, 2, app.Cluster, own, true},
		{"server.js", `instances: 0`, 4, app.Cluster, shared, true},
		{"server.js", `instances: 'max'`, 4, app.Cluster, shared, true},
		{"server.js", `instances: 'abc'`, 4, app.Cluster, shared, true},
		{"server.js", `instances: -1`, 3, app.Cluster, own, true},
		{"server.js", `instances: '-3'`, 1, app.Cluster, own, true},
		{"server.js", `instances: 3, exec_mode: 'fork'`, 3, app.Fork, own, true},
		{"server.js", `instances: 3, execute_command: true`, 3, app.Fork, own, true},
		{"server.js", `exec_mode: 'cluster'`, 1, app.Cluster, own, false},
		{"server.js", `exec_mode: 'cluster_mode', instances: 'max'`, 4, app.Cluster, own, true},
		{"server.js", `instances: 'max', merge_logs: false`, 4, app.Cluster, own, true},
		{"server.js", `instances: 2, merge_logs: true`, 2, app.Cluster, shared, true},
		{"h.sh", `instances: 3`, 3, app.Fork, own, true},
		{"h.sh", `instances: 0`, 4, app.Fork, shared, true},
	} {
		s := one(t, c, `{script: '`+tc.script+`', `+tc.more+`}`)
		assert.Equal(t, tc.n, s.Instances, tc.more)
		assert.Equal(t, tc.mode, s.Mode, tc.more)
		assert.Equal(t, tc.merge, s.MergeLogs, tc.more)
		assert.Equal(t, tc.given, s.InstancesGiven, tc.more)
	}
	for _, more := range []string{`-4`, `-100`, `-1e300`} {
		l, err := load(t, c, "x.json", `{script: 'server.js', instances: `+more+`}`, Flags{})
		require.NoError(t, err)
		require.Len(t, l.Failed, 1)
		assert.ErrorContains(t, l.Failed[0].Err, "leaves none: there are 4 processors")
	}
	l, err := load(t, c, "x.json", `{script: 'server.js', instances: 1e9}`, Flags{})
	require.NoError(t, err)
	assert.ErrorContains(t, l.Failed[0].Err, "instances 1000000000 is too many")

	c.Strict = true
	assert.Equal(t, app.Fork, one(t, c, `{script: 'server.js', instances: -2}`).Mode)
	assert.Equal(t, 1, one(t, c, `{script: 'server.js', instances: -9}`).Instances)
}

func TestClusterIsForNode(t *testing.T) {
	c := newContext(t)
	l, err := load(t, c, "x.json", `{name: 's', script: 'sh', exec_mode: 'cluster'}`, Flags{})
	require.NoError(t, err)
	assert.Equal(t, app.Fork, l.Apps[0].Mode)
	require.Len(t, l.Problems, 1)
	assert.Equal(t, "s: cluster mode is for node and bun only, started in fork mode", l.Problems[0].String())
}

func TestLogFileNames(t *testing.T) {
	c := newContext(t)
	s := one(t, c, `{name: 'und_er', script: 'server.js', log: true}`)
	assert.Equal(t, []string{"/wh/logs/und-er-out.log", "/wh/logs/und-er-error.log", "/wh/logs/und-er.log", "/wh/pids/und-er.pid"},
		[]string{s.OutFile, s.ErrorFile, s.LogFile, s.PIDFile})
	s = one(t, c, `{name: 'x', script: 'server.js', output: 'o/o.log', error: '~/e.txt', log: '/var/l.log', pid: 'p.pid'}`)
	assert.Equal(t, []string{c.Cwd + "/o/o.log", "/home/u/e.txt", "/var/l.log", c.Cwd + "/p.pid"},
		[]string{s.OutFile, s.ErrorFile, s.LogFile, s.PIDFile})
	s = one(t, c, `{name: 'x', script: 'server.js', output: 'NULL', error: '/dev/null', log: '/dev/null'}`)
	assert.Equal(t, []string{"/dev/null", "/dev/null", "/dev/null"}, []string{s.OutFile, s.ErrorFile, s.LogFile})
	assert.Empty(t, one(t, c, `{name: 'x', script: 'server.js', log: false}`).LogFile)
}

func TestEnvironmentInLayers(t *testing.T) {
	c := newContext(t)
	c.Env.Merge(app.Env{
		{Name: "SHELL_ONLY", Value: "s"},
		{Name: "BOTH", Value: "shell"},
		{Name: "AWS_KEY", Value: "k"},
		{Name: "NODE_CHANNEL_FD", Value: "3"},
		{Name: "WEAVER_SERVICE", Value: "x"},
		{Name: "NOTIFY_SOCKET", Value: "/n"},
		{Name: "RELEASE", Value: "shell"},
		{Name: "GONE", Value: "shell"},
		{Name: "name", Value: "kept"},
	})
	l, err := load(t, c, "x.json", `{
		apps: [{name: 'x', script: 'server.js', port: 5, filter_env: ['AWS'], append_env_to_name: true,
			env: {BOTH: 'app', INF: Infinity, N: null, L: [1, 'a'], O: {x: 1}, T: true, F: 1.50, PORT: 1, AWS_OWN: 1},
			env_p: {T: 'profile', PORT: 80, GONE: null}, env_q: {}}],
		deploy: {p: {env: {RELEASE: 'deploy', BOTH: 'deploy', T: 'deploy', AWS_OWN: null}}},
	}`, Flags{Env: "p"})
	require.NoError(t, err)
	s := l.Apps[0]
	assert.Equal(t, "x-p", s.Name)
	for name, want := range map[string]string{
		"SHELL_ONLY": "s", "BOTH": "deploy", "N": "null", "L": `[1,"a"]`, "O": `{"x":1}`, "T": "profile", "F": "1.5", "PORT": "80",
		"RELEASE": "deploy", "name": "kept",
	} {
		got, ok := s.Env.Get(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got, name)
	}
	for _, name := range []string{"AWS_KEY", "NODE_CHANNEL_FD", "WEAVER_SERVICE", "NOTIFY_SOCKET", "GONE", "AWS_OWN", "INF"} {
		_, ok := s.Env.Get(name)
		assert.False(t, ok, name)
	}
	assert.Equal(t, []string{"AWS"}, s.FilterEnv)
	assert.Len(t, s.EnvProfiles, 2)

	port, _ := one(t, c, `{script: 'server.js', port: 5, env: {PORT: 1}}`).Env.Get("PORT")
	assert.Equal(t, "5", port)
}

func TestFilterEnvForms(t *testing.T) {
	c := newContext(t)
	c.Env.Merge(app.Env{{Name: "SECRET", Value: "1"}, {Name: "SECRET_2", Value: "2"}})
	has := func(text, name string) bool {
		_, ok := one(t, c, text).Env.Get(name)
		return ok
	}
	assert.False(t, has(`{script: 'server.js', filter_env: 'SECRET'}`, "SECRET"))
	assert.True(t, has(`{script: 'server.js', filter_env: 'SECRET'}`, "SECRET_2"))
	assert.False(t, has(`{script: 'server.js', filter_env: ['SECRET']}`, "SECRET_2"))
	l, err := load(t, c, "x.json", `{script: 'server.js', filter_env: true}`, Flags{})
	require.NoError(t, err)
	require.Len(t, l.Problems, 1)
	assert.Contains(t, l.Problems[0].String(), "filters nothing")
}

// weaver start, called by a managed app, does not start something that thinks it is its parent.
func TestAManagedCallersIdentityIsNotInherited(t *testing.T) {
	c := newContext(t)
	c.Env.Merge(app.Env{{Name: "pm_id", Value: "3"}, {Name: "name", Value: "parent"}, {Name: "NODE_APP_INSTANCE", Value: "1"}, {Name: "KEEP", Value: "1"}})
	s := one(t, c, `{script: 'server.js'}`)
	for _, name := range []string{"pm_id", "name", "NODE_APP_INSTANCE"} {
		_, ok := s.Env.Get(name)
		assert.False(t, ok, name)
	}
	_, ok := s.Env.Get("KEEP")
	assert.True(t, ok)
}

func TestPythonDoesNotBuffer(t *testing.T) {
	c := newContext(t)
	write(t, c.Cwd, "bin/python", "#!/bin/sh\n", 0o755)
	write(t, c.Cwd, "a.py", "", 0o644)
	v, _ := one(t, c, `{script: 'a.py'}`).Env.Get("PYTHONUNBUFFERED")
	assert.Equal(t, "1", v)
	v, _ = one(t, c, `{script: 'a.py', env: {PYTHONUNBUFFERED: ''}}`).Env.Get("PYTHONUNBUFFERED")
	assert.Empty(t, v)
}

func TestUsersAndGroups(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may start apps as others")
	}
	c := newContext(t)
	s := one(t, c, `{script: 'server.js', user: 'root', gid: 0}`)
	assert.Equal(t, "root", s.User)
	assert.Equal(t, "0", s.Group)
	home, _ := s.Env.Get("HOME")
	assert.Equal(t, "/root", home)
	assert.Equal(t, "54321", one(t, c, `{script: 'server.js', uid: 54321}`).User)
	for text, want := range map[string]string{
		`uid: 'nobody-here'`: "User nobody-here cannot be found", `gid: 'nobody-here'`: "Group nobody-here cannot be found", `uid: -1`: "User -1 cannot be found",
	} {
		l, err := load(t, c, "x.json", `{script: 'server.js', `+text+`}`, Flags{})
		require.NoError(t, err)
		require.Len(t, l.Failed, 1)
		assert.EqualError(t, l.Failed[0].Err, want)
	}
}

func TestWhatIsCarriedThrough(t *testing.T) {
	c := newContext(t)
	write(t, c.Cwd, "package.json", `{"version": "1.2.3"}`, 0o644)
	write(t, c.Cwd, "a/b/app.js", "", 0o644)
	s := one(t, c, `{script: 'a/b/app.js', post_update: ['npm i'], io: {a: 1}, trace: false, watch: ['src'], watch_options: {x: 1},
		increment_var: 'PORT', time: true, pmx: false, automation: false, log_type: 'json', wait_ready: true}`)
	assert.Equal(t, "1.2.3", s.Version)
	assert.Equal(t, `["npm i"]`, string(s.Extra["post_update"]))
	assert.Equal(t, `{"a":1}`, string(s.Extra["io"]))
	assert.Equal(t, `false`, string(s.Extra["trace"]))
	assert.Equal(t, `["src"]`, string(s.Watch))
	assert.Equal(t, `{"x":1}`, string(s.WatchOptions))
	assert.Equal(t, "PORT", s.IncrementVar)
	assert.Equal(t, "YYYY-MM-DDTHH:mm:ss", s.LogDateFormat)
	assert.Equal(t, app.JSON, s.LogType)
	assert.False(t, app.IsTrue(s.PMX))
	assert.True(t, s.WaitReady)
	assert.Equal(t, self(t), s.Username, "not what $USER says")
	assert.Equal(t, "YYYY-MM-DDTHH:mm:ss", one(t, c, `{script: 'server.js', time: true, log_date_format: 'HH:mm'}`).LogDateFormat)
}

func TestMissingDirectoryIsSaid(t *testing.T) {
	c := newContext(t)
	for text, want := range map[string]string{
		`cwd: 'nowhere'`: "cwd " + clip(c.Cwd+"/nowhere") + ": no such file or directory", `cwd: 'server.js'`: "cwd " + clip(c.Cwd+"/server.js") + ": not a directory",
	} {
		l, err := load(t, c, "x.json", `{name: 'x', script: 'server.js', `+text+`}`, Flags{})
		require.NoError(t, err)
		require.Len(t, l.Failed, 1)
		assert.EqualError(t, l.Failed[0].Err, want)
	}
}

func TestSocketsThatAreHeld(t *testing.T) {
	c := newContext(t)
	s := one(t, c, `{script: 'server.js', listen: [8000, '127.0.0.1:9000', '/run/x.sock'], overlap: true, drain_timeout: 500, sched: 'none'}`)
	assert.Equal(t, []string{"8000", "127.0.0.1:9000", "/run/x.sock"}, s.Listen)
	assert.True(t, s.Overlap)
	assert.Equal(t, app.Duration(500*time.Millisecond), *s.DrainTimeout)
	assert.Equal(t, "shared", s.ClusterPolicy)
	assert.Equal(t, []string{"8000"}, one(t, c, `{script: 'server.js', listen: 8000}`).Listen)
}
