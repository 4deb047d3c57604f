package lifecycle

import "time"

// The words of Status, PM2's.
const (
	statusOnline    = "online"
	statusLaunching = "launching"
	statusStopping  = "stopping"
	statusStopped   = "stopped"
	statusErrored   = "errored"
	statusWaiting   = "waiting restart"
)

// Status returns the state in PM2's words: online, launching, stopping, stopped, errored or waiting restart. It is
// stopping also while survivors of a crashed child are cleaned away, since a kill is in progress.
func (s State) Status() string {
	switch {
	case s.Cur.Dying(), s.Cur.Gen == 0 && s.Old.Gen != 0:
		return statusStopping
	case s.Cur.Gen != 0 && s.Cur.Ready:
		return statusOnline
	case s.Cur.Gen != 0:
		return statusLaunching
	case s.Hold == Blocked:
		return statusErrored
	case s.Hold == Asleep:
		return statusStopped
	case !s.RestartAt.IsZero():
		return statusWaiting
	case s.GaveUp:
		return statusErrored
	default:
		return statusStopped
	}
}

// Done reports whether the process was deleted and nothing of it is left, so that its keeper may end.
func (s State) Done() bool { return s.Want == Gone && s.Cur.Gen == 0 && s.Old.Gen == 0 }

// Deadline returns when Step next needs a Tick, by the clock that its now is read from. Zero is never. A Tick at that
// time or later always does something about it.
func (s State) Deadline(p Policy) time.Time {
	var d time.Time
	d = earlier(d, s.Cur.KillAt)
	d = earlier(d, s.Cur.DrainBy)
	d = earlier(d, s.Old.DrainBy)
	d = earlier(d, s.Old.KillAt)
	d = earlier(d, s.Cur.ReadyBy)
	d = earlier(d, s.stableAt(p))
	d = earlier(d, s.lasted(p))
	if s.roomy(p) && (s.Hold == Free || !p.Gated) {
		d = earlier(d, s.RestartAt)
	}
	return d
}

// stableAt returns when Cur has been up long enough to forget the back-off, or zero if there is nothing to forget.
func (s State) stableAt(p Policy) time.Time {
	if s.Backoff == 0 || p.BackoffReset <= 0 || !s.Cur.serving() || !s.Cur.Ready {
		return time.Time{}
	}
	return s.Cur.Since.Add(p.BackoffReset)
}

// roomy reports whether a child may be spawned as Cur. A draining Old is in the way only if the two may not overlap.
func (s State) roomy(p Policy) bool { return s.Cur.Gen == 0 && (s.Old.Gen == 0 || p.Overlap) }

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
