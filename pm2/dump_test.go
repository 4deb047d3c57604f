package pm2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestSpecOfPM2sDump(t *testing.T) {
	recs, err := ReadDump(fixture(t, "dump.pm2"))
	require.NoError(t, err)
	byName := map[string][]Record{}
	for _, r := range recs {
		byName[r.Name] = append(byName[r.Name], r)
	}
	web := byName["web"]
	require.Len(t, web, 2)
	s := web[1].Spec
	assert.Equal(t, "/tmp/pmo/apps/web.js", s.Script)
	assert.Equal(t, []string{"-p", "8 0", "it's"}, s.Args)
	assert.Equal(t, []string{"--no-warnings"}, s.InterpreterArgs)
	assert.Equal(t, app.Cluster, s.Mode)
	assert.Equal(t, 1, s.Instances, "each element of a dump is one process")
	assert.Equal(t, "/tmp/pmo/home/logs/web-out.log", s.OutFile)
	assert.Equal(t, "/tmp/pmo/logs/web.log", s.LogFile)
	assert.Equal(t, "/tmp/pmo/home/pids/web.pid", s.PIDFile)
	assert.Equal(t, app.Bytes(150<<20), s.MaxMemoryRestart)
	assert.Equal(t, 5*time.Second, s.MinUptime.D())
	assert.Equal(t, 5*time.Second, s.KillTimeout.D())
	assert.Equal(t, 5, *s.MaxRestarts)
	assert.Equal(t, []int{0, 7}, s.StopExitCodes)
	assert.Equal(t, "0 3 * * *", s.CronRestart)
	assert.JSONEq(t, `{"FOO":"stg"}`, string(s.EnvProfiles["env_staging"]))
	assert.Equal(t, 1, web[1].Instance)
	assert.Equal(t, app.Online, web[1].Status)
	foo, _ := s.Env.Get("FOO")
	assert.Equal(t, "bar", foo)
	for _, v := range s.Env {
		assert.False(t, internal(v.Name) || v.Name == "web" || v.Name == "NODE_APP_INSTANCE", v.Name)
	}

	off := byName["off"][0]
	assert.Equal(t, app.Stopped, off.Status)
	assert.False(t, *off.Spec.AutoStart)
	assert.Nil(t, off.Spec.AutoRestart)
	assert.Equal(t, app.JSON, off.Spec.LogType)
	assert.Equal(t, 8080, *off.Spec.Port)
	port, _ := off.Spec.Env.Get("PORT")
	assert.Equal(t, "8080", port)

	stopme := byName["stopme"][0].Spec
	assert.Equal(t, []int{2}, stopme.StopExitCodes)
	assert.Equal(t, "INST", stopme.InstanceVar)
	assert.False(t, *stopme.TreeKill)
	assert.Equal(t, []string{"XDG"}, stopme.FilterEnv)
	assert.JSONEq(t, `["echo hi"]`, string(stopme.Extra["post_update"]))

	fail := byName["fail"][0]
	assert.Equal(t, app.Errored, fail.Status)
	assert.True(t, fail.Created.IsZero())
	assert.Equal(t, 3, *fail.ExitCode)
	shell := byName["shell-worker-with-a-rather-long-name-that-goes-over-forty-characters"][0].Spec
	assert.Equal(t, "bash", shell.Interpreter)
	assert.Equal(t, "65534", shell.User)
	assert.JSONEq(t, "true", string(shell.Watch))
	assert.Equal(t, []string{"x", "y"}, shell.IgnoreWatch)
}

func TestDumpsSurviveTheRoundTrip(t *testing.T) {
	recs, err := ReadDump(fixture(t, "dump.pm2"))
	require.NoError(t, err)
	var list []app.Process
	for i, r := range recs {
		p := toProcess(r)
		p.ID = app.ID(i)
		list = append(list, p)
	}
	data, err := WriteDump(list, EnvOptions{})
	require.NoError(t, err)
	again, err := ReadDump(data)
	require.NoError(t, err)
	require.Len(t, again, len(recs))
	for i := range recs {
		assert.Equal(t, recs[i], again[i])
	}
	for _, key := range []string{`"instances":`, `"pm_id":`, `"prev_restart_delay":`, `"weaver":`} {
		assert.NotContains(t, string(data), key)
	}
	assert.True(t, strings.HasPrefix(string(data), "[\n  {\n    \"name\": "), "two blanks, as PM2 writes them")
	var indented any
	require.NoError(t, json.Unmarshal(data, &indented))
}

