//go:build unix

package anchor

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// start starts a supervisor.
func (a *anchor) start() {
	a.log.shorten()
	how := a.life.plan()
	path, trial, previous, err := a.choose(how.previous)
	skipTail := how.skipTail || how.suspect && !previous
	a.starting()
	if gone := a.store.prune(); len(gone) > 0 {
		a.log.print("not open any more, and left out: " + strings.Join(gone, " "))
	}
	if err == nil {
		a.sup, err = launch(a.options, path, a.exes.current, a.self, a.lock, a.log.fd, &a.store)
	}
	if err != nil {
		if e, ok := err.(*os.PathError); ok {
			err = e.Err // the text names the file already
		}
		problem := "cannot run " + path + ": " + err.Error()
		a.trial = trial
		a.died(problem, exitFailed, problem)
		return
	}
	a.life.started(time.Now())
	a.started()
	a.trial = trial
	a.orphans.again()
	text := "supervisor " + strconv.Itoa(a.sup.pid) + " started"
	if previous {
		text += ", of the weaverd that ran before: the one on disk does not start"
	}
	if skipTail {
		text += ", without what was written last"
	}
	a.log.print(text)
	hello := Hello{
		Protocol: Protocol, Restarts: a.life.restarts, Last: a.last, SkipTail: skipTail, Previous: previous,
	}
	if err := a.sup.send(hello.String()); err != nil {
		a.log.print("cannot greet the supervisor: " + err.Error())
	}
}

// choose opens the executable for the next start, and tells the path to run it by: the file on disk, or the one that
// worked before. trial is one that is to replace it.
func (a *anchor) choose(previous bool) (path string, trial, isPrevious bool, err error) {
	if a.next.fd >= 0 {
		path = a.next.path
		a.exes.replace(a.next.fd)
		a.next.fd = -1
		return path, true, false, nil
	}
	path = a.options.Weaverd
	err = a.exes.open(path)
	unlike := a.exes.current != a.exes.proven
	if (err != nil || unlike && (previous || a.exes.isBad())) && a.exes.back() { // an upgrade has removed it, or it does not work
		if byFD := exePath(); byFD != "" {
			path = byFD
		}
		return path, false, true, nil
	}
	return path, false, false, err
}

// died decides what the end of a supervisor means. problem is the cause, if it is known: then there is no point in trying
// again while somebody waits for the first start.
func (a *anchor) died(how string, code int, problem string) {
	if a.sup != nil {
		a.log.print("supervisor " + strconv.Itoa(a.sup.pid) + " ended: " + how)
		a.sup.close()
	} else {
		a.log.print(how)
	}
	if a.trial {
		a.trial = false
		how = "the update to " + a.next.path + " failed: " + how
		a.log.print(how + "; going back")
		a.exes.condemn()
	}
	a.sup, a.last = nil, how
	a.started()
	a.missing(time.Now())
	a.dog.end()
	a.killAt = time.Time{}
	told := problem != ""
	if !told {
		problem = "the supervisor ended before it was ready: " + how
	}
	switch a.life.died(time.Now(), told, a.asked != 0) {
	case verdictEnd:
		a.end(code, problem)
	case verdictGiveUp:
		a.log.print("giving up: nothing runs yet")
		a.end(exitFailed, problem)
	case verdictAbandon:
		a.log.print("giving up: it was asked to end, and does not do so in order; services that run are left alone")
		a.end(exitFailed, problem)
	case verdictAgain:
	}
}
