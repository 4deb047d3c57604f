package daemon

import (
	"strconv"
	"time"

	"go.uber.org/zap"

	"weaver/app"
	"weaver/supervisor"
	"weaver/supervisor/spawn"
)

// name has an app find its number under the variable that is meant for all, if there is one.
func (d *daemon) name(spec *app.Spec) {
	if d.instanceVar != "" {
		spec.InstanceVar = d.instanceVar
	}
}

// defaults is what apps get that do not say otherwise, by the variables that PM2 has for it. Like PM2's daemon, the supervisor
// has them from whoever started it; its anchor passes them on to the next one.
func (d *daemon) defaults(getenv func(string) string) (all supervisor.Defaults) {
	for name, to := range map[string]*time.Duration{
		"PM2_KILL_TIMEOUT":            &all.KillTimeout,
		"PM2_GRACEFUL_LISTEN_TIMEOUT": &all.ListenTimeout,
		"PM2_GRACEFUL_TIMEOUT":        &all.DrainTimeout,
		"EXP_BACKOFF_RESET_TIMER":     &all.BackoffReset,
	} {
		text := getenv(name)
		if text == "" {
			continue
		}
		ms, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			d.log.Warn("a variable that is no number of milliseconds counts for nothing", zap.String("name", name), zap.String("value", text))
			continue
		}
		*to = time.Duration(ms) * time.Millisecond
	}
	if text := getenv("PM2_KILL_SIGNAL"); text != "" {
		sig, err := spawn.ParseSignal(text)
		if err != nil {
			d.log.Warn("PM2_KILL_SIGNAL counts for nothing", zap.Error(err))
		} else {
			all.KillSignal = sig
		}
	}
	all.ByMessage = getenv("PM2_KILL_USE_MESSAGE") != ""
	return all
}
