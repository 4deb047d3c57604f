package pm2

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

const conf = `{"name":"web","namespace":"default","script":"app.js","pm_exec_path":"/srv/app.js","pm_cwd":"/srv","exec_interpreter":"node","exec_mode":"fork_mode",
	"args":["-x","1"],"node_args":[],"env":{"A":"1","PM2_USAGE":"CLI","web":{}},"pm_out_log_path":"/l/web-out.log","pm_err_log_path":"/l/web-error.log",
	"pm_pid_path":"/p/web.pid","autorestart":true,"treekill":true,"vizion":true,"pmx":true,"kill_retry_time":100,"username":"root"`

func TestPreparedIsWhatAClientAsksFor(t *testing.T) {
	p, err := Prepare(json.RawMessage(conf+`,"merge_logs":true}`), 4)
	require.NoError(t, err)
	assert.Equal(t, 1, p.Instances)
	assert.False(t, p.Stopped)
	s := p.Spec
	assert.Equal(t, "web", s.Name)
	assert.Equal(t, "/srv/app.js", s.Script)
	assert.Equal(t, []string{"-x", "1"}, s.Args)
	assert.Equal(t, app.Env{{Name: "A", Value: "1"}, {Name: "PM2_USAGE", Value: "CLI"}}, s.Env)
	assert.Equal(t, "/l/web-out.log", s.OutFile)
	assert.True(t, s.MergeLogs)
	for given, want := range map[string]int{"0": 4, "-1": 3, "-9": 1, "3": 3, `"max"`: 4, `"2"`: 2, "null": 1, "1e9": 10000} {
		p, err := Prepare(json.RawMessage(conf+`,"instances":`+given+`}`), 4)
		require.NoError(t, err)
		assert.Equal(t, want, p.Instances, given)
		assert.Equal(t, want, p.Spec.Instances, given)
	}
	p, err = Prepare(json.RawMessage(conf+`,"status":"stopped"}`), 4) // of a dump
	require.NoError(t, err)
	assert.True(t, p.Stopped)
	p, err = Prepare(json.RawMessage(conf+`,"status":"stopped","instances":1}`), 4)
	require.NoError(t, err)
	assert.False(t, p.Stopped, "who asks for instances wants them to run")
	for _, bad := range []string{"null", "[]", "{", `{"name":"x"}`, `{"pm_exec_path":"/x"}`, `{"pm_exec_path":"/x","name":"a"}`, conf + `,"pmx_module":true}`} {
		_, err := Prepare(json.RawMessage(bad), 4)
		assert.Error(t, err, bad)
	}
}

func TestChangedTakesWhatARestartSends(t *testing.T) {
	prep, err := Prepare(json.RawMessage(conf+`,"instances":2,"max_memory_restart":1048576,"kill_timeout":3000}`), 4)
	require.NoError(t, err)
	nice := 5
	prep.Spec.Nice, prep.Spec.Version = &nice, "1.2.3"
	p := app.Process{ID: 3, Name: "web", Spec: &prep.Spec, UniqueID: "u", OutPath: "/l/web-out-3.log", Status: app.Online}

	same, err := Changed(&p, json.RawMessage(`{"current_conf":{}}`))
	require.NoError(t, err)
	assert.Equal(t, prep.Spec, same, "nothing sent, nothing changed")

	got, err := Changed(&p, json.RawMessage(`{"A":"2","B":"new","web":{},"current_conf":{"max_memory_restart":"null","args":["y"],"env":{"C":"c"},"watch":true,"cron_restart":null}}`))
	require.NoError(t, err)
	want := prep.Spec.Clone()
	want.Env = app.Env{{Name: "A", Value: "2"}, {Name: "PM2_USAGE", Value: "CLI"}, {Name: "B", Value: "new"}, {Name: "C", Value: "c"}}
	want.Args, want.MaxMemoryRestart, want.Watch = []string{"y"}, 0, json.RawMessage("true")
	assert.Equal(t, want, got)
	assert.Equal(t, app.Bytes(1<<20), prep.Spec.MaxMemoryRestart, "the old one is as it was")
	for _, bad := range []string{"null", "3", "["} {
		_, err := Changed(&p, json.RawMessage(bad))
		assert.Error(t, err, bad)
	}
}

func FuzzAsked(f *testing.F) {
	f.Add(conf+"}", `{"current_conf":{"name":"x"}}`)
	f.Add(conf+`,"instances":-3}`, `{"A":"2"}`)
	f.Fuzz(func(t *testing.T, conf, change string) {
		p, err := Prepare(json.RawMessage(conf), 2)
		if err != nil {
			return
		}
		require.Positive(t, p.Instances)
		_, _ = Changed(&app.Process{Name: p.Spec.Name, Spec: &p.Spec}, json.RawMessage(change))
	})
}
