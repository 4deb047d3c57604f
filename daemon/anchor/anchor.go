//go:build unix

package anchor

import (
	"errors"
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
//
// A process that becomes the anchor by exec, the supervisor of one that died or the anchor that is replaced by a newer one,
// leaves a listing in InheritEnv: then the lock is held already, the children are those that it had, and what it held goes
// on being held.
func Run(o Options) int {
	lean()
	from, err := inherit(InheritEnv)
	var ready *readyPipe
	if from.Lock < 0 {
		ready = inheritReady()
	}
	closeStray(ready, from)
	if err != nil {
		complain(err.Error())
		return exitFailed
	}
	a, code := set(o, ready, from)
	if a == nil {
		return code
	}
	return a.loop()
}

// InheritEnv names the descriptor of the listing that a process leaves to itself when it becomes the anchor.
const InheritEnv = "WEAVER_INHERIT_FD"

// lean keeps small a process that hardly allocates.
func lean() {
	runtime.GOMAXPROCS(1)
}

// collectEvery is after how many events to collect garbage. Go's own pace would first let 4 MB pile up, and changing it
// takes runtime/debug, which brings fmt into the front end: with this, 20,000 orphans leave 1.4 MB of private memory.
const collectEvery = 512

// set takes hold: after it this process is the anchor of the home. If it cannot be, a is nil.
func set(o Options, ready *readyPipe, from Listing) (a *anchor, code int) {
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
	heir := from.Lock >= 0 // then nothing is a reason to give up
	if n, known := mostFiles(); known && n < leastFiles && !heir {
		return fail("begin", errors.New("the limit of open files is "+strconv.FormatUint(n, 10)+", which is too low to work with: raise it (ulimit -n)"))
	}
	if err := os.MkdirAll(o.Home, 0o700); err != nil && !heir {
		return fail("make the home", err)
	}
	lock, err := from.Lock, error(nil)
	if !heir {
		lock, err = takeAlone(o)
	} else {
		signLock(lock, holderCommand(o))
	}
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
		if !heir {
			return fail("open the log", err)
		}
		log = &logFile{fd: 2}
		log.print("cannot open the log: " + err.Error())
	}
	if err := os.Chdir("/"); err != nil && !heir { // keep no file system busy
		return fail("leave the current directory", err)
	}
	if err := adoptOrphans(); err != nil {
		// Without it services still run and restart; they only get lost if the supervisor dies.
		log.print("cannot adopt orphans: " + err.Error())
	}
	setTitle("weaver")
	a = &anchor{options: o, ready: ready, lock: lock, log: log, exes: noExecutables(), self: ownExecutable(), next: noUpdate(), dog: watchdog{limit: DefaultWatchdog}}
	a.takeOver(from)
	return a, 0
}

// leastFiles is the limit of open files below which a supervisor could not even say that it has none free for a service.
const leastFiles = 2 * firstStored

// mostFiles is to how many open files our limit may be raised.
func mostFiles() (n uint64, known bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return uint64(limit.Max), err == nil
}

// anchorCommand is what the text in a lock begins with that an anchor holds.
const anchorCommand = "weaver --anchor "

func holderCommand(o Options) string { return anchorCommand + o.Home }

// anchor is the state of the loop. One goroutine owns it.
type anchor struct {
	options Options
	ready   *readyPipe
	lock    int // descriptor of daemon.lock
	log     *logFile

	life    life
	exes    executables
	self    int         // descriptor of our own executable; -1 if there is none
	next    update      // what to start next
	trial   bool        // the supervisor that lives is the first of its executable
	sup     *supervisor // the one that lives; nil between two
	last    string      // how the last one ended
	dog     watchdog
	killAt  time.Time // when one that hangs is killed; zero if none does
	busy    time.Time // when something happened last; zero after the rest from it
	absent  absence
	orphans orphans
	// One zombie hides the others.
	hidden   bool          // somebody died since all children were looked at
	pass     time.Time     // when to look at all of them; zero if there is no need
	passTook time.Duration // the last time
	store    store
	asked    syscall.Signal
	done     bool
	code     int
}

// takeOver goes on with what the process had that has become this one.
func (a *anchor) takeOver(from Listing) {
	if from.Lock < 0 {
		return
	}
	a.life.everReady = true // services may run: never give up
	a.life.restarts, a.last = from.Restarts, from.Last
	if from.Watchdog > 0 {
		a.dog.limit = time.Duration(from.Watchdog) * time.Millisecond
	}
	if fd, had := from.FDs[ExeName]; had {
		a.exes.current = fd
		a.exes.prove()
	}
	if fd, had := from.FDs[AnchorName]; had {
		syscall.Close(fd) // that of the last one; we have our own
	}
	delete(from.FDs, ExeName)
	delete(from.FDs, AnchorName)
	a.store.fds = from.FDs
	a.disown()
	if from.Control >= 0 && from.PID > 0 {
		a.sup = attach(from.PID, from.Control)
		a.sup.protocol = from.Protocol
		a.life.started(time.Now())
		if from.Ready {
			a.life.becameReady()
			a.watch()
			a.present()
		}
		_ = a.sup.send(MessageBecame) // it waits for this
	}
	if a.sup == nil || !a.life.ready {
		a.missing(time.Now())
	}
	a.log.print("took over with " + strconv.Itoa(len(from.FDs)) + " descriptors")
}

