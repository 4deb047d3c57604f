package cli

import (
	"encoding/json"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/app"
)

func TestStopSaysWhatPM2SaysAndShowsTheTable(t *testing.T) {
	d := newFake(t, process(0, "web", 100), process(1, "web", 101))
	o := d.runner().run("stop", "web")
	assert.Zero(t, o.code)
	assert.Contains(t, o.stdout, "[PM2] Applying action stopProcessId on app [web](ids: [ 0, 1 ])\n[PM2] [web](0) ✓\n[PM2] [web](1) ✓\n┌────┬")
	assert.Contains(t, o.stdout, "host metrics | cpu: 1%")
	assert.Empty(t, o.stderr)
	var req api.ActRequest
	require.Len(t, d.asked(api.PathAct), 1)
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(d.asked(api.PathAct)[0], "POST ")), &req))
	assert.Equal(t, app.VerbStop, req.Verb)
	assert.Equal(t, []app.Selector{"web"}, req.Targets)
}

func TestUnknownNameIsAnErrorWithAHintAndWithoutATable(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	o := d.runner().run("stop", "wbe")
	assert.Equal(t, 1, o.code)
	assert.Equal(t, "[PM2][ERROR] Process or Namespace wbe not found\nhint: did you mean web?\n", o.stderr)
	assert.Empty(t, o.stdout)
}

func TestJSONOfAnOperation(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	var got jsonOutcome
	require.NoError(t, json.Unmarshal([]byte(d.runner().good("restart", "web", "--json")), &got))
	assert.True(t, got.OK)
	assert.Equal(t, []jsonResult{{ID: 0, Name: "web"}}, got.Done)
	assert.Len(t, got.Processes, 1)

	o := d.runner().run("restart", "nope", "--json")
	assert.Equal(t, 1, o.code)
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &got))
	assert.False(t, got.OK)
	assert.Equal(t, "not_found", got.Failed[0].Kind)
}

func TestSilenceIsForTalkNotForData(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	assert.Empty(t, d.runner().good("-s", "stop", "web"))
	assert.Empty(t, d.runner().good("-s", "pid", "web"), "PM2 prints it as it talks")
	assert.Contains(t, d.runner().good("-s", "jlist"), `"name":"web"`)
	assert.Empty(t, d.runner().good("stop", "web", "-fs"))
	o := d.runner().run("stop", "nope", "--silent")
	assert.Equal(t, outcome{code: 1}, o)
}

func TestLookingNeedsNoDaemonAndMakesNoHome(t *testing.T) {
	home := tempHome(t)
	r := newRunner(t, home)
	for _, row := range []struct{ args, stdout string }{
		{"jlist", "[]"},
		{"prettylist", "[]"},
		{"list --json", "[]\n"},
		{"pid", "\n"},
		{"pid web", "\n"},
		{"id web", "[]\n"},
		{"kill", "[PM2] [v] All Applications Stopped\n[PM2] [v] PM2 Daemon Stopped\n"},
		{"lock list", "app  state  pid  since  command\n"},
		{"lock clear-stale --json", "{\"removed\":[]}\n"},
		{"--version", "1.2.3\n"},
		{"-v", "1.2.3\n"},
	} {
		assert.Equal(t, row.stdout, r.good(strings.Fields(row.args)...), row.args)
	}
	assert.Contains(t, r.good("list"), "│ id │ name")
	o := r.run("describe", "web")
	assert.Equal(t, outcome{1, "", "[PM2][WARN] web doesn't exist\n"}, o)
	o = r.run("env", "0")
	assert.Equal(t, outcome{1, "", "[PM2][ERROR] Modules with id 0 not found\n"}, o)
	assert.NoDirExists(t, home)
}