func TestIndentationIsJSONStringifys(t *testing.T) {
	v, err := Parse(fixture(t, "dump.pm2"))
	require.NoError(t, err)
	assert.Equal(t, string(fixture(t, "dump.pm2")), string(v.appendIndented(nil, 0)))
}

func TestWeaversOwnSettingsSurviveADump(t *testing.T) {
	umask, limit := 0o27, uint64(4096)
	me, err := user.Current()
	require.NoError(t, err)
	p := process("w", 0, app.Stopped)
	*p.Spec = app.Spec{
		Name: "w", Script: "/bin/w", User: me.Username, Umask: &umask, Limits: &app.Limits{NoFile: &limit}, KillSignal: "SIGTERM",
		MaxLogSize: 10 << 20, MaxLogFiles: 3, MaxLogAge: app.Duration(time.Hour), CompressLog: true,
	}
	data, err := WriteDump([]app.Process{p}, EnvOptions{})
	require.NoError(t, err)
	if runtime.GOOS == "linux" {
		assert.Contains(t, string(data), `"uid": `+me.Uid+",", "PM2 takes numbers only")
	}
	recs, err := ReadDump(data)
	require.NoError(t, err)
	s := recs[0].Spec
	assert.Equal(t, []any{me.Username, umask, limit, "SIGTERM", app.Bytes(10 << 20), 3, app.Duration(time.Hour), true},
		[]any{s.User, *s.Umask, *s.Limits.NoFile, s.KillSignal, s.MaxLogSize, s.MaxLogFiles, s.MaxLogAge, s.CompressLog})

	p.Spec.User = "no-such-user-anywhere"
	_, err = WriteDump([]app.Process{p}, EnvOptions{})
	assert.ErrorContains(t, err, "write dump: w: ")
}

// Every setting survives a dump; whoever adds one to Spec says here where it is kept, or why not.
func TestEverySettingSurvivesADump(t *testing.T) {
	// Shown in lists, decided anew by each start, or kept elsewhere in the record.
	notKept := map[string]bool{
		"Name": true, "Script": true, "Mode": true, "Instances": true, "InstancesGiven": true, "InstancesUnknown": true, "Env": true, "Interpreter": true,
		"OutFile": true, "ErrorFile": true, "LogFile": true, "PIDFile": true, "Module": true, "Username": true, "User": true, "Group": true,
		"LogType": true, "EnvProfiles": true, "Extra": true, "Watch": true, "WatchOptions": true, "FilterEnv": true, "Version": true,
		"MergeLogs": true, // the other tests are about these
	}
	full := reflect.ValueOf(&app.Spec{}).Elem()
	for i := range full.NumField() {
		if !notKept[full.Type().Field(i).Name] {
			fill(full.Field(i))
		}
	}
	spec := full.Addr().Interface().(*app.Spec)
	spec.Name, spec.Script, spec.Mode, spec.Instances = "w", "/bin/w", app.Fork, 1
	p := process("w", 0, app.Stopped)
	p.Spec = spec
	data, err := WriteDump([]app.Process{p}, EnvOptions{})
	require.NoError(t, err)
	recs, err := ReadDump(data)
	require.NoError(t, err)
	got := reflect.ValueOf(recs[0].Spec)
	for i := range full.NumField() {
		if name := full.Type().Field(i).Name; !notKept[name] {
			assert.Equal(t, full.Field(i).Interface(), got.Field(i).Interface(), name)
		}
	}
}

// fill gives a setting a value that is not its zero value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if v.Type().Elem().Kind() != reflect.Bool { // true is what they are without a word
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"name": "text"}))
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Int64: // sizes and times, in whole milliseconds
		v.SetInt(int64(7 * time.Millisecond))
	case reflect.Int:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	}
}

