package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func TestTheForegroundEndsWithTheCodeOfTheLast(t *testing.T) {
	at := time.Unix(100, 0)
	ended := func(s app.Status, after time.Duration, e app.Exit) app.Process {
		e.At = at.Add(after)
		return app.Process{Name: "a", Status: s, Exit: &e, Spec: &app.Spec{}}
	}
	cron := ended(app.Stopped, 0, app.Exit{})
	cron.Spec = &app.Spec{CronRestart: "0 * * * *"}
	alive := app.Process{Name: "b", Status: app.Online, PID: 7}
	for name, row := range map[string]struct {
		list []app.Process
		code int
		over bool
	}{
		"nothing":               {nil, 0, true},
		"one runs":              {[]app.Process{ended(app.Stopped, 0, app.Exit{Code: 3}), alive}, 0, false},
		"one is due":            {[]app.Process{{Status: app.WaitingRestart}}, 0, false},
		"one still stops":       {[]app.Process{{Status: app.Stopping, PID: 3}}, 0, false},
		"one is due by cron":    {[]app.Process{cron}, 0, false},
		"a code":                {[]app.Process{ended(app.Stopped, 0, app.Exit{Code: 3})}, 3, true},
		"the last of two":       {[]app.Process{ended(app.Errored, 2, app.Exit{Code: 4}), ended(app.Stopped, 1, app.Exit{Code: 3})}, 4, true},
		"a signal":              {[]app.Process{ended(app.Stopped, 0, app.Exit{Signal: "SIGKILL"})}, 137, true},
		"it could not be run":   {[]app.Process{ended(app.Errored, 0, app.Exit{Err: "exec: not found"})}, 127, true},
		"never run and stopped": {[]app.Process{{Status: app.Stopped}}, 0, true},
	} {
		code, over := outcomeOf(row.list)
		assert.Equal(t, row.over, over, name)
		assert.Equal(t, row.code, code, name)
	}
}

func TestSiblingsHaveStartAsAWordThatMayBeLeftOut(t *testing.T) {
	env := &Env{Environ: []string{"HOME=/h", "PM2_HOME=/p"}}
	assert.Equal(t, []string{"runtime", "app.js", "--json"}, siblingArgs(env, "runtime", []string{"start", "app.js", "--json"}))
	assert.Equal(t, []string{"runtime", "app.js"}, siblingArgs(env, "runtime", []string{"app.js"}))
	assert.Equal(t, []string{"--version"}, siblingArgs(env, "runtime", []string{"-v"}))
	assert.Equal(t, "/p", env.Getenv("PM2_HOME"))
	assert.Equal(t, []string{"dev", "app.js"}, siblingArgs(env, "dev", []string{"app.js"}))
	assert.Equal(t, "/h/.pm2-dev", env.Getenv("PM2_HOME"))
}
