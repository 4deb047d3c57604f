//go:build unix

package anchor

import (
	"strconv"
	"syscall"
	"time"
)

// watch begins to ask a supervisor that is ready how it is, if it knows how to answer.
func (a *anchor) watch() {
	if a.sup.protocol >= 2 {
		a.dog.begin(time.Now())
	}
}

// supervise sees to it that the supervisor is well.
func (a *anchor) supervise(now time.Time) {
	switch {
	case !a.killAt.IsZero():
		if !now.Before(a.killAt) {
			a.sup.signal(syscall.SIGKILL)
			a.killAt = now.Add(dumpTime) // a process in the middle of a system call may take its time
		}
	case !a.life.ready:
		if limit := a.startLimit(); now.Sub(a.life.born) >= limit {
			a.putDown(now, "is not ready after "+limit.String())
		} else if a.dog.halts(now, isStopped(a.sup.pid)) {
			a.putDown(now, "has been stopped for "+a.dog.limit.String())
		}
	default:
		ping, hangs := a.dog.look(now)
		if hangs {
			a.putDown(now, "has not answered for "+a.dog.limit.String())
		}
		if ping {
			_ = a.sup.send(MessagePing + " " + strconv.FormatInt(now.Unix(), 10)) // a full socket is not answered either
		}
	}
}

func (a *anchor) startLimit() time.Duration {
	if a.trial {
		return trialLimit
	}
	return startLimit
}

// putDown ends a supervisor that hangs; its last words, where each goroutine is, go to the log. SIGABRT makes the Go
// runtime say them; SIGQUIT would too, but is a request to end in order.
func (a *anchor) putDown(now time.Time, why string) {
	a.log.print("supervisor " + strconv.Itoa(a.sup.pid) + " " + why + ": ending it")
	a.sup.hung = why
	a.sup.signal(syscall.SIGABRT)
	a.sup.signal(syscall.SIGCONT) // it may have been stopped
	a.killAt = now.Add(dumpTime)
}
