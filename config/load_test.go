package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// inSamples is a Context in the directory of sample files, with real node.
func inSamples(t *testing.T) Context {
	t.Helper()
	c := newContext(t)
	node := realNode(t)
	c.Cwd, c.Node = samples(t), func() string { return node }
	return c
}

func names(l Loaded) []string {
	var out []string
	for i := range l.Apps {
		out = append(out, l.Apps[i].Name)
	}
	return out
}

func TestSampleFilesLoad(t *testing.T) {
	c := inSamples(t)
	for file, want := range map[string][]string{
		"ecosystem.config.js": {"web", "worker"},
		"esm.config.mjs":      {"esm"},
		"named.config.mjs":    {"named"},
		"function.config.cjs": {"shared"},
		"relaxed.json":        {"relaxed"},
		"ecosystem.json5":     {"five"},
		"ecosystem.yaml":      {"yaml", "yaml-two"},
		"ecosystem.toml":      {"toml"},
		"wrapped.json":        {"server"},
		"single.json":         {"single"},
		"twins.json":          {"twin", "twin"},
	} {
		l, err := Load(context.Background(), c, file, Flags{})
		require.NoError(t, err, file)
		assert.Equal(t, want, names(l), file)
		assert.Empty(t, l.Problems, file)
		assert.Empty(t, l.Failed, file)
		for i := range l.Apps {
			assert.True(t, filepath.IsAbs(l.Apps[i].Script), file)
			assert.True(t, filepath.IsAbs(l.Apps[i].Cwd), file)
			assert.True(t, filepath.IsAbs(l.Apps[i].OutFile), file)
		}
	}
}

func TestAWholeFile(t *testing.T) {
	c := inSamples(t)
	l, err := Load(context.Background(), c, "ecosystem.config.js", Flags{Env: "production"})
	require.NoError(t, err)
	web, worker := l.Apps[0], l.Apps[1]
	assert.Equal(t, app.Cluster, web.Mode)
	assert.Equal(t, 2, web.Instances)
	assert.Equal(t, 5, *web.MaxRestarts)
	assert.Equal(t, app.Bytes(300<<20), web.MaxMemoryRestart)
	for name, want := range map[string]string{"NODE_ENV": "production", "PORT": "80", "FLAGS": `{"a":1}`, "RELEASE": "r1", "USER": "u"} {
		got, _ := web.Env.Get(name)
		assert.Equal(t, want, got, name)
	}
	assert.JSONEq(t, `{"NODE_ENV":"production","PORT":80}`, string(web.EnvProfiles["env_production"]))
	assert.Equal(t, filepath.Join(samples(t), "worker"), worker.Script)
	assert.Equal(t, None, worker.Interpreter)
	assert.Equal(t, app.Fork, worker.Mode)
	assert.False(t, app.IsTrue(worker.AutoRestart))
	assert.EqualValues(t, 5000, worker.KillTimeout.Milliseconds())
	require.Len(t, l.Problems, 1)
	assert.Equal(t, "Environment [production] is not defined in process file", l.Problems[0].String())
	assert.Contains(t, string(l.Deploy), "origin/main")
}

func TestBadFilesSayWhere(t *testing.T) {
	c := inSamples(t)
	for file, want := range map[string]string{
		"bad.json":         "File bad.json malformated: bad.json:3:18: unexpected '\"'",
		"bad.yaml":         "File bad.yaml malformated: bad.yaml:3:4: ",
		"bad.toml":         "File bad.toml malformated: bad.toml:3:",
		"bad.config.js":    "File bad.config.js malformated: bad.config.js:3:12: SyntaxError: Unexpected string",
		"bad.config.mjs":   "File bad.config.mjs malformated: bad.config.mjs:2:10: SyntaxError: Unexpected token '}'",
		"throws.config.js": "File throws.config.js malformated: throws.config.js:2:36: TypeError: Cannot read properties of undefined (reading 'deeply')",
		"cyclic.yaml":      "File cyclic.yaml malformated: cyclic.yaml:4:10: &a contains itself",
		"billion.yaml":     "File billion.yaml malformated: billion.yaml:",
		"nowhere.json":     "File nowhere.json not found",
		"server.js":        "read server.js: its name is not that of a config (.json, .yaml, .toml, .config.js)",
	} {
		_, err := Load(context.Background(), c, file, Flags{})
		require.Error(t, err, file)
		assert.True(t, strings.HasPrefix(err.Error(), want), "%s: %s", file, err)
	}
}