func TestLookingAtProcesses(t *testing.T) {
	d := newFake(t, process(0, "web", 100), process(1, "api", 0), process(3, "web", 103))
	r := d.runner()
	assert.Equal(t, "100\n0\n103\n", r.good("pid"))
	assert.Equal(t, "100\n103\n", r.good("pid", "web"))
	assert.Equal(t, "[ 0, 3 ]\n", r.good("id", "web"))
	assert.Equal(t, "[]\n", r.good("id", "nope"))
	assert.Contains(t, r.good("env", "3"), "A: 1\n")
	assert.Equal(t, "{\"A\":\"1\"}\n", r.good("env", "3", "--json"))
	assert.Equal(t, outcome{1, "", "[PM2][ERROR] Modules with id web not found\nhint: its id is 0\n"}, r.run("env", "web"))
	assert.Contains(t, r.good("show", "web"), "Describing process with id 0")
	assert.Contains(t, r.good("show", "web"), "tcp 8080")
	assert.Equal(t, outcome{1, "", "[PM2][WARN] wbe doesn't exist\nhint: did you mean web?\n"}, r.run("describe", "wbe"))
	both := r.run("describe", "web", "wbe") // what is there is told
	assert.Equal(t, 1, both.code)
	assert.Contains(t, both.stdout, "Describing process with id 0")
	assert.Contains(t, both.stderr, "[PM2][WARN] wbe doesn't exist\n")
	assert.NotContains(t, r.good("ls", "api"), "web")
	var list []app.Process
	require.NoError(t, json.Unmarshal([]byte(r.good("ls", "--json")), &list))
	assert.Len(t, list, 3)
	var jlist []map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.good("jlist")), &jlist))
	assert.Equal(t, "web", jlist[0]["name"])
	assert.Contains(t, r.good("ls", "-m"), "+--- web\n")
	sorted := r.good("ls", "--sort", "name:desc")
	assert.Less(t, strings.Index(sorted, "web"), strings.Index(sorted, "api"), sorted)
}

func TestRestartWithFlagsSendsThePatchedSpec(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	o := d.runner().run("restart", "web", "--kill-timeout", "5000", "--", "x", "-y")
	require.Zero(t, o.code, o.stderr)
	assert.Contains(t, o.stdout, "Use --update-env to update environment variables\n[PM2] Applying")
	var req api.ActRequest
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(d.asked(api.PathAct)[0], "POST ")), &req))
	spec := req.Specs[0]
	assert.Equal(t, []string{"x", "-y"}, spec.Args)
	assert.Equal(t, 5*time.Second, spec.KillTimeout.D())
	assert.Equal(t, app.Env{{Name: "A", Value: "1"}}, spec.Env)

	require.Zero(t, d.runner().run("restart", "web").code)
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(d.asked(api.PathAct)[1], "POST ")), &req))
	assert.NotContains(t, d.asked(api.PathAct)[1], "specs", "nothing is to change")

	r := d.runner()
	r.env = []string{"B=2"}
	o = r.run("restart", "web", "--update-env")
	require.Zero(t, o.code, o.stderr)
	assert.NotContains(t, o.stdout, "Use --update-env")
	assert.Contains(t, d.asked(api.PathAct)[2], `"B":"2"`)

	o = d.runner().run("restart", "web", "--kill-timeout", "soon")
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, `[PM2][ERROR]`)
	assert.Len(t, d.asked(api.PathAct), 3, "nothing was asked for")
}

func TestReloadShowsNoTable(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	out := d.runner().good("reload", "web")
	assert.Contains(t, out, "[PM2] Applying action reloadProcessId on app [web](ids: [ 0 ])\n[PM2] [web](0) ✓\n")
	assert.NotContains(t, out, "┌")
}

func TestStartOfAScript(t *testing.T) {
	d := newFake(t)
	r := d.runner()
	script := r.file("app.sh", "#!/bin/sh\n")
	out := r.good("start", "app.sh", "-n", "x", "--", "--port", "1")
	assert.Contains(t, out, "[PM2] Starting "+script+" in fork_mode (1 instance)\n[PM2] Done.\n┌")
	var req api.StartRequest
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(d.asked(api.PathStart)[0], "POST ")), &req))
	assert.Equal(t, "x", req.Specs[0].Name)
	assert.Equal(t, script, req.Specs[0].Script)
	assert.Equal(t, []string{"--port", "1"}, req.Specs[0].Args)
	assert.Equal(t, app.Refuse, req.IfExists)

	r.good("start", "./app.sh", "-f", "-w", "-k", "50")
	written, err := os.ReadFile(filepath.Join(r.cwd, "app-pm2.json"))
	require.NoError(t, err)
	assert.Contains(t, string(written), `"kill_timeout": 50`)
	assert.NotContains(t, string(written), `"env"`)
	assert.Contains(t, d.asked(api.PathStart)[1], `"if_exists":"duplicate"`)
}

