package port

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func ptr[T any](v T) *T { return &v }

// shop is a small system that has a bit of everything.
func shop() []Item {
	api := app.Spec{
		Name: "shop/API", Script: "/srv/shop/server.js", Interpreter: "/usr/bin/node", InterpreterArgs: []string{"--enable-source-maps"},
		Args: []string{"--title", `The "100%" $HOME ${shop}`, "a;b", ""}, Cwd: "/srv/shop", Port: ptr(3000), User: "1000", Group: "1000",
		Env: app.Env{
			{Name: "PATH", Value: "/usr/bin:/bin"},
			{Name: "NODE_ENV", Value: "production"},
			{Name: "GREETING", Value: "it's \"me\" $1 50% #\nbye"},
			{Name: "DB_PASSWORD", Value: "hunter2"},
			{Name: "REF", Value: "secret://file/etc/ref"},
			{Name: "PORT", Value: "3000"},
		},
		MaxMemory: 512 << 20, MaxCPU: 150, MaxPIDs: 100, IOWeight: 50, Nice: ptr(5), Umask: ptr(0o27), KillTimeout: ptr(app.Duration(8500e6)),
		StopExitCodes: []int{0, 78}, RestartDelay: app.Duration(2e9), MaxRestarts: ptr(5),
		Limits:    &app.Limits{NoFile: ptr(uint64(65536)), Core: ptr(^uint64(0)), OOMScoreAdj: ptr(-500)},
		OutFile:   "/home/me/.weaver/logs/api-out.log",
		ErrorFile: "/var/log/shop/api.log",
		Health: &app.Health{
			Readiness: &app.Probe{Kind: app.ProbeTCP, Port: 3000, Delay: app.Duration(1e9)},
			Liveness:  &app.Probe{Kind: app.ProbeHTTP, URL: "http://127.0.0.1:3000/health?deep=1", Interval: app.Duration(15e9), Failures: 5},
		},
		DependsOn: []app.Dependency{{Name: "db"}, {Name: "mailer", Optional: true}, {Name: "elsewhere"}},
	}
	db := app.Spec{
		Name: "db", Script: "/usr/sbin/slapd", Interpreter: "none", KillSignal: "SIGTERM", Cwd: "/",
		Health: &app.Health{Readiness: &app.Probe{Kind: app.ProbeNotify, Within: app.Duration(90e9)}, Liveness: &app.Probe{Kind: app.ProbeHeartbeat, Interval: app.Duration(20e9)}},
		Listen: []string{"127.0.0.1:5432", "/run/db.sock"},
	}
	mailer := app.Spec{Name: "mailer", Script: "/usr/bin/php", Args: []string{"artisan", "queue:work"}, MaxMemoryRestart: 200 << 20, CronRestart: "0 4 * * *", Watch: []byte("true"), Mode: app.Cluster}
	backup := app.Spec{Name: "backup", Script: "/srv/backup.sh", CronRestart: "*/15 2-4 1,15 * 1-5", AutoRestart: ptr(false)}
	return []Item{{api, 1}, {db, 1}, {mailer, 3}, {backup, 1}}
}

func TestWrite(t *testing.T) {
	for _, format := range Targets() {
		t.Run(format, func(t *testing.T) {
			files, notes, err := Write(Options{Home: "/home/me/.weaver"}, format, shop())
			require.NoError(t, err)
			dir := filepath.Join(inputs, "export", format)
			if *update {
				require.NoError(t, os.RemoveAll(dir))
				require.NoError(t, os.MkdirAll(dir, 0o755))
			}
			for _, f := range files {
				golden(t, filepath.Join(dir, f.Name), "\x00", string(f.Data))
				assert.NotContains(t, string(f.Data), "hunter2")
				assert.NotContains(t, string(f.Data), "secret://")
			}
			golden(t, filepath.Join(dir, "notes"), "\x00", noteLines(notes))
			listed, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, listed, len(files)+1)

			shown, _, err := Write(Options{ShowSecrets: true}, format, shop())
			require.NoError(t, err)
			var all strings.Builder
			for _, f := range shown {
				all.Write(f.Data)
			}
			assert.Contains(t, all.String(), "hunter2")
		})
	}
	_, _, err := Write(Options{}, "upstart", shop())
	assert.EqualError(t, err, `unknown format "upstart"`)
}

// TestUnitsAreVerified has systemd itself say what it thinks of them.
func TestUnitsAreVerified(t *testing.T) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	items := shop()
	dir := t.TempDir()
	for i := range items { // what exists here
		s := &items[i].Spec
		s.Cwd, s.Script, s.Interpreter, s.InterpreterArgs, s.User, s.Group = "/", "/bin/sh", "none", nil, "", ""
	}
	files, _, err := Write(Options{}, "systemd", items)
	require.NoError(t, err)
	args := []string{"verify", "--man=no"}
	for _, f := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600))
		args = append(args, filepath.Join(dir, strings.Replace(f.Name, "@.", "@1.", 1)))
	}
	out, err := exec.CommandContext(t.Context(), verify, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) {
		assert.NotContains(t, line, dir, "%s", out) // it warns of what is ours with the path; of the machine's own units it may too
	}
}