func TestEverythingWrongIsListedAndNothingStarts(t *testing.T) {
	l, err := Load(context.Background(), inSamples(t), "wrong.json", Flags{})
	var invalid *Invalid
	require.ErrorAs(t, err, &invalid)
	assert.Empty(t, l.Apps)
	all := err.Error()
	for _, want := range []string{
		`name "a/../b" means a directory`,
		`Expect "instances" to be a typeof [object Number], but now is [object Object]`,
		`Expect "autorestart" to be a typeof [object Boolean], but now is [object String]`,
		`Verify "max_memory_restart" with regex failed, it should be a NUMBER - byte, "[NUMBER]G"(Gigabyte), "[NUMBER]M"(Megabyte) or "[NUMBER]K"(Kilobyte)`,
		`The minimum of "min_uptime" is 100, but now is 10`,
		`port 99999 is out of range (0-65535)`,
		`unknown signal SIGTREM (did you mean SIGTERM?)`,
		`Cron pattern error: "99 * * * *": minutes value out of range: '99'`,
		`Verify "exec_mode" with regex failed, it should be "cluster"("cluster_mode") or "fork"("fork_mode") only`,
	} {
		assert.Contains(t, all, want)
	}
	assert.Len(t, invalid.Problems, 9)
	var warned []string
	for _, p := range l.Problems {
		warned = append(warned, p.String())
	}
	assert.Equal(t, []string{
		`a/../b: unknown key "max_restart" (did you mean "max_restarts"?)`,
		`second: unknown key "scirpt" (did you mean "script"?)`,
	}, warned)
}

func TestOneAppsFailureIsItsOwn(t *testing.T) {
	l, err := Load(context.Background(), inSamples(t), "partial.json", Flags{})
	require.NoError(t, err)
	assert.Equal(t, []string{"fine"}, names(l))
	require.Len(t, l.Failed, 2)
	assert.Equal(t, "gone: Script not found: "+filepath.Join(samples(t), "nofile.js"), l.Failed[0].Error())
	assert.Equal(t, "ruby: Interpreter ruby-not-here is NOT AVAILABLE in PATH. (type 'which ruby-not-here' to double check.)", l.Failed[1].Error())
	assert.Equal(t, []string{"gone", "fine", "ruby"}, l.Names(), "in the order of the file")
}

func TestOnlyChoosesApps(t *testing.T) {
	c := newContext(t)
	text := `[{name: 'a', script: 'server.js'}, {name: 'b', script: 'server.js'}, {script: 'server.js'}, {name: 'bad', port: -1}]`
	for only, want := range map[string][]string{"a,b": {"a", "b"}, "b server": {"b", "server"}, "none": nil} {
		l, err := load(t, c, "x.json", text, Flags{Only: only})
		require.NoError(t, err, only)
		assert.Equal(t, want, names(l), only)
		assert.Equal(t, want == nil, len(l.Problems) == 1, only)
	}
}

func TestTheFlagsThatCountWithAFile(t *testing.T) {
	c := newContext(t)
	write(t, c.Cwd, "sub/server.js", "1", 0o644)
	l, err := load(t, c, "x.json", `{name: 'a', script: 'server.js', namespace: 'n', ignoreWatch: ['x']}`,
		Flags{Namespace: "m", Cwd: "sub", Watch: []string{""}, IgnoreWatch: "tmp log", Instances: "3", Name: "z"})
	require.NoError(t, err)
	s := l.Apps[0]
	assert.Equal(t, "a", s.Name)
	assert.Equal(t, "n", s.Namespace, "the app's own counts")
	assert.Equal(t, filepath.Join(c.Cwd, "sub"), s.Cwd)
	assert.Equal(t, filepath.Join(c.Cwd, "sub/server.js"), s.Script)
	assert.Equal(t, "true", string(s.Watch))
	assert.Equal(t, []string{"tmp", "log"}, s.IgnoreWatch)
	assert.Equal(t, 1, s.Instances)
	require.Len(t, l.Problems, 2)
	assert.Contains(t, l.Problems[0].String(), `the flag for "name" is not used`)
}

func TestShapesOfAFile(t *testing.T) {
	c := newContext(t)
	for text, want := range map[string]int{
		`{apps: [{script: 'server.js'}]}`:                1,
		`{apps: {script: 'server.js'}}`:                  1,
		`{pm2: [{script: 'server.js'}]}`:                 1,
		`{pm2: {apps: [{script: 'server.js'}]}}`:         1,
		`[{script: 'server.js'}, {script: 'server.js'}]`: 2,
		`{script: 'server.js'}`:                          1,
		`{static: []}`:                                   0,
		`[]`:                                             0,
	} {
		l, err := load(t, c, "x.json", text, Flags{})
		require.NoError(t, err, text)
		assert.Len(t, l.Apps, want, text)
	}
	for text, want := range map[string]string{
		`5`:             "No script path - aborting: app 0 of x.json is [object Number], not an object",
		`null`:          "No script path - aborting: app 0 of x.json is [object Null], not an object",
		`{apps: ['a']}`: "No script path - aborting: app 0 of x.json is [object String], not an object",
	} {
		_, err := load(t, c, "x.json", text, Flags{})
		assert.EqualError(t, err, want, text)
	}
	l, err := load(t, c, "x.json", "{}", Flags{})
	require.NoError(t, err)
	assert.EqualError(t, l.Failed[0].Err, "No script path - aborting")
	l, err = load(t, c, "x.json", "{deploy: {}}", Flags{})
	require.NoError(t, err)
	assert.EqualError(t, l.Failed[0].Err, "No script path - aborting")
	assert.NotNil(t, l.Deploy)
	l, err = load(t, c, "package.json", `{"name": "p", "scripts": {}}`, Flags{})
	require.NoError(t, err)
	assert.EqualError(t, l.Failed[0].Err, "No script path - aborting")
	assert.Equal(t, []string{"p"}, l.Names())
	assert.Empty(t, l.Problems, "it is no app whose keys are unknown")
	l, err = load(t, c, "package.json", `{"name": "p", "pm2": {"script": "server.js"}}`, Flags{})
	require.NoError(t, err)
	assert.Len(t, l.Apps, 1)
}