func TestStartOfAKnownNameRestartsIt(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	r := d.runner()
	out := r.good("start", "web")
	assert.Contains(t, out, "[PM2] Applying action restartProcessId on app [web](ids: [ 0 ])\n[PM2] [web](0) ✓\n[PM2] Process successfully started\n")
	r.good("start", "0", "--max-memory-restart", "100M")
	assert.Contains(t, d.asked(api.PathAct)[1], `"max_memory_restart":104857600`)
	assert.Empty(t, d.asked(api.PathStart))
}

func TestStartOfAFile(t *testing.T) {
	d := newFake(t, process(0, "a", 100))
	r := d.runner()
	r.file("a.sh", "#!/bin/sh\n")
	file := r.file("eco.json", `{"apps":[{"name":"a","script":"a.sh"},{"name":"b","script":"nope.sh"}]}`)
	o := r.run("start", "eco.json")
	assert.Equal(t, 1, o.code, "one of the two has no script")
	assert.Contains(t, o.stderr, "[PM2][ERROR] Error: Script not found: "+filepath.Join(r.cwd, "nope.sh"))
	assert.Contains(t, o.stdout, "[PM2] App [a] launched (1 instances)")
	var req api.StartRequest
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(d.asked(api.PathStart)[0], "POST ")), &req))
	assert.Equal(t, file, req.File)
	assert.Equal(t, app.Restart, req.IfExists)

	r.stdin = `{"apps":[{"name":"c","script":"a.sh"}]}`
	r.good("start", "-")
	assert.Contains(t, d.asked(api.PathStart)[1], `"name":"c"`)
	r.good("startOrReload", "eco.json", "--only", "a")
	assert.Contains(t, d.asked(api.PathStart)[2], `"if_exists":"reload"`)

	r.good("stop", "eco.json") // b was never there: silently left out
	assert.Contains(t, d.asked(api.PathAct)[0], `"targets":["a"]`)
	r.file("other.json", `{"apps":[{"name":"z","script":"a.sh"}]}`)
	r.good("delete", "other.json")
	assert.Len(t, d.asked(api.PathAct), 1, "there was nothing to delete")
}

func TestStartWithoutATarget(t *testing.T) {
	r := newRunner(t, tempHome(t))
	o := r.run("start")
	assert.Equal(t, 1, o.code)
	assert.Equal(t, "[PM2][ERROR] File ecosystem.config.js not found\nhint: weaver start SCRIPT, or a config file\n", o.stderr)
	assert.NoDirExists(t, r.home, "nothing was started")
}

// What cannot be started is told before a daemon is started for it.
func TestBadInputChangesNothing(t *testing.T) {
	r := newRunner(t, tempHome(t))
	r.file("app.sh", "#!/bin/sh\n")
	require.NoError(t, os.Mkdir(filepath.Join(r.cwd, "dir"), 0o755))
	r.file("bad.json", "{\"apps\": [\n  {,}\n]}")
	r.file("bad.yaml", "apps:\n  - name: x\n   script: y\n")
	for args, want := range map[string]string{
		"start nope.js":                                     "Script not found: " + filepath.Join(r.cwd, "nope.js"),
		"start app.sh -i -x":                                "option `-i' argument missing",
		"start app.sh --max-memory-restart lots":            "max_memory_restart",
		"start app.sh --uid nobodyknowsme":                  "nobodyknowsme",
		"start app.sh --name ../x":                          "../x",
		"start app.sh --port 99999":                         "99999",
		"start app.sh --kill-signal SIGNOPE":                "SIGNOPE",
		"start bad.json":                                    "bad.json:2",
		"start bad.yaml":                                    "bad.yaml:",
		"start nope.json":                                   "File nope.json not found",
		"start app.sh --name " + strings.Repeat("x", 1<<20): "name",
		"restart web --parallel x":                          "--parallel",
		"frobnicate":                                        "",
		"start app.sh --frob":                               "unknown option `--frob'",
		"scale web x":                                       "Nothing to do",
		"cache frob":                                        "unknown argument `frob'",
		"lock frob":                                         "unknown argument `frob'",
		"completion tcsh":                                   "tcsh",
		"logs --since whenever":                             "whenever",
		"logs --grep (":                                     "--grep",
	} {
		o := r.run(strings.Fields(args)...)
		name := args[:min(len(args), 40)]
		assert.Equal(t, 1, o.code, name)
		assert.Contains(t, o.stderr, want, name)
		assert.NotContains(t, o.stderr, "\n\n", name)
	}
	assert.NoDirExists(t, r.home)
}

