package daemon

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"weaver/app"
	"weaver/procstat"
	"weaver/service"
	"weaver/supervisor"
)

// A service is up when it listens, or has said that it is ready, or, for one that does neither, has lived for as long as
// makes a start good. It is not up if it came to rest, or is about to try again later than anybody waits.
const (
	settleMost     = 5 * time.Second // of a long min_uptime
	settleWhole    = 2 * time.Minute // for all of it, whatever the service does
	settleRestarts = 3
	settlePause    = time.Second // a restart further away than this is not waited for
	settleLookMin  = 5 * time.Millisecond
	settleLookMax  = 50 * time.Millisecond
)

// serviceStarted answers when every instance of the service is up, or one is not going to be.
func (d *daemon) serviceStarted(r *http.Request, q hotQuery, s *saying) {
	list, ok := d.services(q, s)
	if !ok || len(q.args) == 0 {
		return
	}
	one := &list[0]
	await := d.settled
	if q.has("lazy-init") {
		await = d.spawned
	}
	for i := range one.Instances {
		if err := await(r.Context(), one.Instances[i].ID); err != nil {
			s.complain("cannot start %s: %v", one.Name, err)
			return
		}
		d.sup.SampleAgain(one.Instances[i].ID) // what it used when it was hardly there says nothing
	}
	if list, ok = d.services(q, s); !ok {
		return
	}
	one = &list[0]
	st := one.Status(time.Now())
	if q.json {
		s.value(st)
		return
	}
	s.out = service.AppendStarted(s.out, &st)
}

// spawned returns when the process has a pid, or is not going to have one now.
func (d *daemon) spawned(ctx context.Context, id app.ID) error {
	began := time.Now()
	for look := time.Millisecond; ; look = min(look*2, settleLookMax) {
		p, ok := d.sup.Get(id)
		if !ok || time.Since(began) > settleMost || len(p.WaitsFor) > 0 || p.PID != 0 || p.Gen != 0 && p.Status != app.Launching && p.Status != app.Stopping {
			return nil // what has become of it is in its status
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
	}
}

// settled returns when the process is up, or with the reason why it is not.
func (d *daemon) settled(ctx context.Context, id app.ID) error {
	look, began, gen := settleLookMin, time.Now(), uint64(0)
	for {
		p, ok := d.sup.Get(id)
		if !ok {
			return fmt.Errorf("it was deleted meanwhile")
		}
		if done, err := d.isUp(&p); done {
			return err
		}
		if gen == 0 {
			gen = p.Gen
		}
		if p.Unstable == 0 && p.Gen >= gen+settleRestarts { // somebody else's doing: a probe, memory, changed files
			return fmt.Errorf("it was restarted %d times: %s", settleRestarts, d.lastWarning(id))
		}
		if time.Since(began) > settleWhole {
			return fmt.Errorf("it is %s after %v", p.Status, settleWhole)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		look = min(look*2, settleLookMax)
	}
}

// lastWarning is what was last said about a process.
func (d *daemon) lastWarning(id app.ID) string {
	events := d.sup.History(id)
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].Message != "" {
			return events[i].Message
		}
	}
	return "no reason is known"
}

// isUp judges one look at a process; done is false while it is too early to tell.
func (d *daemon) isUp(p *app.Process) (done bool, err error) {
	why := func(fallback string) string {
		reason := strings.TrimSpace(p.Reason)
		if reason == "" {
			reason = fallback
		}
		return reason
	}
	switch p.Status {
	case app.Errored:
		return true, fmt.Errorf("it is errored: %s", why("it ended too often"))
	case app.Stopped:
		if p.OnDemand {
			return true, nil
		}
		if p.Exit == nil || p.Exit.Code == 0 && p.Exit.Signal == "" && p.Exit.Err == "" {
			return true, nil // it has done what it had to, or somebody stopped it
		}
		return true, fmt.Errorf("it %s, and is not restarted", why("ended"))
	case app.WaitingRestart:
		if wait := time.Until(p.RestartAt); wait > settlePause {
			return true, fmt.Errorf("it %s; the next try is in %v", why("ended"), wait.Round(100*time.Millisecond))
		}
		return false, nil
	case app.Online:
	default:
		return false, nil
	}
	grace := supervisor.DefaultMinUptime
	if p.Spec.MinUptime != nil {
		grace = p.Spec.MinUptime.D()
	}
	if p.Watching && !d.sup.Watches(p.ID) && time.Since(p.Started) < settleMost {
		return false, nil // a change that is made next would be missed
	}
	if time.Since(p.Started) >= min(grace, settleMost) {
		return true, nil
	}
	if p.Unstable > 0 { // it has failed before: only time tells
		return false, nil
	}
	if p.Mode == app.Cluster && d.sup.Listens(p.ID) { // by a socket that may not be its own
		return true, nil
	}
	return p.Spec.WaitReady || p.Spec.Health.WaitsReady() || len(procstat.Listening(d.sup.Tree(p.ID))) > 0, nil
}
