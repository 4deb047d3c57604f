package anchor

import "time"

// DefaultWatchdog is how long a supervisor may be silent that has not said otherwise.
const DefaultWatchdog = 10 * time.Second

// startLimit is how long one may take until it is ready, and trialLimit the first of an update.
const (
	startLimit = time.Minute
	trialLimit = 10 * time.Second
)

// dumpTime is how long a supervisor that hangs has to write down where, before it is killed.
const dumpTime = 2 * time.Second

// watchdog decides when a supervisor hangs. It is pure. Its times must be monotonic ones: neither a clock that somebody
// sets nor the sleep of the machine is the supervisor's fault. Nor is a stop of the anchor itself.
type watchdog struct {
	limit  time.Duration // 0 is none
	asked  time.Time     // when it was pinged last
	heard  time.Time     // when it was last known to be well; zero while nobody is watched
	looked time.Time     // when this was last asked
	halted time.Time     // since when one that starts is known to be stopped
}

// begin watches a supervisor from now on.
func (w *watchdog) begin(now time.Time) { w.asked, w.heard, w.looked = now, now, now }

// end watches nobody.
func (w *watchdog) end() { w.heard, w.halted = time.Time{}, time.Time{} }

// halts decides on one that starts, which is not pinged yet, by whether it is stopped, by a signal, now: for too long?
func (w *watchdog) halts(now time.Time, stopped bool) bool {
	switch {
	case !stopped || w.limit <= 0:
		w.halted = time.Time{}
	case w.halted.IsZero():
		w.halted = now
	}
	return !w.halted.IsZero() && now.Sub(w.halted) >= w.limit
}

// alive is told that the supervisor has answered.
func (w *watchdog) alive(now time.Time) {
	if !w.heard.IsZero() {
		w.heard = now
	}
}

func (w *watchdog) period() time.Duration { return w.limit / 4 }

// watches reports that there is somebody to watch.
func (w *watchdog) watches() bool { return w.limit > 0 && !w.heard.IsZero() }

// due is when to look again; it means nothing if nobody is watched.
func (w *watchdog) due() time.Time { return w.asked.Add(w.period()) }

// look decides: ping it, or it hangs.
func (w *watchdog) look(now time.Time) (ping, hangs bool) {
	if !w.watches() {
		return false, false
	}
	if now.Sub(w.looked) > w.limit/2 { // we did not look in time: an answer may have been missed, or never asked for
		w.heard = now
	}
	w.looked = now
	if now.Sub(w.heard) >= w.limit {
		return false, true
	}
	if !now.Before(w.due()) {
		w.asked = now
		return true, false
	}
	return false, false
}
