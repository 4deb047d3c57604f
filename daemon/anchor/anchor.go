//go:build unix

package anchor

import (
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The exit codes of Run, when it is not the supervisor's own.
const (
	exitFailed = 1
	exitHeld   = 3 // another anchor holds the lock; 0 if somebody waits at the ready pipe, who is told so
)

// Run is the anchor's whole life. It must be called early in a process that does nothing else: it closes descriptors
// that it does not know, and reaps all children. If descriptor 3 is the write end of a pipe, the outcome of the start is
// written there: "ok PID", "held PID" or "error TEXT".
func Run(o Options) int {
	lean()
	ready := inheritReady()
	closeStray(ready)
	a, code := set(o, ready)
	if a == nil {
		return code
	}
	return a.loop()
}

// lean keeps small a process that hardly allocates.
func lean() {
	runtime.GOMAXPROCS(1)
}

// collectEvery is after how many events to collect garbage. Go's own pace would first let 4 MB pile up, and changing it
// takes runtime/debug, which brings fmt into the front end: with this, 20,000 orphans leave 1.4 MB of private memory.
const collectEvery = 512

// set takes hold: after it this process is the anchor of the home. If it cannot be, a is nil.
func set(o Options, ready *readyPipe) (a *anchor, code int) {
	fail := func(doing string, err error) (*anchor, int) {
		text := doing + ": " + err.Error()
		ready.say("error", text)
		complain(text)
		return nil, exitFailed
	}
	for _, path := range []*string{&o.Home, &o.Lock, &o.Log, &o.Weaverd} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return fail("find "+*path, err)
		}
		*path = abs
	}
	if err := os.MkdirAll(o.Home, 0o700); err != nil {
		return fail("make the home", err)
	}
	lock, err := takeLock(o.Lock, "weaver --anchor "+o.Home)
	if held, ok := err.(*heldError); ok {
		if ready.say("held", strconv.Itoa(held.pid)) {
			return nil, 0
		}
		complain(held.Error())
		return nil, exitHeld
	}
	if err != nil {
		return fail("take "+o.Lock, err)
	}
	log, err := openLog(o.Log)
	if err != nil {
		return fail("open the log", err)
	}
	if err := os.Chdir("/"); err != nil { // keep no file system busy
		return fail("leave the current directory", err)
	}
	if err := adoptOrphans(); err != nil {
		// Without it services still run and restart; they only get lost if the supervisor dies.
		log.print("cannot adopt orphans: " + err.Error())
	}
	setTitle("weaver")
	return &anchor{options: o, ready: ready, lock: lock, log: log}, 0
}

// anchor is the state of the loop. One goroutine owns it.
type anchor struct {
	options Options
	ready   *readyPipe
	lock    int // descriptor of daemon.lock
	log     *logFile

	life  life
	sup   *supervisor // the one that lives; nil between two
	last  string      // how the last one ended
	news  news        // orphans that no supervisor knows of yet
	asked syscall.Signal
	done  bool
	code  int
}

// loop runs until the supervisor has ended for good.
func (a *anchor) loop() int {
	children := make(chan os.Signal, 1) // one pending SIGCHLD is as good as many: reap takes all
	signal.Notify(children, syscall.SIGCHLD)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	defer signal.Stop(children)
	defer signal.Stop(signals)

	wake := time.NewTimer(0) // when to start a supervisor, or to try again to tell it the news
	for n := 1; !a.done; n++ {
		if n%collectEvery == 0 {
			runtime.GC()
		}
		var messages <-chan string
		if a.sup != nil {
			messages = a.sup.messages
		}
		select {
		case <-children:
			a.reap()
		case s := <-signals:
			a.signal(s.(syscall.Signal))
		case text, ok := <-messages:
			if !ok {
				a.sup.messages = nil // it has closed its end, and will be reaped
				break
			}
			a.hear(text)
		case <-wake.C:
			if a.sup == nil {
				a.start()
			}
		}
		a.tell()
		switch {
		case a.sup == nil:
			wake.Reset(time.Until(a.life.startAt))
		case !a.news.empty():
			wake.Reset(newsRetry)
		}
	}
	return a.code
}

// newsRetry is how long to wait for a supervisor that does not read.
const newsRetry = 100 * time.Millisecond

// start starts a supervisor.
func (a *anchor) start() {
	a.log.shorten()
	sup, err := launch(a.options, a.lock, a.log.fd)
	if err != nil {
		problem := "cannot run " + a.options.Weaverd + ": " + err.Error()
		a.died(problem, exitFailed, problem)
		return
	}
	a.sup = sup
	a.life.started(time.Now())
	a.log.print("supervisor " + strconv.Itoa(sup.pid) + " started")
	hello := Hello{Protocol: Protocol, Restarts: a.life.restarts, Last: a.last}
	if err := sup.send(hello.String()); err != nil {
		a.log.print("cannot greet the supervisor: " + err.Error())
	}
}

// reap takes the status of every child that is dead.
func (a *anchor) reap() {
	pid := 0
	if a.sup != nil {
		pid = a.sup.pid
	}
	reap(pid, func(dead int, status syscall.WaitStatus) {
		if a.sup == nil || dead != a.sup.pid {
			a.news.add(dead, uint32(status))
			return
		}
		a.sup.reaped = true
		for _, text := range a.sup.rest() { // what it said last may still lie in the socket
			a.hear(text)
		}
		how, code := ending(status)
		if a.sup.failed != "" {
			how += ": " + a.sup.failed
		}
		a.died(how, code, a.sup.failed)
	})
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
	a.sup, a.last = nil, how
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

// end leaves the loop. problem is for whoever still waits for a supervisor that is ready.
func (a *anchor) end(code int, problem string) {
	a.ready.say("error", problem)
	a.done, a.code = true, code
}

// hear acts on a message of the supervisor.
func (a *anchor) hear(text string) {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case MessageReady:
		if a.life.ready {
			return
		}
		a.life.becameReady()
		a.log.print("supervisor " + strconv.Itoa(a.sup.pid) + " is ready")
		a.ready.say("ok", strconv.Itoa(a.sup.pid))
		if a.asked != 0 {
			a.sup.signal(a.asked)
		}
	case MessageFailed:
		a.sup.failed = rest
		if !a.life.everReady {
			a.ready.say("error", rest)
		}
	case MessageBye:
		a.life.bye = true
	case MessageAck: // reserved: orphans are not kept as zombies yet
	default:
		a.log.print("supervisor " + strconv.Itoa(a.sup.pid) + " says what this anchor does not know: " + strconv.Quote(word))
	}
}

// signal passes a request to end on to the supervisor, who knows how to stop services.
func (a *anchor) signal(s syscall.Signal) {
	if s == syscall.SIGHUP {
		return // whoever hung up: the supervisor belongs to no terminal
	}
	again := a.asked != 0
	a.asked = s
	switch {
	case a.sup == nil && !a.life.everReady: // nothing runs yet
		a.end(128+int(s), "ended by a signal")
	case a.sup == nil:
		a.life.startAt = time.Time{} // only a supervisor can stop the services: get one now
	case a.life.ready || again:
		a.sup.signal(s)
	default: // it may not be listening to signals yet, and would just die; hear sends it on
	}
}

// tell sends what is known of orphans, as far as the supervisor takes it.
func (a *anchor) tell() {
	if a.sup != nil {
		a.news.flush(a.sup.send)
	}
}

// complain says why there is no anchor.
func complain(text string) {
	os.Stderr.WriteString("weaver: " + text + "\n")
}
