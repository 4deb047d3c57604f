package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestWhatCanBeStarted(t *testing.T) {
	c := newContext(t)
	write(t, c.Cwd, "a.b.js", "", 0o644)
	write(t, c.Cwd, "my app.js", "", 0o644)
	write(t, c.Cwd, "bin/npm", "#!/usr/bin/env node\n", 0o755)
	sh, _ := c.look("bash", c.Cwd)
	for _, tc := range []struct {
		target       string
		more         []string
		name, script string
		interpreter  string
		args         []string
	}{
		{"server.js", []string{"a", "b c"}, "server", c.Cwd + "/server.js", "node", []string{"a", "b c"}},
		{"./a.b.js", nil, "a.b", c.Cwd + "/a.b.js", "node", nil},
		{c.Cwd + "/server.js", nil, "server", c.Cwd + "/server.js", "node", nil},
		{"my app.js", nil, "my app", c.Cwd + "/my app.js", "node", nil},
		{"npm", []string{"start"}, "npm", c.Cwd + "/bin/npm", "node", []string{"start"}},
		{"npm run x", nil, "npm run x", sh, None, []string{"-c", "npm run x"}},
		{"npm run x", []string{"a", "b c"}, "npm run x", sh, None, []string{"-c", "npm run x a 'b c'"}},
		{"node /srv/app/main.js", nil, "main", sh, None, []string{"-c", "node /srv/app/main.js"}},
		{"sleep", []string{"5"}, "sleep", "", None, []string{"5"}},
		{"echo a\nb", nil, "echo a b", sh, None, []string{"-c", "echo a\nb"}},
	} {
		s, problems, err := FromArgs(c, tc.target, Flags{}, tc.more)
		require.NoError(t, err, tc.target)
		assert.Empty(t, problems)
		assert.Equal(t, tc.name, s.Name, tc.target)
		if tc.script != "" {
			assert.Equal(t, tc.script, s.Script, tc.target)
		}
		assert.Equal(t, tc.interpreter, filepath.Base(s.Interpreter), tc.target)
		assert.Equal(t, tc.args, s.Args, tc.target)
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	c := newContext(t)
	require.NoError(t, os.Mkdir(filepath.Join(c.Cwd, "dir"), 0o755))
	write(t, c.Cwd, "bin.elf", "\x7fELF\x00", 0o644)
	for target, want := range map[string]string{
		"missing.js":              "Script not found: " + c.Cwd + "/missing.js",
		"./missing":               "Script not found: " + c.Cwd + "/missing",
		"dir":                     "Script is a directory: " + c.Cwd + "/dir",
		"bin.elf":                 c.Cwd + "/bin.elf is not executable",
		"server.js/x":             "Script not found: " + c.Cwd + "/server.js/x: not a directory",
		"":                        "No script path - aborting",
		"a\x00b":                  `"script" holds a NUL byte`,
		strings.Repeat("n", 5000): "",
	} {
		_, _, err := FromArgs(c, target, Flags{}, nil)
		require.Error(t, err, clip(target))
		if want != "" {
			assert.EqualError(t, err, want)
		}
		assert.Less(t, len(err.Error()), 300)
	}
}

func TestFlagsBecomeASpec(t *testing.T) {
	c := newContext(t)
	str, no := func(s string) *string { return &s }, false
	s, problems, err := FromArgs(c, "server.js", Flags{
		Name: "web", Namespace: "front", Instances: "max", NodeArgs: str(`--a "b c"`), Output: "o.log", Log: str(""), FilterEnv: []string{"HO"},
		Time: true, MergeLogs: true, KillTimeout: "5s", Listen: "100", RestartDelay: "7", MaxMemory: "1G", MaxRestarts: str("0"),
		StopCodes: []string{"0,2", "3"}, Cron: "* * * * *", WaitReady: true, Watch: []string{"src", "lib"}, IgnoreWatch: "a b", WatchDelay: "4",
		AutoRestart: &no, Umask: "077", Nice: "-5", MinUptime: "2000", KillSignal: "TERM", LimitNoFile: "1024", LimitCore: "unlimited",
		OOMScoreAdj: "10", Port: "8080", MaxLogSize: "1m", MaxLogFiles: "3", PMX: &no, DeepMonitoring: true,
	}, nil)
	require.NoError(t, err)
	require.Empty(t, problems)
	assert.Equal(t, "web", s.Name)
	assert.Equal(t, "front", s.Namespace)
	assert.Equal(t, 4, s.Instances)
	assert.Equal(t, app.Cluster, s.Mode)
	assert.Equal(t, []string{"--a", "b c"}, s.InterpreterArgs)
	assert.Equal(t, c.Cwd+"/o.log", s.OutFile)
	assert.Equal(t, "/wh/logs/web.log", s.LogFile)
	_, hasHome := s.Env.Get("HOME")
	assert.False(t, hasHome)
	assert.True(t, s.MergeLogs)
	assert.EqualValues(t, 5000, s.KillTimeout.Milliseconds())
	assert.EqualValues(t, 100, s.ListenTimeout.Milliseconds())
	assert.EqualValues(t, 7, s.RestartDelay.Milliseconds())
	assert.Equal(t, app.Bytes(1<<30), s.MaxMemoryRestart)
	assert.Equal(t, 0, *s.MaxRestarts)
	assert.Equal(t, []int{0, 2, 3}, s.StopExitCodes)
	assert.Equal(t, "* * * * *", s.CronRestart)
	assert.Equal(t, `["src","lib"]`, string(s.Watch))
	assert.Equal(t, []string{"a", "b"}, s.IgnoreWatch)
	assert.EqualValues(t, 4000, s.WatchDelay.Milliseconds()) // the flag counts in seconds
	assert.False(t, app.IsTrue(s.AutoRestart))
	assert.Equal(t, 0o77, *s.Umask)
	assert.Equal(t, -5, *s.Nice)
	assert.Equal(t, "SIGTERM", s.KillSignal)
	assert.Equal(t, uint64(1024), *s.Limits.NoFile)
	assert.Equal(t, 10, *s.Limits.OOMScoreAdj)
	port, _ := s.Env.Get("PORT")
	assert.Equal(t, "8080", port)
	assert.Equal(t, app.Bytes(1<<20), s.MaxLogSize)
	assert.Equal(t, 3, s.MaxLogFiles)
	assert.Equal(t, "true", string(s.Extra["deep_monitoring"]))
}

func TestFlagsAreCheckedAllAtOnce(t *testing.T) {
	_, _, err := FromArgs(newContext(t), "server.js", Flags{KillTimeout: "abc", MaxMemory: "1.5G", Name: "a/../b", KillSignal: "SIGFOO", Port: "99999"}, nil)
	var invalid *Invalid
	require.ErrorAs(t, err, &invalid)
	assert.Len(t, invalid.Problems, 5)
	assert.Contains(t, err.Error(), `Expect "kill_timeout" to be a typeof [object Number], but now is [object String]`)
}

func TestExtWatchesSomeEndings(t *testing.T) {
	c := newContext(t)
	write(t, c.Cwd, "a.txt", "", 0o644)
	write(t, c.Cwd, "node_modules/x/y.txt", "", 0o644)
	write(t, c.Cwd, ".git/z.js", "", 0o644)
	s, _, err := FromArgs(c, "server.js", Flags{Ext: "js,json", IgnoreWatch: "tmp"}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"tmp", c.Cwd + "/.git", c.Cwd + "/a.txt", c.Cwd + "/bin/node", c.Cwd + "/node_modules"}, s.IgnoreWatch)
}