func TestScaleSendsNumbersAndSteps(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	for word, want := range map[string]string{
		"3": `"n":3}`, "+2": `"n":2,"relative":true}`, "-1": `"n":-1,"relative":true}`,
	} {
		before := len(d.asked(api.PathScale))
		d.runner().good("scale", "web", word)
		assert.Contains(t, d.asked(api.PathScale)[before], want)
	}
}

func TestParallelReachesTheDaemon(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	d.runner().good("restart", "web", "--parallel", "7")
	r := d.runner()
	r.env = []string{"PM2_CONCURRENT_ACTIONS=5"}
	r.good("restart", "web")
	assert.Contains(t, d.asked(api.PathAct)[0], `"parallel":7`)
	assert.Contains(t, d.asked(api.PathAct)[1], `"parallel":5`)
	r.env = []string{"PM2_CONCURRENT_ACTIONS=many"}
	assert.Contains(t, r.run("restart", "web").stderr, "PM2_CONCURRENT_ACTIONS needs a number above 0")
}

func TestSignalAndResetGoToTheDaemon(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	assert.Contains(t, d.runner().good("sendSignal", "SIGUSR2", "web"), "successfully sent signal SIGUSR2 to process name web\n")
	assert.Contains(t, d.runner().good("reset", "all"), "[PM2] Resetting meta for process id 0\n")
}

func TestSaveAndItsFriends(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	r := d.runner()
	dump := d.home + "/dump.pm2"
	assert.Equal(t, "[PM2] Saving current process list...\n[PM2] Successfully saved in "+dump+"\n", r.good("save"))
	assert.Equal(t, "[PM2] Successfully created "+dump+"\n", r.good("cleardump"))
	assert.Contains(t, r.good("resurrect"), "[PM2] Resurrecting\n[PM2] Restoring processes located in "+dump+"\n┌")
	assert.Equal(t, "[PM2] Flushing "+d.home+"/weaver.log\n[PM2] Flushing:\n[PM2] /l/web-out.log\n[PM2] Logs flushed\n", r.good("flush"))
	assert.Equal(t, "Reloading all logs...\nAll logs reloaded\n", r.good("reloadLogs"))
	assert.Contains(t, r.good("cache", "stats"), "status  3")
	assert.Equal(t, "cache cleared\n", r.good("cache", "clear"))

	empty := newFake(t)
	o := empty.runner().run("save")
	assert.Zero(t, o.code)
	assert.Contains(t, o.stdout, "[PM2][WARN] PM2 is not managing any process, skipping save...\n[PM2][WARN] To force saving use: weaver save --force\n")
	assert.Contains(t, empty.runner().good("save", "--force"), "Successfully saved")
}

func TestPing(t *testing.T) {
	d := newFake(t)
	assert.Equal(t, "{ msg: 'pong' }\nPID: 4711\nVersion: 1.2.3\nUptime: 0.0 s\n", d.runner().good("ping"))
	var p api.Ping
	require.NoError(t, json.Unmarshal([]byte(d.runner().good("ping", "--json")), &p))
	assert.Equal(t, 4711, p.PID)
	assert.EqualValues(t, 5, p.UptimeMS)
}

