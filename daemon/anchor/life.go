package anchor

import "time"

// The back-off between supervisors: the first successor comes at once, then there are pauses. One that lived for
// steady ends the row of failures.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
	steady     = 10 * time.Second
	well       = 200 * time.Millisecond // one that was ready, and killed by somebody after that, has not failed
	maxTries   = 3                      // at the first start, and for a supervisor that was asked to end
)

// life decides what the end of a supervisor leads to. It is pure: it is told the time, and does nothing itself.
type life struct {
	startAt   time.Time // when the next one is due
	born      time.Time
	ready     bool // the one that lives
	bye       bool
	left      bool // it makes room for a successor
	everReady bool // any of them
	restarts  int
	deaths    int // in a row, none of them steady
	refusals  int // deaths since it was asked to end
	unready   int // deaths in a row before they were ready
	failures  int // those of them that nobody outside has caused
	shot      bool
}

// plan is how to start the next supervisor when others have died before they were ready.
type plan struct {
	previous bool // by the weaverd that worked before, if there is another
	suspect  bool // what was written last may be the cause
	skipTail bool // without what was written last
}

func (l *life) plan() plan {
	return plan{previous: l.unready >= maxTries, suspect: l.failures >= maxTries, skipTail: l.failures >= 2*maxTries}
}

type verdict int

const (
	verdictAgain   verdict = iota // start another one at startAt
	verdictEnd                    // it ended on purpose
	verdictGiveUp                 // it cannot start, and nothing runs yet
	verdictAbandon                // it was asked to end, and dies otherwise again and again
)

func (l *life) started(now time.Time) {
	l.born, l.ready, l.bye, l.left = now, false, false, false
}

func (l *life) becameReady() { l.ready, l.everReady, l.unready, l.failures = true, true, 0, 0 }

// wasShot is told before died of a supervisor that somebody killed: that says nothing against what it read.
func (l *life) wasShot() { l.shot = true }

// died is told of the end of a supervisor, or of one that could not be run. told: the cause is known. asked: somebody
// wants all to end.
func (l *life) died(now time.Time, told, asked bool) verdict {
	lived := now.Sub(l.born)
	if l.born.IsZero() {
		lived = 0
	}
	if !l.ready {
		l.unready++
		if !l.shot {
			l.failures++
		}
	}
	felled := l.ready && l.shot && lived >= well
	l.shot = false
	l.born, l.ready = time.Time{}, false
	if lived >= steady || felled {
		l.deaths = 0
	}
	l.deaths++
	if l.left {
		l.deaths = 0
	}
	switch {
	case l.bye, asked && !l.everReady:
		return verdictEnd
	case !l.everReady && (told || l.deaths >= maxTries):
		return verdictGiveUp
	}
	if asked {
		if l.refusals++; l.refusals >= maxTries {
			return verdictAbandon
		}
	}
	l.restarts++
	l.startAt = now.Add(pause(l.deaths))
	return verdictAgain
}

// pause is the time to wait after so many deaths in a row.
func pause(deaths int) time.Duration {
	if deaths <= 1 {
		return 0
	}
	d := firstPause
	for range deaths - 2 {
		if d *= 2; d >= maxPause {
			return maxPause
		}
	}
	return d
}
