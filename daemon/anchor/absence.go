//go:build unix

package anchor

import "time"

// pourAfter is how long services may be without a supervisor before the anchor carries what they print.
const pourAfter = 2 * time.Second

// absence is the time without a supervisor that is ready.
type absence struct {
	since   time.Time // zero while there is one
	pour    *pourer   // nil while nothing is carried
	last    *pourer   // the last of them, which may not have ended
	careful bool      // supervisors of the proven executable say when they own the pipes
}

// missing begins it.
func (a *anchor) missing(now time.Time) {
	if a.life.everReady && a.absent.since.IsZero() {
		a.absent.since = now
	}
}

// present ends it.
func (a *anchor) present() {
	a.noteOwner()
	a.absent.since = time.Time{}
	a.endPouring()
}

// pours reports that it is time to begin to carry, and when that is.
func (a *anchor) pours() (due time.Time, any bool) {
	if a.absent.since.IsZero() || a.absent.pour != nil {
		return time.Time{}, false
	}
	return a.absent.since.Add(pourAfter), true
}

// starting and started tell who carries of a supervisor.
func (a *anchor) starting() {
	if p := a.absent.pour; p != nil {
		p.starts()
	}
}

func (a *anchor) started() {
	p := a.absent.pour
	switch {
	case p == nil:
	case a.sup == nil:
		p.lives(0, true)
	default:
		p.lives(a.sup.pid, a.absent.careful && a.exes.current == a.exes.proven)
	}
}
