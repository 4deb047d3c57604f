package daemon

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"

	"weaver/supervisor"
)

func TestDefaultsAreThoseOfPM2sVariables(t *testing.T) {
	d := &daemon{log: zap.NewNop()}
	of := func(vars map[string]string) supervisor.Defaults {
		return d.defaults(func(name string) string { return vars[name] })
	}
	assert.Zero(t, of(nil))
	assert.Equal(t, supervisor.Defaults{
		KillSignal: syscall.SIGTERM, KillTimeout: 9 * time.Second, ListenTimeout: 20 * time.Second, DrainTimeout: time.Second,
		BackoffReset: 300 * time.Millisecond, ByMessage: true,
	}, of(map[string]string{
		"PM2_KILL_SIGNAL": "SIGTERM", "PM2_KILL_TIMEOUT": "9000", "PM2_GRACEFUL_LISTEN_TIMEOUT": "20000", "PM2_GRACEFUL_TIMEOUT": "1000",
		"EXP_BACKOFF_RESET_TIMER": "300", "PM2_KILL_USE_MESSAGE": "true",
	}))
	assert.Equal(t, supervisor.Defaults{}, of(map[string]string{"PM2_KILL_TIMEOUT": "soon", "PM2_KILL_SIGNAL": "NONE"}))
}
