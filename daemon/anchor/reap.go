//go:build unix

package anchor

import (
	"strconv"
	"strings"
	"syscall"
	"time"
)

// takeStatus reaps a child that is dead; ok is false if it is not.
func takeStatus(pid int) (status syscall.WaitStatus, ok bool) {
	for {
		got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		if err != syscall.EINTR {
			return status, err == nil && got == pid
		}
	}
}

// passEvery is how long to wait at least until a pass over all children; passShare is how many times as long as the last one
// took.
const (
	passEvery = 10 * time.Millisecond
	passShare = 30
)

// reap looks at who is dead. The supervisor's status is taken at once; orphans stay zombies until it knows of them.
//
// The kernel shows one zombie at a time, and the same until it is reaped. Mostly that is enough: the supervisor answers,
// the zombie is reaped, the next one shows. When answers take long, all children are looked at, now and then.
func (a *anchor) reap() {
	if a.sup != nil && !a.sup.reaped {
		if status, ok := takeStatus(a.sup.pid); ok {
			a.supervisorDied(status)
		}
	}
	for !a.done {
		pid, status := peekDead(0)
		if pid == 0 {
			a.pass, a.hidden = time.Time{}, false
			return
		}
		if a.sup != nil && pid == a.sup.pid {
			return // it died just now; there is a signal for that
		}
		if !a.note(pid, status) {
			break
		}
	}
	if a.pass.IsZero() && a.hidden {
		a.pass = time.Now().Add(max(passEvery, passShare*a.passTook))
	}
}

// note takes note of a zombie, and reports whether the next may show.
func (a *anchor) note(pid int, status syscall.WaitStatus) (gone bool) {
	if a.orphans.known(pid) {
		return false
	}
	if a.orphans.add(Orphan{PID: pid, Status: uint32(status), Start: startTime(pid)}) {
		return false
	}
	takeStatus(pid)
	return true
}

// passOver looks at all children, since one zombie hides the others.
func (a *anchor) passOver() {
	began := time.Now()
	a.pass, a.hidden = time.Time{}, false
	pids, ok := childPIDs()
	if !ok { // no such list: whoever is in the way goes, and is remembered
		if pid, _ := peekDead(0); pid != 0 && a.orphans.known(pid) {
			takeStatus(pid)
		}
	}
	for _, pid := range pids {
		if a.orphans.known(pid) || a.sup != nil && pid == a.sup.pid {
			continue
		}
		if dead, status := peekDead(pid); dead != 0 {
			a.note(pid, status)
		}
	}
	a.passTook = time.Since(began)
	a.reap()
}

// acknowledged reaps those whose status the supervisor knows.
func (a *anchor) acknowledged(pids string) {
	for word := range strings.FieldsSeq(pids) {
		if pid, err := strconv.Atoi(word); err == nil && a.orphans.acknowledge(pid) {
			takeStatus(pid)
		}
	}
	a.reap()
}

// supervisorDied acts on the end of the supervisor, whose status is that.
func (a *anchor) supervisorDied(status syscall.WaitStatus) {
	a.sup.reaped = true
	for _, m := range a.sup.rest() { // what it said last may still lie in the socket
		a.hear(m)
	}
	if status.Signaled() && status.Signal() == syscall.SIGKILL && a.sup.hung == "" {
		a.life.wasShot()
	}
	how, code := ending(status)
	if a.sup.hung != "" {
		how = "it " + a.sup.hung + ", and was ended: " + how
	}
	if a.sup.failed != "" {
		how += ": " + a.sup.failed
	}
	a.died(how, code, a.sup.failed)
}
