package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weaver/app"
	"weaver/logs"
	"weaver/procstat"
	"weaver/supervisor/health"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// A process with probes has one goroutine per incarnation that asks them. What they find goes to the keeper as a message;
// the machine sees Ready and Restart, and knows nothing of probes.

// aLongTime is how long the machine waits for a readiness that a probe tells: until who asks says that it took too long.
const aLongTime = 10 * 365 * 24 * time.Hour

// hookTimeout bounds a hook.
const hookTimeout = 30 * time.Second

// finding is what a probe says about an incarnation.
type finding struct {
	gen   uint64
	ready bool             // it is ready, which is told once
	state *app.HealthState // nil: as it was
	act   string           // what to do about it: "", reload, restart, stop, signal:NAME
	why   string
}

func (finding) message() {}

// probed is what a keeper remembers of the probes of one incarnation.
type probed struct {
	gen   uint64
	state *app.HealthState
	blame string // why a watcher ended it
}

// of returns what was found of an incarnation.
func (p *probed) of(gen uint64) *app.HealthState {
	if p.gen != gen {
		return nil
	}
	return p.state
}

// found takes news of a probe; late news of another incarnation does nothing.
func (k *keeper) found(m finding) {
	if m.gen != k.state.Cur.Gen || !k.state.Cur.Alive() {
		return
	}
	if m.state != nil {
		k.probed.gen, k.probed.state = m.gen, m.state
		k.publish()
	}
	if m.ready {
		k.step(lifecycle.Ready{Gen: m.gen})
	}
	name, arg, _ := strings.Cut(m.act, ":")
	switch name {
	case "reload":
		k.blame(m, lifecycle.Reload{Gen: m.gen})
	case "restart":
		k.blame(m, lifecycle.Restart{Gen: m.gen})
	case "stop":
		k.blame(m, lifecycle.Stop{})
	case "signal":
		if sig, err := spawn.ParseSignal(arg); err == nil { // validated when it came in
			k.fail("signal", k.kids[m.gen].Signal(sig))
		}
	}
}

// blame ends an incarnation, and keeps why: for its reason, and for what follows.
func (k *keeper) blame(m finding, in lifecycle.Input) {
	k.probed.gen, k.probed.blame = m.gen, m.why
	k.byHand, k.cause = false, m.why
	k.step(in)
	k.remember(m.why)
}

// blamed is the reason of an end that a watcher caused.
func (p *probed) blamed(gen uint64, reason string) string {
	if p.gen != gen || p.blame == "" {
		return reason
	}
	return p.blame
}

// probesKey says which probes are to run now: those of an incarnation that serves.
func (k *keeper) probesKey() string {
	h, c := k.proc.Spec.Health, k.state.Cur
	if h == nil || !c.Alive() || c.Asked || c.PID == 0 || h.Startup == nil && h.Readiness == nil && h.Liveness == nil {
		return ""
	}
	return strconv.FormatUint(c.Gen, 10) + fmt.Sprintf(" %p", h)
}

// runProbes returns what asks the probes of the current incarnation. It is called by the keeper, and what it returns is not.
func (k *keeper) runProbes() func(context.Context, *app.Spec) {
	v, c, ready := k.view.Load(), k.kids[k.state.Cur.Gen], k.state.Cur.Ready
	if v.Spec.Health == nil || c == nil {
		return func(context.Context, *app.Spec) {}
	}
	return func(ctx context.Context, spec *app.Spec) {
		r := prober{k: k, spec: spec, gen: v.Gen, name: v.Name, target: k.target(v, c, spec), ready: ready}
		r.run(ctx)
	}
}

// sickPause is how long an incarnation that is not well is left alone before it is ended, when so many before it were, too, and
// none was well in between: what is never well must not be started again and again without a rest.
func sickPause(before int) time.Duration {
	const free, first, most = 3, time.Second, time.Minute
	if before < free {
		return 0
	}
	return min(first<<min(before-free, 10), most)
}

// prober asks the probes of one incarnation, one after the other.
type prober struct {
	k      *keeper
	spec   *app.Spec
	gen    uint64
	name   string
	target *health.Target
	ending bool // it was asked to go
	ready  bool // it was before: a former supervisor waited for that, or it was given another spec
}

func (r *prober) tell(f finding) {
	f.gen = r.gen
	r.k.mail.put(f)
}

func (r *prober) run(ctx context.Context) {
	h := r.spec.Health
	for _, first := range []struct {
		what  string
		probe *app.Probe
	}{{"started up", h.Startup}, {"ready", h.Readiness}} {
		if first.probe != nil && !r.ready && !r.await(ctx, first.what, first.probe) {
			return
		}
	}
	if h.WaitsReady() && !r.ready {
		r.tell(finding{ready: true})
	}
	if h.Liveness != nil {
		r.watch(ctx, h.Liveness)
	}
}