func TestDumpsWrittenByHand(t *testing.T) {
	recs, err := ReadDump([]byte("\uFEFF" + `// mine
	[{ name: 'a', pm_exec_path: "/a.js", args: "x y", max_memory_restart: '150M', min_uptime: "5s", autorestart: "false",
	   kill_timeout: 0x10, env: {A: 1, B: true, C: null, D: {x: [1]}}, STALE: "kept", /* gone */ stop_exit_codes: 3, max_restarts: 0, },
	 {pm_exec_path: '/module', pmx_module: true},
	 {pm2_env: {name: "b", name: "c", pm_exec_path: "/b", pm_id: 4, merge_logs: true, pm_out_log_path: "/l/c-2024.log",
	   NODE_APP_INSTANCE: 2, increment_var: "PORT", env: {PORT: 3002}}, pid: 3},]`))
	require.NoError(t, err)
	require.Len(t, recs, 2)
	s := recs[0].Spec
	assert.Equal(t, []string{"x", "y"}, s.Args)
	assert.Equal(t, app.Bytes(150<<20), s.MaxMemoryRestart)
	assert.Equal(t, 5*time.Second, s.MinUptime.D())
	assert.Equal(t, 16*time.Millisecond, s.KillTimeout.D())
	assert.False(t, *s.AutoRestart)
	assert.Equal(t, 0, *s.MaxRestarts)
	assert.Equal(t, []int{3}, s.StopExitCodes)
	assert.Equal(t, app.Env{{Name: "A", Value: "1", Bare: true}, {Name: "B", Value: "true", Bare: true}, {Name: "D", Value: `{"x":[1]}`}, {Name: "STALE", Value: "kept"}}, s.Env)
	assert.Equal(t, app.ID(4), recs[1].ID)
	assert.Equal(t, "c", recs[1].Name, "the last of equal keys counts")
	assert.Equal(t, "/l/c-2024.log", recs[1].Spec.OutFile, "merged logs have no number of ours")
	port, _ := recs[1].Spec.Env.Get("PORT")
	assert.Equal(t, "3002", port, "what this instance had, from which others count on")
}

func TestBrokenDumpsNameTheByte(t *testing.T) {
	good := fixture(t, "dump.pm2")
	for _, cut := range []int{1, 2, 100, 5000, len(good) - 1} {
		_, err := ReadDump(good[:cut])
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
		assert.Equal(t, cut, syntax.Offset)
	}
	for text, want := range map[string]string{
		"":                            "read dump: at byte 0: the text ends early",
		`[{"name":"a" "b"}]`:          "read dump: at byte 13: want a comma or }",
		"[1,2] x":                     "read dump: at byte 6: more after the end of the value",
		"{}":                          "read dump: it is not an array of processes",
		"[3]":                         "read dump: element 0 is not an object",
		`[{"name":"a"}]`:              `read dump: element 0: record of "a" has no pm_exec_path`,
		`[require("fs")]`:             "read dump: at byte 1: want a value",
		strings.Repeat("[", 2000):     "read dump: at byte 1001: nested too deeply",
		`[{"pm_exec_path":"\uZZZZ"}]`: "read dump: at byte 20: want four hexadecimal digits",
		`[{"name":"a","weaver":{"umask":"x"},"pm_exec_path":"/a"}]`: `read dump: element 0: record of a: settings under "weaver": json: cannot unmarshal string into Go struct field own.umask of type int`,
	} {
		_, err := ReadDump([]byte(text))
		assert.EqualError(t, err, want, text)
	}
}

