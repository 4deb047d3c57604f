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
	for _, e := range []app.Event{
		{Kind: app.EventStart, Name: "web", ID: 2},
		{Kind: app.EventOnline, Name: "web", ID: 2},
		{Kind: app.EventExit, Name: "web", ID: 2, Exit: &app.Exit{Code: 3}},
		{Kind: app.EventExit, Name: "web", ID: 2, Exit: &app.Exit{Signal: "SIGKILL"}},
		{Kind: app.EventRestart, Name: "web", ID: 2, Delay: 150 * time.Millisecond},
		{Kind: app.EventOverlimit, Name: "web", ID: 2},
	} {
		log.Log(level(e.Kind), eventWords(&e))
	}
	closeLog()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d: PM2 log: ready \{"pid": 7\}
.{19}: PM2 log: App \[web:2\] starting in -fork mode-
.{19}: PM2 log: App \[web:2\] online
.{19}: PM2 log: App \[web:2\] exited with code \[3\] via signal \[SIGINT\]
.{19}: PM2 log: App \[web:2\] exited with code \[0\] via signal \[SIGKILL\]
.{19}: PM2 log: App \[web:2\] will restart in 150ms
.{19}: PM2 error: Script web had too many unstable restarts. Stopped. "errored"
$`, string(data))
}
