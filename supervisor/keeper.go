package supervisor

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// child is one running incarnation, as a keeper needs it. launch makes it.
type child interface {
	PID() int
	Membership() string
	Ceilings() []app.Ceiling
	Trouble() error                        // what went wrong at its launch that is no reason not to run
	Tree() ([]int, error)                  // pids of the living
	Signal(syscall.Signal) error           // the main process
	Term(syscall.Signal) error             // as the app wants to be stopped
	Kill() error                           // SIGKILL to the whole tree
	WhenEmpty(func())                      // once, when no process of the tree is left
	Drain()                                // have its output so far written
	Queue(message []byte) (Flusher, error) // for its IPC channel
	Input(text string) error               // to its standard input
	Handle() handle                        // what the next supervisor finds it by
	Retire() error                         // take nothing new, finish what it began, and tell by Drained
	Close()                                // after the end: drop what is held for it
}

// launcher starts an incarnation. exited is called once, from anywhere, and must not block.
type launcher interface {
	launch(p *app.Process, gen uint64, exited func(spawn.Exit)) (child, error)
	// adopt finds a child of a former supervisor, and what remains of its tree. exited is as for launch, for a child that lives.
	adopt(p *app.Process, c lifecycle.Child, h handle, left estate, exited func(spawn.Exit)) found
	// settleEstate deals with what no child claimed.
	settleEstate(left estate, process func(app.ID) *app.Process)
	// killUnborn ends what was forked and has not become a program.
	killUnborn()
	// find is the main process of an incarnation of which no more is known than that it was to be forked; 0 is none.
	find(id app.ID, gen uint64) (pid int)
	// removePID takes a pid file away.
	removePID(path string)
}

// keeper owns one process: its wish, its state, its children. One goroutine at a time runs it, and none when there is nothing
// to do; everybody else talks to its mailbox and reads its view.
type keeper struct {
	id   app.ID
	mail *mailbox
	sup  *Supervisor
	view atomic.Pointer[app.Process] // as of the last step; readers copy it and never change it
	life atomic.Pointer[lifecycle.State]
	told toldBy // what the process says of itself
	// listens is the last incarnation of a cluster's worker that listened to something.
	listens atomic.Uint64
	watches atomic.Bool   // every change of its files will be seen
	done    chan struct{} // closed when the keeper has ended
	past    past          // its own events

	stale atomic.Bool // it is about to be restarted: others count on what comes then

	// The rest belongs to the goroutine.
	alarm   *time.Timer // puts a tick when the machine needs one; nil until it first did
	state   lifecycle.State
	policy  lifecycle.Policy
	proc    app.Process // the view to be: everything but what derives from state
	kids    map[uint64]child
	waiters []*join
	byHand  bool   // the last input came from an operator
	cause   string // who or what the last input came from
	asked   string // who or what the child that is dying was asked by: what comes of its end is their doing
	sources sources
	probed  probed
	sick    atomic.Int32 // ends that probes have caused since it was last well
	hurried bool         // policy has another kill timeout than the spec
	scarce  scarcity
	gate    gate
	specKey string // of the spec in the journal
	buried  uint64 // the child whose exit the state tells of now
	exit    spawn.Exit
	mark    mark // the last operation that told it something
	marked  bool // and that is not written down

	released bool   // it is a spare's, and was told to listen
	expected string // the app whose sockets it is meant to use
}

// exitLost is said of a child that ended while nobody who could tell looked.
const exitLost = "its exit status is unknown"

func newKeeper(sup *Supervisor, p app.Process) *keeper {
	k := &keeper{
		id: p.ID, sup: sup, done: make(chan struct{}),
		proc: p, policy: sup.opts.Defaults.policy(p.Spec), kids: make(map[uint64]child, 1),
		state: lifecycle.State{Restarts: p.Restarts, Born: p.Created},
	}
	k.mail = newMailbox(k.work)
	k.publish()
	return k
}

// start has the keeper work on what it has been told, and from now on is. Its life ends when the process is deleted and
// nothing of it is left.
func (k *keeper) start() {
	k.sup.keepers.Add(1)
	k.mail.open()
}

// work does what there is to do, and leaves the alarm set for what is to be done later.
func (k *keeper) work() {
	for {
		if messages := k.mail.take(); len(messages) > 0 {
			for _, m := range messages {
				k.handle(m)
			}
			k.attach()
			k.settle()
		}
		if k.state.Done() {
			k.leave()
			return
		}
		k.setAlarm()
		if k.mail.rest() {
			return
		}
	}
}