// loop runs until the supervisor has ended for good.
func (a *anchor) loop() int {
	children := make(chan os.Signal, 1) // one pending SIGCHLD is as good as many: reap takes all
	signal.Notify(children, syscall.SIGCHLD)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	defer signal.Stop(children)
	defer signal.Stop(signals)

	a.hidden = true
	a.reap() // whoever died before there was anybody to hear of it
	wake := time.NewTimer(0)
	for n := 1; !a.done; n++ {
		if n%collectEvery == 0 {
			runtime.GC()
		}
		var messages <-chan message
		if a.sup != nil {
			messages = a.sup.messages
		}
		select {
		case <-children:
			a.hidden = true
			a.reap()
		case s := <-signals:
			a.signal(s.(syscall.Signal))
		case m, ok := <-messages:
			if !ok {
				a.sup.messages = nil // it has closed its end, and will be reaped
				break
			}
			a.hear(m)
		case <-wake.C:
			a.act(time.Now())
			a.rest(time.Now())
		}
		a.tell()
		if next, any := a.due(); any {
			wake.Reset(time.Until(next))
		}
	}
	return a.code
}

// calm is how long nothing may have happened before the pages of the program are given back.
const calm = 5 * time.Second

// rest gives back what was needed for what happened, once nothing does any more but that the supervisor is watched.
func (a *anchor) rest(now time.Time) {
	if !a.busy.IsZero() && now.Sub(a.busy) > calm {
		a.busy = time.Time{}
		ReleaseProgram()
	}
}

// act does what is due.
func (a *anchor) act(now time.Time) {
	if !a.pass.IsZero() && !now.Before(a.pass) {
		a.passOver()
	}
	if due, any := a.pours(); any && !now.Before(due) {
		a.beginPouring()
	}
	if a.sup == nil {
		if !a.done && !now.Before(a.life.startAt) {
			a.start()
		}
		return
	}
	a.supervise(now)
}

// due is when something is due, if anything is.
func (a *anchor) due() (next time.Time, any bool) {
	sooner := func(t time.Time) {
		if !any || t.Before(next) {
			next, any = t, true
		}
	}
	if !a.pass.IsZero() {
		sooner(a.pass)
	}
	if due, any := a.pours(); any {
		sooner(due)
	}
	switch {
	case a.sup == nil:
		sooner(a.life.startAt)
		return next, any
	case !a.killAt.IsZero():
		sooner(a.killAt)
	case !a.life.ready:
		sooner(a.life.born.Add(a.startLimit()))
		if a.dog.limit > 0 {
			sooner(time.Now().Add(a.dog.period()))
		}
	case a.dog.watches():
		sooner(a.dog.due())
	}
	if a.orphans.waiting() {
		sooner(time.Now().Add(newsRetry))
	}
	return next, any
}

// newsRetry is how long to wait for a supervisor that does not read.
const newsRetry = 100 * time.Millisecond

// end leaves the loop. problem is for whoever still waits for a supervisor that is ready.
func (a *anchor) end(code int, problem string) {
	a.ready.say("error", problem)
	a.done, a.code = true, code
}

// hear acts on a message of the supervisor.
func (a *anchor) hear(m message) {
	word, rest, _ := strings.Cut(m.text, " ")
	if word != MessagePong {
		a.busy = time.Now()
	}
	switch word {
	case MessageKeep, MessageBecome, MessageNext, MessageLock:
	default:
		closeAll(m.fds)
	}
	switch word {
	case MessageReady:
		a.becameReady(rest)
	case MessageFailed:
		a.sup.failed = rest
		if !a.life.everReady {
			a.ready.say("error", rest)
		}
	case MessageBye:
		a.life.bye = true
	case MessageAck:
		a.acknowledged(rest)
	case MessageKeep:
		a.keep(strings.Fields(rest), m.fds)
	case MessageDrop:
		a.store.drop(strings.Fields(rest))
	case MessagePong:
		a.dog.alive(time.Now())
	case MessageBecome:
		a.become(m.fds)
	case MessageNext:
		a.next.set(rest, m.fds)
	case MessageLock:
		a.relocked(m.fds)
	case MessageLeave:
		a.life.left = true
	case MessageWatchdog:
		if ms, err := strconv.Atoi(rest); err == nil && ms >= 0 {
			a.dog.limit = time.Duration(ms) * time.Millisecond
		}
	default:
		a.log.print("supervisor " + strconv.Itoa(a.sup.pid) + " says what this anchor does not know: " + strconv.Quote(word))
	}
}

// becameReady is told that the supervisor serves.
func (a *anchor) becameReady(protocol string) {
	if a.life.ready {
		return
	}
	a.life.becameReady()
	a.exes.prove()
	if a.trial {
		a.options.Weaverd, a.trial = a.next.path, false
	}
	a.sup.protocol, _ = strconv.Atoi(protocol) // the first said nothing
	a.watch()
	a.present()
	a.log.print("supervisor " + strconv.Itoa(a.sup.pid) + " is ready")
	a.ready.say("ok", strconv.Itoa(a.sup.pid))
	if a.asked != 0 {
		a.sup.signal(a.asked)
	}
}

// keep takes descriptors into the store.
func (a *anchor) keep(names []string, fds []int) {
	refused := a.store.keep(names, fds)
	if len(refused) == 0 {
		return
	}
	a.log.print("cannot keep " + strconv.Itoa(len(refused)) + " descriptors, such as " + strconv.Quote(refused[0]))
	if a.sup != nil && !a.sup.reaped {
		_ = a.sup.send(MessageRefused + " " + strings.Join(refused, " ")) // it is no worse off for not knowing
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
	if a.sup == nil {
		return
	}
	a.orphans.flush(a.sup.send)
	if a.life.ready && a.sup.protocol < 2 { // it does not answer
		for pid := range a.orphans.dead {
			if a.orphans.isTold(pid) && a.orphans.acknowledge(pid) {
				takeStatus(pid)
			}
		}
	}
}

// complain says why there is no anchor.
func complain(text string) {
	os.Stderr.WriteString("weaver: " + text + "\n")
}
