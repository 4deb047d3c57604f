package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"weaver/app"
)

func TestTheLogOfAHomeOfPM2ReadsAsPM2s(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pm2.log")
	log, _, closeLog := openLog(path, true)
	log.Info("ready", zap.Int("pid", 7))
	limit := 3
	worker := app.Process{Spec: &app.Spec{Script: "/srv/web.js", Mode: app.Cluster, MaxRestarts: &limit}}
	for _, e := range []struct {
		app.Event
		p app.Process
	}{
		{Event: app.Event{Kind: app.EventStart}},
		{Event: app.Event{Kind: app.EventStart}, p: worker},
		{Event: app.Event{Kind: app.EventOnline}},
		{Event: app.Event{Kind: app.EventExit, Exit: &app.Exit{Code: 3}}},
		{Event: app.Event{Kind: app.EventExit, Exit: &app.Exit{Code: -1, Signal: "SIGKILL"}, Asked: true}},
		{Event: app.Event{Kind: app.EventRestart}},
		{Event: app.Event{Kind: app.EventRestart, Delay: 150 * time.Millisecond}},
		{Event: app.Event{Kind: app.EventOverlimit}, p: worker},
		{Event: app.Event{Kind: app.EventOverlimit}},
		{Event: app.Event{Kind: app.EventWarning, Message: "restarted because it exceeds max_memory_restart (current_memory=2 max_memory_limit=1 [octets])"}},
		{Event: app.Event{Kind: app.EventWarning, Message: "Change detected on path a.txt for app web - restarting"}},
		{Event: app.Event{Kind: app.EventWarning, Message: "restarted by cron"}},
		{Event: app.Event{Kind: app.EventDelete}},
	} {
		e.Name, e.ID = "web", 2
		require.True(t, hasWords(&e.Event))
		for _, line := range eventWords(&e.Event, &e.p) {
			log.Info(line)
		}
	}
	closeLog()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d: PM2 log: ready \{"pid": 7\}
.{19}: PM2 log: App \[web:2\] starting in -fork mode-
.{19}: PM2 log: App \[web:2\] starting in -cluster mode-
.{19}: PM2 log: App \[web:2\] online
.{19}: PM2 log: App \[web:2\] exited with code \[3\] via signal \[SIGINT\]
.{19}: PM2 log: Stopping app:web id:2
.{19}: PM2 log: App \[web:2\] exited with code \[0\] via signal \[SIGKILL\]
.{19}: PM2 log: msg=process tree killed
.{19}: PM2 log: App \[web:2\] will restart in 150ms
.{19}: PM2 log: Script /srv/web.js had too many unstable restarts \(3\). Stopped. "errored"
.{19}: PM2 log: Script web had too many unstable restarts \(16\). Stopped. "errored"
.{19}: PM2 log: \[PM2\]\[WORKER\] Process 2 restarted because it exceeds --max-memory-restart value \(current_memory=2 max_memory_limit=1 \[octets\]\)
.{19}: PM2 log: Change detected on path a.txt for app web - restarting
.{19}: PM2 log: App \[web:2\] restarted by cron
$`, string(data))
}