// setAlarm has the alarm ring when the machine needs a Tick.
func (k *keeper) setAlarm() {
	switch d := k.state.Deadline(k.policy); {
	case d.IsZero():
		if k.alarm != nil {
			k.alarm.Stop()
		}
	case k.alarm == nil:
		k.alarm = time.AfterFunc(time.Until(d), func() { k.mail.put(tick{}) })
	default:
		k.alarm.Reset(time.Until(d))
	}
}

// leave tells everybody of the end, after the process is off the list. The mailbox stays busy: nobody takes from it again.
func (k *keeper) leave() {
	defer k.sup.keepers.Done()
	if k.alarm != nil {
		k.alarm.Stop()
	}
	k.detach()
	k.sup.forget(k)
	close(k.done)
	for _, w := range k.waiters {
		close(w.done)
	}
	for _, m := range k.mail.take() { // whoever came too late
		switch m := m.(type) {
		case tell:
			m.pass.leave()
			if m.join != nil {
				close(m.join.done)
			}
		case *join:
			close(m.done)
		case sendSignal:
			m.reply <- errGone
		case deliver:
			m.reply <- errGone
		case listTree:
			m.reply <- nil
		case enlist:
			close(m.done)
		}
	}
}

func (k *keeper) handle(m message) {
	switch m := m.(type) {
	case tell:
		k.byHand, k.cause = m.by, m.cause
		switch m.in.(type) {
		case lifecycle.Empty, lifecycle.Drained:
			k.cause = k.asked
		}
		gen := k.state.LastGen
		if m.part.op != nil {
			k.mark, k.marked = m.part.tells(k, gen), true
		}
		k.step(m.in)
		m.pass.leave()
		k.remember(m.cause)
		k.unwait()
		if m.join != nil {
			m.join.gen = gen
			k.waiters = append(k.waiters, m.join)
		}
	case died:
		k.exit, k.buried = m.exit, m.gen
		if c := k.kids[m.gen]; c != nil {
			c.WhenEmpty(func() { k.mail.put(tell{in: lifecycle.Empty{Gen: m.gen}}) })
		}
		k.byHand, k.cause = false, k.asked
		if k.proc.Spec.Warm > 0 && !k.proc.Spare && m.gen == k.state.Cur.Gen && !k.state.Cur.Asked && k.state.Want == lifecycle.Up {
			k.sup.reserve.standIn(k, m.gen)
		}
		x := lifecycle.Exited{Gen: m.gen, Code: m.exit.Code, Signal: int(m.exit.Signal)}
		if m.exit.Lost {
			x.Code, x.Err = 0, exitLost
		}
		k.step(x)
		k.remember("")
	case respec:
		k.respecify(m.spec)
		if k.state.Hold != lifecycle.Free {
			k.sup.lookouts.add(k)
			k.reconsider()
		}
	case rename:
		if m.gen == k.state.Cur.Gen && m.name != k.proc.Name {
			spec := *k.proc.Spec // shares what is never changed in place
			spec.Name = m.name
			k.respecify(&spec)
		}
	case hurry:
		k.policy.KillTimeout, k.hurried = m.timeout, true
		for _, c := range []*lifecycle.Child{&k.state.Cur, &k.state.Old} {
			if at := time.Now().Add(m.timeout); !c.KillAt.IsZero() && c.KillAt.After(at) {
				c.KillAt = at
			}
		}
	case refork:
		k.refork(m.gen)
	case tick:
		k.byHand, k.cause = false, ""
		k.step(lifecycle.Tick{})
	case reconsider:
		if k.state.Hold != lifecycle.Free {
			k.reconsider()
		}
	case released:
		k.released = true
		k.expect()
	case enlist:
		k.enlist()
		close(m.done)
	case resumed: // the sources are attached after each message
	case sendSignal:
		c := k.kids[k.state.Cur.Gen]
		if c == nil || k.state.Cur.Dead {
			m.reply <- ErrNotRunning
			return
		}
		err := c.Signal(m.sig)
		if err == nil && m.part.op != nil { // after it: rather twice than told and not done
			k.mark = m.part.tells(k, k.state.LastGen)
			k.sup.book.note(k, false, false)
		}
		m.reply <- err
	case deliver:
		m.reply <- k.current(m.do)
	case listTree:
		var pids []int
		for _, c := range k.kids {
			tree, err := c.Tree()
			k.fail("list the tree", err)
			pids = append(pids, tree...)
		}
		m.reply <- pids
	case finding:
		k.found(m)
	case countKills:
		k.counted(m.gen)
	case *join:
		k.waiters = append(k.waiters, m)
	}
}