func TestColourIsForTerminalsUnlessSomebodySaysOtherwise(t *testing.T) {
	for _, row := range []struct {
		tty, flag bool
		env       string
		want      bool
	}{
		{false, false, "", false},
		{true, false, "", true},
		{true, true, "", false},
		{true, false, "NO_COLOR=1", false},
		{true, false, "NO_COLOR=", true},
		{true, false, "TERM=dumb", false},
		{true, false, "CLICOLOR=0", false},
		{false, false, "CLICOLOR_FORCE=1", true},
		{false, false, "CLICOLOR_FORCE=0", false},
		{false, false, "FORCE_COLOR=1", true},
		{true, false, "FORCE_COLOR=0", false},
		{false, false, "FORCE_COLOR=1 NO_COLOR=1", false},
		{false, true, "FORCE_COLOR=1", false},
	} {
		env := Env{Environ: strings.Fields(row.env)}
		assert.Equal(t, row.want, wantColor(&env, row.tty, row.flag), "%+v", row)
	}
}

func TestUsageHelpAndUnknownCommands(t *testing.T) {
	r := newRunner(t, tempHome(t))
	o := r.run()
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stdout, "usage: weaver [options] <command>\n")
	o = r.run("restrat", "web")
	assert.Equal(t, 1, o.code)
	assert.True(t, strings.HasPrefix(o.stdout, "[PM2][ERROR] Command not found\n\nusage:"), o.stdout)
	assert.Equal(t, "hint: did you mean restart?\n", o.stderr)
	assert.Equal(t, AllHelp("weaver", commands()), r.good("--help"))
	assert.Equal(t, AllHelp("weaver", commands()), r.good("help"))
	for _, c := range commands() {
		if c.run != nil {
			text := r.good(c.name, "--help")
			assert.Contains(t, text, "Usage: weaver "+c.name)
			assert.Contains(t, text, "--no-color")
		}
		if form := c.asService(); form != nil {
			text := r.good("service", c.name, "--help")
			assert.Contains(t, text, "Usage: weaver service "+c.name)
			assert.Equal(t, text, r.good("help", "service", c.name))
		}
	}
	assert.Contains(t, r.good("logs", "-h"), "-f, --follow")
	assert.NotContains(t, r.good("logs", "-h"), "-f, --force")
	assert.Contains(t, r.good("help", "start"), "-i, --instances N")
	assert.Equal(t, 3, r.run("supervise", "a", "-b", "--").code, "what follows is the supervisor's")
}

func TestPM2Persona(t *testing.T) {
	d := newFake(t)
	var stdout, stderr syncBuffer
	env := Env{
		Stdout: &stdout, Stderr: &stderr, Argv0: "/usr/bin/pm2", Environ: []string{"PM2_HOME=" + d.home, "WEAVER_HOME=/nope"},
		IsTerminal: func(any) (int, bool) { return 0, false },
	}
	assert.Zero(t, Run(t.Context(), env, []string{"save"}))
	assert.Contains(t, stdout.String(), "To force saving use: pm2 save --force")
}

func TestCompletion(t *testing.T) {
	d := newFake(t, process(0, "web", 100), process(1, "worker", 0))
	r := d.runner()
	for shell := range scripts {
		assert.Contains(t, r.good("completion", shell), "weaver complete --")
	}
	for _, row := range []struct{ words, want string }{
		{"sto", "stop\n"},
		{"restart w", "web\nworker\n"},
		{"restart web a", "all\n"},
		{"start --inst", "--instances\n"},
		{"logs --nos", "--nostream\n"},
		{"cache s", "stats\n"},
		{"lock c", "clear-stale\n"},
		{"help rel", "reload\nreloadLogs\n"},
		{"-n x star", "start\nstartOrGracefulReload\nstartOrReload\nstartOrRestart\nstartup\n"},
	} {
		assert.Equal(t, row.want, r.good(append([]string{"complete", "--"}, strings.Split(row.words, " ")...)...), row.words)
	}
	assert.Equal(t, 1, r.run("complete", "--", "start", "app.").code, "that is for the names of files")
}

func TestTheThinFrontEndsTableIsFresh(t *testing.T) {
	have, err := os.ReadFile("hot/table_gen.go")
	require.NoError(t, err)
	want, err := format.Source(HotTable())
	require.NoError(t, err)
	assert.Equal(t, string(want), string(have), "run: go generate ./cli")
}
