package supervisor

import (
	"strings"
	"syscall"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// publish derives the view from the state and shows it.
func (k *keeper) publish() {
	p := k.proc
	s := k.state
	p.Status = app.Status(s.Status())
	p.Wanted = s.Want == lifecycle.Up && (p.Status != app.Stopped || s.Hold == lifecycle.Asleep)
	p.Watching = p.Wanted && watches(p.Spec)
	p.Gen = s.LastGen
	p.Health = k.probed.of(s.Cur.Gen)
	p.Restarts, p.Unstable = s.Restarts, s.Unstable
	p.Created, p.RestartAt, p.Backoff = s.Born, s.RestartAt, app.Duration(s.Backoff)
	p.KillAt = earliest(s.Cur.KillAt, s.Old.KillAt)
	p.PID = 0
	switch {
	case s.Cur.Alive():
		p.PID, p.Started = s.Cur.PID, s.Cur.Since
	case s.Old.Alive():
		p.PID, p.Started = s.Old.PID, s.Old.Since
	}
	if s.Hold != lifecycle.Free {
		p.RestartAt, p.WaitsFor, p.OnDemand = time.Time{}, k.gate.waits, s.Hold == lifecycle.Asleep
		if len(p.WaitsFor) > 0 {
			p.Reason = waitText(p.WaitsFor)
		}
	}
	if p.PID == 0 {
		p.Ceilings = nil
	}
	if s.GaveUp {
		p.Reason = strings.TrimSuffix("gave up after too many quick exits: "+p.Reason, ": ")
	}
	k.proc.Started = p.Started
	was := k.life.Swap(&s)
	old := k.view.Swap(&p)
	if old == nil { // the registry writes it down
		return
	}
	respecified := old.Spec != p.Spec
	wished := old.Wanted != p.Wanted || respecified
	if wished || k.marked || *was != s {
		k.marked = false
		k.sup.book.note(k, wished, respecified)
		if wished {
			k.sup.ahead.wished(k.sup.persist)
		}
	}
	k.sup.changed()
	if *was != s || old.Health != p.Health {
		k.sup.lookouts.wake(p.Name)
	}
	k.expect()
	if p.Spec.Warm > 0 || old.Spec.Warm > 0 {
		k.sup.reserve.look()
	}
}

// note keeps what the view says and the machine does not remember.
func (k *keeper) note(in lifecycle.Input) {
	if was := k.life.Load(); was.Unready != k.state.Unready { // told at once: the one that was late may take its time to leave
		k.proc.Reason = failedReload(notReady(k.policy.ReloadTimeout))
	}
	e, ok := in.(lifecycle.Exited)
	if !ok || k.state.Exit.Gen != e.Gen {
		return
	}
	exit := &app.Exit{Gen: e.Gen, Code: e.Code, Err: e.Err, At: k.state.Exit.At}
	if e.Err == "" {
		exit.Core, exit.OOM = k.exit.Core, k.exit.OOM
		if e.Signal != 0 {
			exit.Signal = signalName(syscall.Signal(e.Signal))
		}
	}
	k.proc.Exit = exit
	reason := reasonOf(exit)
	if limit := k.proc.Spec.MaxMemory; exit.OOM && limit > 0 {
		reason += " (max_memory is " + limit.String() + ")"
	}
	k.proc.Reason = k.probed.blamed(e.Gen, reason)
	if cur := k.state.Cur; cur.Gen != 0 && cur.Gen < e.Gen { // the one before it goes on
		if k.state.Unready == e.Gen {
			reason = notReady(k.policy.ReloadTimeout)
		}
		k.proc.Reason = failedReload(reason)
	}
}

// failedReload is the reason of a process that should have been replaced.
func failedReload(why string) string {
	return "the last reload failed: " + orElse(why, "exited with code 0")
}

// reasonOf says in words how an incarnation ended, when that is worth saying.
func reasonOf(e *app.Exit) string {
	switch {
	case e.Err != "":
		return e.Err
	case e.OOM:
		return "killed by the kernel: out of memory"
	case e.Core:
		return "killed by " + e.Signal + " (core dumped)"
	case e.Signal != "":
		return "killed by " + e.Signal
	case e.Code != 0:
		return "exited with code " + itoa(e.Code)
	}
	return ""
}

// earliest returns the earlier of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