// current has something done with the child that runs.
func (k *keeper) current(do func(child) error) error {
	c := k.kids[k.state.Cur.Gen]
	if c == nil || k.state.Cur.Dead {
		return ErrNotRunning
	}
	return do(c)
}

// respecify has the next incarnation run by another spec.
func (k *keeper) respecify(spec *app.Spec) {
	k.proc.Spec = spec
	k.proc.Name, k.proc.Namespace, k.proc.Mode = spec.Name, spec.NamespaceOrDefault(), spec.Mode
	k.policy = k.sup.opts.Defaults.policy(spec)
	k.publish()
}

// remember keeps a cause for as long as what it has led to is under way.
func (k *keeper) remember(cause string) {
	switch {
	case !k.state.Cur.Asked && !k.state.Old.Asked:
		k.asked = ""
	case cause != "":
		k.asked = cause
	}
}

// step lets the machine decide, then does what it decided, in order.
func (k *keeper) step(in lifecycle.Input) {
	inputs := []lifecycle.Input{in}
	for len(inputs) > 0 {
		var effects []lifecycle.Effect
		k.state, effects = lifecycle.Step(k.policy, k.state, time.Now(), inputs[0])
		k.note(inputs[0])
		inputs = inputs[1:]
		k.publish()
		for _, e := range effects {
			if next := k.do(e); next != nil {
				inputs = append(inputs, next)
			}
		}
	}
	k.reap()
	k.ungate()
	if k.hurried && resting(&k.state) {
		k.policy, k.hurried = k.sup.opts.Defaults.policy(k.proc.Spec), false
	}
}

// do carries out one effect. What comes of a Spawn is the next input.
func (k *keeper) do(e lifecycle.Effect) lifecycle.Input {
	switch e := e.(type) {
	case lifecycle.Spawn:
		return k.spawn(e.Gen)
	case lifecycle.Await:
		return k.look()
	case lifecycle.Drain:
		if c := k.kids[e.Gen]; c == nil || c.Retire() != nil {
			return lifecycle.Drained(e)
		}
	case lifecycle.Term:
		if c := k.kids[e.Gen]; c != nil {
			k.fail("stop", c.Term(k.sup.stopSignal(k.proc.Spec)))
		}
	case lifecycle.Kill:
		if c := k.kids[e.Gen]; c != nil {
			k.tellKill(e.Gen)
			k.fail("kill", c.Kill())
		}
	case lifecycle.Emit:
		k.emit(e)
	}
	return nil
}

func (k *keeper) spawn(gen uint64) lifecycle.Input {
	for _, c := range k.kids {
		c.Drain()
	}
	p := k.view.Load()
	c, err := k.sup.launcher.launch(p, gen, func(x spawn.Exit) { k.mail.put(died{gen, x}) })
	if err != nil {
		if k.postpone(gen, err) {
			return nil
		}
		return lifecycle.Exited{Gen: gen, Err: err.Error()}
	}
	k.kids[gen] = c
	k.proc.Reason = ""
	k.proc.Membership = c.Membership()
	if read := k.sup.opts.Version; read != nil && gen > 1 {
		k.proc.Version = read(p) // its program runs already: nobody waits for this
	}
	k.heldBack(c, true)
	k.fail("launch", c.Trouble())
	return lifecycle.Spawned{Gen: gen, PID: c.PID(), Since: began(c.Handle().Start)}
}

// fail tells the world of something that did not work, as nobody waits for it.
func (k *keeper) fail(doing string, err error) {
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		k.publishEvent(app.Event{Kind: app.EventFailed, ID: k.id, Name: k.proc.Name, Message: doing + ": " + err.Error()})
	}
}

// reap drops the children that the machine knows no more.
func (k *keeper) reap() {
	for gen, c := range k.kids {
		if gen != k.state.Cur.Gen && gen != k.state.Old.Gen {
			delete(k.kids, gen)
			c.Close()
		}
	}
}

// settle answers those whose condition holds now. When the process is gone leave answers them all.
func (k *keeper) settle() {
	if k.state.Done() {
		return
	}
	keep := k.waiters[:0]
	for _, w := range k.waiters {
		if w.until(&k.state, w.gen) {
			close(w.done)
		} else {
			keep = append(keep, w)
		}
	}
	clear(k.waiters[len(keep):])
	k.waiters = keep
}