// TestPM2ResurrectsOurDump needs a PM2 to ask: WEAVER_TEST_PM2 is the path of its executable.
func TestPM2ResurrectsOurDump(t *testing.T) {
	bin := os.Getenv("WEAVER_TEST_PM2")
	if bin == "" {
		t.Skip("WEAVER_TEST_PM2 names no PM2 to resurrect our dump")
	}
	home := t.TempDir()
	pm2 := func(args ...string) (string, error) {
		// Not the test's context: that one is over when the daemon is to be ended.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, bin, args...)
		cmd.Env = append(os.Environ(), "PM2_HOME="+home, "PM2_DISCRETE_MODE=1")
		out, err := cmd.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return string(out), err
	}
	script := filepath.Join(home, "tick.sh")
	require.NoError(t, os.WriteFile(script, []byte("while :; do sleep 1; done\n"), 0o644))
	max := 7
	spec := app.Spec{
		Name: "tick", Script: script, Cwd: home, Interpreter: "bash", Args: []string{"a b", "ü"}, Umask: &max, MaxRestarts: &max,
		OutFile: filepath.Join(home, "tick.log"), ErrorFile: filepath.Join(home, "tick-e.log"), PIDFile: filepath.Join(home, "tick.pid"),
		Env: app.Env{{Name: "PATH", Value: os.Getenv("PATH")}, {Name: "WORD", Value: "it's \"x\"\n"}}, InstancesGiven: true,
	}
	list := []app.Process{
		{ID: 5, Name: "tick", Status: app.Online, Spec: &spec, Started: time.Now(), Created: time.Now(), UniqueID: "u"},
		{ID: 6, Name: "tick", Instance: 1, Status: app.Online, Spec: &spec, Started: time.Now(), Created: time.Now(), UniqueID: "u"},
		{ID: 7, Name: "tick", Instance: 2, Status: app.Stopped, Spec: &spec, Created: time.Now(), UniqueID: "u"},
	}
	data, err := WriteDump(list, EnvOptions{Home: home})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, "dump.pm2"), data, 0o600))
	t.Cleanup(func() {
		_, err := pm2("kill")
		assert.NoError(t, err, "the daemon of this test still runs")
	})
	out, err := pm2("resurrect")
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(out, "restored"), out)
	out, err = pm2("jlist")
	require.NoError(t, err)
	v, err := Parse([]byte(out[strings.IndexByte(out, '['):]))
	require.NoError(t, err)
	got, _ := v.List()
	require.Len(t, got, 3)
	statuses := map[app.Status]int{}
	for _, e := range got {
		p := fromElement(t, e.object)
		statuses[p.Status]++
		assert.Equal(t, spec.Args, p.Spec.Args)
		assert.Equal(t, 7, *p.Spec.MaxRestarts)
		assert.Equal(t, 7, *p.Spec.Umask, "PM2 carries what it does not know")
		word, _ := p.Spec.Env.Get("WORD")
		assert.Equal(t, "it's \"x\"\n", word)
		assert.Equal(t, spec.OutFile, p.Spec.OutFile)
		if p.Status == app.Online { // PM2 gives what it does not start no files of its own
			assert.Equal(t, app.WithID(spec.OutFile, p.ID), p.OutPath)
		}
	}
	assert.Equal(t, map[app.Status]int{app.Online: 2, app.Stopped: 1}, statuses)
}

func FuzzReadDump(f *testing.F) {
	v, err := Parse(fixture(f, "dump.pm2"))
	require.NoError(f, err)
	f.Add(Array(v.list[len(v.list)-1]).AppendJSON(nil))
	f.Add([]byte(`[{name:'a',pm_exec_path:"/a",env:{1:2,"b":null},watch:["x"],kill_timeout:1e300,weaver:{umask:7}}]`))
	f.Add([]byte("[[[{\"a\":\"\\ud83d\\ude00\\u12\"}]]]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := Parse(data); err == nil {
			_ = Inspect(v)
			// What was read is written as JSON that others read.
			if out := v.AppendJSON(nil); !json.Valid(out) {
				t.Fatalf("not JSON: %q", out)
			}
		}
		recs, err := ReadDump(data)
		if err != nil {
			return
		}
		var list []app.Process
		for _, r := range recs {
			list = append(list, toProcess(r))
		}
		if out := AppendJList(nil, list, EnvOptions{}); !json.Valid(out) {
			t.Fatalf("not JSON: %q", out)
		}
		_ = AppendTable(nil, list, TableOptions{Width: 80})
		for i := range list {
			_ = ChildEnv(&list[i])
			_ = AppendEnvList(nil, &list[i])
			_ = AppendDescribe(nil, &list[i], DescribeOptions{Width: 40})
		}
	})
}

func FuzzInspect(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,3,4,5,6,7,"x"],"it's":{"b":"c\n"},"n":-0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err != nil {
			v = Array(String(string(data)), String(strings.Repeat(string(data), 3)))
		}
		if out := Inspect(v); out == "" {
			t.Fatal("nothing")
		}
	})
}