func TestStdin(t *testing.T) {
	c := newContext(t)
	for text, want := range map[string]string{
		`{"apps": [{"name": "j", "script": "server.js"}]}`: "j",
		"apps:\n- name: y\n  script: server.js\n":          "y",
	} {
		c.Stdin = strings.NewReader(text)
		l, err := Load(context.Background(), c, "-", Flags{})
		require.NoError(t, err)
		assert.Equal(t, []string{want}, names(l))
	}
	c.Stdin = strings.NewReader("{\n x")
	_, err := Load(context.Background(), c, "-", Flags{})
	assert.EqualError(t, err, "File - malformated: stdin:2:3: unexpected end of the file")
	c.Stdin = endless{}
	_, err = Load(context.Background(), c, "-", Flags{})
	assert.ErrorContains(t, err, "too large for a config")
	c.Stdin = nil
	_, err = Load(context.Background(), c, "-", Flags{})
	assert.Error(t, err)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, strings.Repeat("[", len(p))), nil }

func TestAHugeFileIsRefusedUnread(t *testing.T) {
	c := newContext(t)
	for _, name := range []string{"x.json", "x.yaml", "x.toml", "x.config.js"} {
		path := write(t, c.Cwd, name, "", 0o644)
		require.NoError(t, os.Truncate(path, 100<<20))
		_, err := Load(context.Background(), c, name, Flags{})
		assert.EqualError(t, err, "read "+path+": 100 MB is too large for a config (8 MB)", name)
	}
	require.NoError(t, os.Mkdir(filepath.Join(c.Cwd, "dir.json"), 0o755))
	_, err := Load(context.Background(), c, "dir.json", Flags{})
	assert.ErrorContains(t, err, "it is a directory")
}

func TestConfigFilesAreToldByTheirNames(t *testing.T) {
	for _, name := range []string{
		"a.json", "a.json5", "x.json.bak", "package.json", "a.yml", "b/a.YAML", "a.config.js", "a.config.cjs", "a.config.mjs",
		"a.config.ts", "a.config.js.old", "a.toml",
	} {
		assert.True(t, IsConfigFile(name), name)
	}
	for _, name := range []string{"app.js", "config.js", "eco.js", "json", "dir.json/app.js", "node x.js --config a.json", "-", "", "a.tomlx"} {
		assert.False(t, IsConfigFile(name), name)
	}
	path := write(t, t.TempDir(), "with blank.json", "{}", 0o644)
	assert.True(t, IsConfigFile(path))
}

func TestErrorsCanBeLookedInto(t *testing.T) {
	_, err := load(t, newContext(t), "x.json", "{", Flags{})
	var at *SyntaxError
	require.True(t, errors.As(err, &at))
	assert.Equal(t, 1, at.Line)
}

func TestWhatRunsStaysWhereItIs(t *testing.T) {
	c := newContext(t)
	old := t.TempDir()
	write(t, old, "job.sh", "#!/bin/sh\n", 0o755)
	write(t, c.Cwd, "here.sh", "#!/bin/sh\n", 0o755)
	write(t, c.Cwd, "e.json", `{"apps": [{"name": "abs", "script": "/bin/sh"}, {"name": "path", "script": "sh"}, {"name": "line", "script": "sh -c true"},
		{"name": "gone", "script": "./job.sh", "out_file": "o.log"}, {"name": "here", "script": "./here.sh"}, {"name": "said", "script": "/bin/sh", "cwd": "."}, {"name": "new", "script": "/bin/sh"}]}`, 0o644)
	c.Runs = func(name string) (string, bool) { return old, name != "new" }
	l, err := Load(t.Context(), c, "e.json", Flags{})
	require.NoError(t, err)
	require.Empty(t, l.Failed)
	for _, s := range l.Apps {
		want := old
		if s.Name == "here" || s.Name == "said" || s.Name == "new" {
			want = c.Cwd
		}
		assert.Equal(t, want, s.Cwd, s.Name)
		if s.Name == "gone" {
			assert.Equal(t, filepath.Join(old, "job.sh"), s.Script)
			assert.Equal(t, filepath.Join(old, "o.log"), s.OutFile)
		}
	}
	old = filepath.Join(old, "removed")
	l, err = Load(t.Context(), c, "e.json", Flags{})
	require.NoError(t, err)
	assert.Equal(t, c.Cwd, l.Apps[0].Cwd, "the directory is not there any more")
	assert.Len(t, l.Failed, 1)
}