// TestBackAgain reads what was written: what both sides have words for comes back as it was.
func TestBackAgain(t *testing.T) {
	for _, format := range []string{"systemd", "compose"} {
		files, _, err := Write(Options{ShowSecrets: true}, format, shop())
		require.NoError(t, err)
		dir := t.TempDir()
		var names []string
		for _, f := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600))
			if !strings.HasSuffix(f.Name, ".timer") && !strings.HasSuffix(f.Name, ".socket") && !strings.HasSuffix(f.Name, "-restart.service") {
				names = append(names, f.Name)
			}
		}
		made, err := Read(testContext(dir), format, names)
		require.NoError(t, err)
		mustBeValid(t, made.YAML(), nil)
		require.Equal(t, "shop-api", made.apps[0].name)
		api := made.apps[0]
		want := shop()[0].Spec
		argv := append([]any{}, words(append(append([]string{}, want.InterpreterArgs...), append([]string{want.Script}, want.Args...)...))...)
		assert.Equal(t, "/usr/bin/node", api.get("script"), format)
		assert.Equal(t, argv, api.get("args"), format)
		for _, v := range want.Env {
			if v.Name == "PATH" && format == "compose" {
				continue
			}
			assert.Equal(t, v.Value, api.env.get(v.Name), "%s: %s", format, v.Name)
		}
		for key, val := range map[string]any{"uid": "1000", "gid": "1000", "kill_signal": "SIGINT", "kill_timeout": 8500, "max_memory": "512M", "max_cpu": 150.0, "max_pids": 100} {
			assert.Equal(t, val, api.get(key), "%s: %s", format, key)
		}
		assert.Equal(t, 65536, api.get("limits").(tree).get("nofile"), format)
	}
}

func TestOwnLogs(t *testing.T) {
	w, p := &writer{Options: Options{Home: "/h"}}, &product{Spec: &app.Spec{Name: "api"}}
	for path, own := range map[string]bool{"": false, "/h/logs/x.log": false, "/home/me/.pm2/logs/api-out-3.log": false, "/var/log/api.log": true, "/srv/logs/other.log": true} {
		assert.Equal(t, own, w.own(p, path), path)
	}
}

func TestProgramIsFoundInTheAppsPath(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/run", nil, 0o755))
	p := &product{Spec: &app.Spec{Env: app.Env{{Name: "PATH", Value: "/nowhere:" + dir}}}, argv: []string{"run"}}
	assert.Equal(t, dir+"/run", p.program())
	p.argv = []string{"other"}
	assert.Equal(t, "other", p.program())
}

func TestCalendar(t *testing.T) {
	for cron, want := range map[string][]string{
		"0 4 * * *":           {"*-*-* 04:00:00"},
		"*/5 * * * *":         {"*-*-* *:00/5:00"},
		"*/15 2-4 1,15 * 1-5": {"*-*-01,15 02..04:00/15:00", "Mon,Tue,Wed,Thu,Fri *-*-* 02..04:00/15:00"},
		"0 0 * JAN SUN":       {"Sun *-01-* 00:00:00"},
		"0 0 * * 5-7":         {"Fri,Sat,Sun *-*-* 00:00:00"},
		"30 0 0 * * 0-6":      {"*-*-* 00:00:30"},
		"@daily":              {"daily"},
	} {
		got, ok := calendar(cron)
		assert.True(t, ok, cron)
		assert.Equal(t, want, got, cron)
	}
	for _, cron := range []string{"", "x", "61 * * * *", "* * * * * * *", "5-1 * * * *", "*/0 * * * *", "0 0 * * L"} {
		_, ok := calendar(cron)
		assert.False(t, ok, cron)
	}
	if verify, err := exec.LookPath("systemd-analyze"); err == nil {
		times, _ := calendar("*/15 2-4 1,15 * 1-5")
		out, err := exec.CommandContext(t.Context(), verify, append([]string{"calendar"}, times...)...).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	}
}

func TestOwnEnv(t *testing.T) {
	env := app.ParseEnviron([]string{"PATH=/bin", "HOME=/h", "SSH_TTY=/dev/pts/1", "PM2_USAGE=CLI", "A=1", "B=2"})
	own, left := OwnEnv(env, app.ParseEnviron([]string{"PATH=/bin", "A=1", "B=3"}))
	assert.Equal(t, app.Env{{Name: "PATH", Value: "/bin"}, {Name: "B", Value: "2"}}, own)
	assert.Equal(t, []string{"A"}, left)
}