// await returns when the probe succeeds; false when it does not in time, or ctx ends.
func (r *prober) await(ctx context.Context, what string, p *app.Probe) bool {
	within := p.Within.D()
	if within <= 0 {
		within = app.ProbeWithin.D()
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ok := false
	var last error
	once := *p
	once.Failures = 1
	health.Run(limited, &once, r.target, true, func(rep health.Report) {
		ok, last = ok || rep.Healthy, rep.Cause
		r.tell(finding{state: stateOf(rep)})
		if ok {
			cancel()
		}
	})
	if ok || ctx.Err() != nil {
		return ok
	}
	why := fmt.Sprintf("not %s within %v", what, within)
	if last != nil {
		why += ": " + last.Error()
	}
	r.act(ctx, p, 1, why)
	<-ctx.Done() // this incarnation is as it is
	return false
}

// watch looks at what is online, and acts on failures.
func (r *prober) watch(ctx context.Context, p *app.Probe) {
	health.Run(ctx, p, r.target, false, func(rep health.Report) {
		r.tell(finding{state: stateOf(rep)})
		if rep.Healthy {
			r.k.sick.Store(0)
		}
		if !rep.Healthy {
			r.act(ctx, p, rep.Round, "unhealthy: "+rep.Cause.Error())
		}
	})
}

func stateOf(rep health.Report) *app.HealthState {
	s := &app.HealthState{Healthy: rep.Healthy, Took: app.Duration(rep.Took)}
	if rep.Cause != nil {
		s.Cause = rep.Cause.Error()
	}
	return s
}

// act does what the probe wants after the round-th failure: its actions one after the other, the last one again and again.
func (r *prober) act(ctx context.Context, p *app.Probe, round int, why string) {
	action := "restart"
	if n := len(p.Actions); n > 0 {
		action = p.Actions[min(round, n)-1]
	}
	pause := time.Duration(0)
	if (action == "restart" || action == "reload") && !r.ending {
		r.ending = true // it counts once, however long its end takes
		pause = sickPause(int(r.k.sick.Add(1)) - 1)
	}
	text := why + " (action: " + action
	if pause > 0 {
		text += " in " + pause.String()
	}
	r.k.publishEvent(app.Event{Kind: app.EventWarning, ID: r.k.id, Name: r.name, Gen: r.gen, Message: text + ")"})
	if pause > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if p.Kind.Asks() && health.Check(ctx, p, r.target) == nil {
			r.ending = false
			return // it has come round; the next look says so
		}
	}
	switch action {
	case "none":
	case "hook":
		hooked, cancel := context.WithTimeout(ctx, hookTimeout)
		defer cancel()
		out, err := health.Shell(hooked, p.Hook, r.target, "WEAVER_CAUSE="+why, "WEAVER_NAME="+r.name, "WEAVER_PID="+strconv.Itoa(r.target.PID))
		if err != nil && ctx.Err() == nil {
			r.k.trouble("hook", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out))))
		}
	default:
		r.tell(finding{act: action, why: why})
	}
}

// target is how probes see an incarnation.
func (k *keeper) target(v *app.Process, c child, spec *app.Spec) *health.Target {
	t := &health.Target{PID: v.PID, Dir: spec.Cwd, Env: revealed(spec.Env).Environ(), Ports: func() []int { return ports(c) }}
	t.User = func(c *health.Command) error { return asUser(spec, c) }
	if engine := k.sup.opts.Logs; engine != nil {
		t.Lines = func(ctx context.Context, f func(string)) { follow(ctx, engine, v, f) }
	}
	if c, ok := c.(interface{ Signs() *health.Signs }); ok {
		t.Signs = c.Signs()
	}
	return t
}

// Probe looks at a process once, now. What only waits for a sign cannot be asked.
func (s *Supervisor) Probe(ctx context.Context, id app.ID, p *app.Probe) error {
	k := s.reg.get(id)
	if k == nil {
		return errGone
	}
	v := k.view.Load()
	t := &health.Target{PID: v.PID, Dir: v.Spec.Cwd, Env: revealed(v.Spec.Env).Environ()}
	t.Ports = func() []int { return s.Ports(id) }
	t.User = func(c *health.Command) error { return asUser(v.Spec, c) }
	return health.Check(ctx, p, t)
}

// Ports are the TCP ports that a process and what it started listen on, the lowest first.
func (s *Supervisor) Ports(id app.ID) []int {
	var out []int
	for _, l := range procstat.Listening(s.Tree(id)) {
		if !slices.Contains(out, l.Port) {
			out = append(out, l.Port)
		}
	}
	return out
}

// follow calls f for each line of an incarnation: what is remembered of it, then what comes.
func follow(ctx context.Context, engine *logs.Engine, v *app.Process, f func(string)) {
	lines := engine.Follow(ctx, logs.FollowOptions{Match: func(id app.ID, _, _ string, _ app.Stream) bool { return id == v.ID }})
	for _, s := range []app.Stream{app.Out, app.Err} {
		for _, l := range engine.Recent(v.ID, s, 100) {
			if !l.At.Before(v.Started) {
				f(plain(&l))
			}
		}
	}
	for l := range lines {
		f(plain(&l))
	}
}

// plain is a line as the program wrote it.
func plain(l *app.Line) string {
	if l.Raw != "" {
		return l.Raw
	}
	return l.Text
}

// ports are those that the processes of a child listen on.
func ports(c child) []int {
	tree, err := c.Tree()
	if err != nil {
		return nil
	}
	var out []int
	for _, l := range procstat.Listening(tree) {
		out = append(out, l.Port)
	}
	return out
}