func patched(t *testing.T, s app.Spec, f Flags, args []string, c Context) app.Spec {
	t.Helper()
	s, err := Patch(s, f, args, c)
	require.NoError(t, err)
	return s
}

func TestPatchChangesWhatWasGiven(t *testing.T) {
	c := newContext(t)
	s, _, err := FromArgs(c, "server.js", Flags{Name: "web", Instances: "2", KillTimeout: "5000", Cron: "* * * * *", FilterEnv: []string{"SEC"}}, []string{"old"})
	require.NoError(t, err)
	before := s.Clone()
	assert.Equal(t, s, patched(t, s, Flags{}, nil, c), "nothing was given")

	later := c
	later.Env = append(c.Env.Clone(), app.Var{Name: "NEW", Value: "1"}, app.Var{Name: "SECOND", Value: "x"}, app.Var{Name: "USER", Value: "other"})
	later.Env.Set("USER", "other")
	p := patched(t, s, Flags{Name: "renamed", KillTimeout: "10", Cron: "0", UpdateEnv: true, MaxMemory: "1M", Time: true, Instances: "7"}, []string{"new"}, later)
	assert.Equal(t, "renamed", p.Name)
	assert.EqualValues(t, 10, p.KillTimeout.Milliseconds())
	assert.Empty(t, p.CronRestart)
	assert.Equal(t, []string{"new"}, p.Args)
	assert.Equal(t, app.Bytes(1<<20), p.MaxMemoryRestart)
	assert.Equal(t, "YYYY-MM-DDTHH:mm:ss", p.LogDateFormat)
	assert.Equal(t, 2, p.Instances)
	assert.Equal(t, s.OutFile, p.OutFile)
	assert.Equal(t, self(t), p.Username)
	v, _ := p.Env.Get("NEW")
	assert.Equal(t, "1", v)
	v, _ = p.Env.Get("USER")
	assert.Equal(t, "other", v)
	_, ok := p.Env.Get("SECOND")
	assert.False(t, ok, "the filter of the start still counts")
	assert.Equal(t, before, s, "what was passed in stays as it was")

	_, ok = patched(t, s, Flags{}, nil, later).Env.Get("NEW")
	assert.False(t, ok, "without --update-env the environment stays")
}

