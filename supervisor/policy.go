package supervisor

import (
	"cmp"
	"syscall"
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
	DefaultReloadTimeout = 30 * time.Second // for a process that replaces one: slow programs are no failed ones
	DefaultDrainTimeout  = 8 * time.Second  // PM2's graceful reload gives as much
	backoffReset         = 30 * time.Second
)

// Defaults is what apps get that do not say otherwise. Where it is zero, they get PM2's.
type Defaults struct {
	KillSignal    syscall.Signal
	KillTimeout   time.Duration
	ListenTimeout time.Duration
	DrainTimeout  time.Duration
	BackoffReset  time.Duration
	// ByMessage has all apps be asked to end by a message, instead of by a signal.
	ByMessage bool
}

func (d *Defaults) byMessage(s *app.Spec) bool { return s.ShutdownWithMessage || d.ByMessage }

// policy translates what the user asked for into what the state machine goes by.
func (d *Defaults) policy(s *app.Spec) lifecycle.Policy {
	p := lifecycle.Policy{
		AutoRestart:   app.IsTrue(s.AutoRestart),
		TreeKill:      app.IsTrue(s.TreeKill),
		MinUptime:     DefaultMinUptime,
		MaxRestarts:   DefaultMaxRestarts,
		RestartDelay:  s.RestartDelay.D(),
		ExpBackoff:    s.ExpBackoff.D(),
		BackoffReset:  cmp.Or(d.BackoffReset, backoffReset),
		StopExitCodes: s.StopExitCodes,
		KillTimeout:   cmp.Or(d.KillTimeout, DefaultKillTimeout),
		ListenTimeout: cmp.Or(d.ListenTimeout, DefaultListenTimeout),
		ReloadTimeout: DefaultReloadTimeout,
		WaitReady:     s.WaitReady || s.Health.WaitsReady(),
		Overlap:       overlaps(s),
		Gated:         gated(s),
	}
	if overlaps(s) {
		p.DrainTimeout = cmp.Or(d.DrainTimeout, DefaultDrainTimeout)
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
		if p.ListenTimeout > 0 {
			p.ReloadTimeout = p.ListenTimeout
		}
	}
	recovery(&p, s)
	if s.Health.WaitsReady() {
		p.ListenTimeout, p.ReloadTimeout = aLongTime, aLongTime
	}
	return p
}

// The circuit's numbers.
const (
	DefaultThreshold = 5
	circuitOpenFor   = time.Minute
)

// recovery sets what an app asks for beyond PM2's rules. A circuit takes the place of giving up, unless both are asked for.
func recovery(p *lifecycle.Policy, s *app.Spec) {
	switch s.RestartBackoff {
	case "linear":
		p.Growth = lifecycle.Linear
	case "exponential":
		p.Growth = lifecycle.Doubling
	}
	p.BackoffCap, p.Jitter, p.Window = s.MaxRestartDelay.D(), s.RestartJitter, s.RestartWindow.D()
	if !s.CircuitBreaker {
		return
	}
	p.Breaker, p.OpenFor = DefaultThreshold, circuitOpenFor
	if s.FailureThreshold > 0 {
		p.Breaker = s.FailureThreshold
	}
	if s.MaxRestarts == nil {
		p.MaxRestarts = -1
	}
}
