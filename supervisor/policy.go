package supervisor

import (
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// Defaults of an app's life, PM2's numbers.
const (
	DefaultMinUptime     = time.Second
	DefaultMaxRestarts   = 16
	DefaultKillTimeout   = 1600 * time.Millisecond
	DefaultListenTimeout = 3 * time.Second
	DefaultDrainTimeout  = 8 * time.Second // PM2's graceful reload gives as much
	backoffReset         = 30 * time.Second
)

// policyOf translates what the user asked for into what the state machine goes by.
func policyOf(s *app.Spec) lifecycle.Policy {
	p := lifecycle.Policy{
		AutoRestart:   app.IsTrue(s.AutoRestart),
		TreeKill:      app.IsTrue(s.TreeKill),
		MinUptime:     DefaultMinUptime,
		MaxRestarts:   DefaultMaxRestarts,
		RestartDelay:  s.RestartDelay.D(),
		ExpBackoff:    s.ExpBackoff.D(),
		BackoffReset:  backoffReset,
		StopExitCodes: s.StopExitCodes,
		KillTimeout:   DefaultKillTimeout,
		ListenTimeout: DefaultListenTimeout,
		WaitReady:     s.WaitReady || s.Health.WaitsReady(),
		Overlap:       overlaps(s),
	}
	if clusters(s) {
		p.DrainTimeout = DefaultDrainTimeout
		if s.DrainTimeout != nil {
			p.DrainTimeout = s.DrainTimeout.D()
		}
	}
	if s.MinUptime != nil {
		p.MinUptime = s.MinUptime.D()
	}
	if s.MaxRestarts != nil {
		p.MaxRestarts = *s.MaxRestarts
	}
	if s.KillTimeout != nil {
		p.KillTimeout = s.KillTimeout.D()
	}
	if s.ListenTimeout != nil {
		p.ListenTimeout = s.ListenTimeout.D()
	}
	if s.Health.WaitsReady() {
		p.ListenTimeout = aLongTime
	}
	return p
}