func TestPatchTogglesWatch(t *testing.T) {
	c := newContext(t)
	s, _, err := FromArgs(c, "server.js", Flags{}, nil)
	require.NoError(t, err)
	s = patched(t, s, Flags{Watch: []string{""}}, nil, c)
	assert.Equal(t, "true", string(s.Watch))
	s = patched(t, s, Flags{Watch: []string{""}}, nil, c)
	assert.Equal(t, "false", string(s.Watch))
	s = patched(t, s, Flags{Watch: []string{"src"}}, nil, c)
	assert.Equal(t, `["src"]`, string(s.Watch))
	s = patched(t, s, Flags{Watch: []string{""}}, nil, c)
	assert.Equal(t, "false", string(s.Watch))
}

func TestPatchUnsetsAndMoves(t *testing.T) {
	c := newContext(t)
	sub := filepath.Join(c.Cwd, "sub")
	require.NoError(t, os.Mkdir(sub, 0o755))
	s, _, err := FromArgs(c, "server.js", Flags{MaxMemory: "1M", Namespace: "n", Trace: true}, nil)
	require.NoError(t, err)
	p := patched(t, s, Flags{MaxMemory: "null", Namespace: "null", Cwd: "sub", Output: "x.log", Interpreter: "sh", V8: true}, nil, c)
	assert.Zero(t, p.MaxMemoryRestart)
	assert.Empty(t, p.Namespace)
	assert.Equal(t, sub, p.Cwd)
	assert.Equal(t, c.Cwd+"/x.log", p.OutFile)
	assert.Equal(t, s.ErrorFile, p.ErrorFile)
	assert.Equal(t, "sh", filepath.Base(p.Interpreter))
	assert.Len(t, p.Extra, 3, "and cwd, as it was written")
	assert.Len(t, s.Extra, 1)
	c.Strict = true
	p = patched(t, s, Flags{Cwd: "sub", Output: "x.log"}, nil, c)
	assert.Equal(t, s.Cwd, p.Cwd)
	assert.Equal(t, s.OutFile, p.OutFile)
}

func TestPatchKnowsTheSectionsOfItsFile(t *testing.T) {
	c := newContext(t)
	s := one(t, c, `{script: 'server.js', env: {A: 1}, env_p: {A: 2}}`)
	v, _ := patched(t, s, Flags{Env: "p"}, nil, c).Env.Get("A")
	assert.Equal(t, "2", v)
	_, err := Patch(s, Flags{Env: "q"}, nil, c)
	assert.EqualError(t, err, "Using --env [env] without passing the ecosystem.config.js does not work")
	_, err = Patch(s, Flags{KillTimeout: "x"}, nil, c)
	var invalid *Invalid
	assert.ErrorAs(t, err, &invalid)
	_, err = Patch(s, Flags{Interpreter: "cobol"}, nil, c)
	assert.ErrorContains(t, err, "NOT AVAILABLE")
}

func TestScopedPackagesMayNameApps(t *testing.T) {
	for _, name := range []string{"@scope/app", "team/web/api"} {
		s, _, err := FromArgs(newContext(t), "server.js", Flags{Name: name}, nil)
		require.NoError(t, err, name)
		assert.Equal(t, name, s.Name)
		assert.NotContains(t, filepath.Base(s.OutFile), "/")
		assert.Equal(t, "logs", filepath.Base(filepath.Dir(s.OutFile)), "its files are where all are")
	}
}
