package pm2

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func TestChildEnvAddsPM2sVariables(t *testing.T) {
	at := time.UnixMilli(1795489709917)
	p := app.Process{
		ID: 4, Name: "api", Instance: 2, Status: app.Stopped, Started: at, Created: at, UniqueID: "u-1", Restarts: 3, User: "root",
		OutPath: "/l/api-out-4.log", PIDPath: "/p/api-4.pid",
		Spec: &app.Spec{
			Script: "/srv/api.js", Interpreter: "node", Cwd: "/srv", Args: []string{"x"}, IncrementVar: "PORT",
			Env: app.Env{{Name: "PORT", Value: "3002"}, {Name: "name", Value: "mine"}, {Name: "pm_id", Value: "77"}, {Name: "HOME", Value: "/root"}},
		},
	}
	env := ChildEnv(&p)
	for name, want := range map[string]string{
		"pm_id": "4", "NODE_APP_INSTANCE": "2", "PORT": "3002", "unique_id": "u-1", "status": "launching", "exec_mode": "fork_mode",
		"pm_exec_path": "/srv/api.js", "pm_cwd": "/srv", "namespace": "default", "restart_time": "3", "autorestart": "true",
		"pm_uptime": "1795489709917", "created_at": "1795489709917", "instances": "1", "pm_out_log_path": "/l/api-out-4.log",
		"pm_pid_path": "/p/api-4.pid", "kill_retry_time": "100", "username": "root", "watch": "false",
	} {
		got, ok := env.Get(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got, name)
	}
	for _, absent := range []string{"name", "HOME", "env", "args", "node_args", "axm_monitor", "axm_actions", "exit_code", "api", "pm_log_path"} {
		_, ok := env.Get(absent)
		assert.False(t, ok, absent)
	}
	merged := p.Spec.Env.Clone()
	merged.Merge(env)
	name, _ := merged.Get("name")
	assert.Equal(t, "mine", name, "the app's own variables win over settings, as in PM2")
	assert.Equal(t, app.Stopped, p.Status, "the process is only read")
}

func TestVariablesWithNumbersForNamesHideNothing(t *testing.T) {
	p := process("a", 1, app.Online)
	p.Spec.Env = app.Env{{Name: "7", Value: "seven"}, {Name: "3", Value: "three"}, {Name: "A", Value: "a"}}
	env := ChildEnv(&p)
	for name, want := range map[string]bool{"NODE_APP_INSTANCE": true, "status": true, "vizion_running": true, "A": false, "7": false, "3": false} {
		_, ok := env.Get(name)
		assert.Equal(t, want, ok, name)
	}
}

// TestChildEnvIsWhatPM2Hands compares with the record that PM2 makes a child's environment of.
func TestChildEnvIsWhatPM2Hands(t *testing.T) {
	list, elements := recorded(t, "jlist.json")
	for i, e := range elements {
		env, _ := e.object.Get("pm2_env")
		want := map[string]string{}
		for _, m := range env.object.members {
			if s, ok := m.Value.scalar(); ok {
				want[m.Key] = s
			}
		}
		want["status"] = "launching"
		list[i].Gen = 2 // the first one does not know its version
		merged := list[i].Spec.Env.Clone()
		merged.Merge(ChildEnv(&list[i]))
		got := map[string]string{}
		for _, v := range merged {
			got[v.Name] = v.Value
		}
		// From a config file, PM2 leaves these out (or in); the name stands for its module settings.
		for _, key := range []string{"watch", list[i].Name, "io", "prev_restart_delay"} {
			delete(want, key)
			delete(got, key)
		}
		assert.Equal(t, want, got, list[i].Name)
	}
}

func many(n int) []app.Process {
	var env app.Env
	for _, kv := range [][2]string{
		{"HOME", "/home/deploy"},
		{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		{"LANG", "C.UTF-8"},
		{"TERM", "xterm-256color"},
		{"USER", "deploy"},
		{"SHELL", "/bin/bash"},
		{"PWD", "/home/deploy/apps"},
		{"LOGNAME", "deploy"},
		{"PM2_HOME", "/home/deploy/.pm2"},
		{"PM2_USAGE", "CLI"},
		{"NODE_ENV", "production"},
		{"DATABASE_URL", "postgres://db.internal:5432/main?sslmode=require"},
		{"REDIS_URL", "redis://cache.internal:6379"},
		{"PORT", "3000"},
		{"SSH_CONNECTION", "10.0.0.1 50000 10.0.0.2 22"},
		{"XDG_RUNTIME_DIR", "/run/user/1000"},
		{"MAIL", "/var/mail/deploy"},
		{"LS_COLORS", "rs=0:di=01;34:ln=01;36:mh=00:pi=40;33:so=01;35:do=01;35:bd=40;33;01:cd=40;33;01:or=40;31;01"},
		{"_", "/usr/bin/weaver"},
		{"SHLVL", "1"},
	} {
		env = append(env, app.Var{Name: kv[0], Value: kv[1]})
	}
	at := time.Unix(1795489709, 0)
	list := make([]app.Process, n)
	for i := range list {
		name := "service-" + app.ID(i).String()
		list[i] = app.Process{
			ID: app.ID(i), Name: name, Status: app.Online, PID: 10000 + i, Started: at, Created: at, User: "deploy", UniqueID: "9b7af4bf-771d-4cbd-bf97-13187a671227",
			Version: "1.2.3", Usage: app.Usage{CPU: float64(i) / 7, Memory: app.Bytes(50<<20 + i*7919)}, OutPath: "/home/deploy/.pm2/logs/" + name + "-out.log",
			Spec: &app.Spec{Name: name, Script: "/home/deploy/apps/server.js", Cwd: "/home/deploy/apps", Interpreter: "node", Env: env, Instances: 1},
		}
	}
	return list
}

func BenchmarkTable(b *testing.B) {
	for _, n := range []int{100, 500} {
		list := many(n)
		o := TableOptions{Width: 160, Color: true, Unicode: true, Now: time.Unix(1795490000, 0)}
		b.Run(app.ID(n).String(), func(b *testing.B) {
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				out = AppendTable(out[:0], list, o)
			}
			b.SetBytes(int64(len(out)))
		})
	}
}

func BenchmarkJList(b *testing.B) {
	for _, n := range []int{100, 500} {
		list := many(n)
		b.Run(app.ID(n).String(), func(b *testing.B) {
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				out = AppendJList(out[:0], list, EnvOptions{})
			}
			b.SetBytes(int64(len(out)))
		})
	}
}

func BenchmarkReadDump(b *testing.B) {
	data, err := os.ReadFile("../testdata/dumps/dump.pm2")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := ReadDump(data); err != nil {
			b.Fatal(err)
		}
	}
}
