// Package supervisor keeps processes as wished.
//
// One keeper per process owns its state and lets lifecycle decide; spawn and logs do what was decided. Nothing here knows
// of sockets, flags or files that users write: doors call Start, Do, Scale, List and Events.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"weaver/app"
	"weaver/logs"
	"weaver/procstat"
	"weaver/supervisor/journal"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/nodeipc"
	"weaver/supervisor/spawn"
)

// Errors that callers can act on.
var (
	errGone = errors.New("the process was deleted")
	// ErrUnknown is returned for an id that no process has.
	ErrUnknown = errors.New("no process has this id")
	// ErrNotRunning is returned for what only a running process can do.
	ErrNotRunning = errors.New("no process is running")
	// ErrNoIPC is returned for a message to a process that has no channel.
	ErrNoIPC = errors.New("the process has no IPC channel")
	// ErrClosed is returned for work asked of a supervisor that is shutting down.
	ErrClosed = errors.New("the supervisor is shutting down")
)

// Options is what a Supervisor needs. All of it is handed in: a supervisor opens nothing by itself.
type Options struct {
	Spawner *spawn.Spawner
	Logs    *logs.Engine
	Sampler *procstat.Sampler // may be nil: then usage is zero
	// ChildEnv returns the variables that a door adds to a process's environment (PM2's pm_id and the like).
	ChildEnv func(*app.Process) app.Env
	// ChildArgs returns arguments that a door puts before those of an app's interpreter.
	ChildArgs func(*app.Process) []string
	// Version reads what version a process's program is of, at each start but the first, whose spec says it. Nil: it does
	// not change.
	Version func(*app.Process) string
	// Identity marks what belongs to this supervisor, in environments and cgroups.
	Identity string
	// Home is where weaver's own files are: no change for who watches a directory around it. "" is nowhere.
	Home string
	// Rotation is what log files get whose spec says nothing.
	Rotation func() logs.Rotation
	// Store keeps the descriptors that services need; nil if nobody does.
	Store Store
	// IPC serves the channels of the processes; nil is none.
	IPC *nodeipc.Exchange
	// Journal gets what the next supervisor must know. Nil is none: then a death loses everything.
	Journal *journal.Journal
	// FirstEvent is where the numbers of events begin, about: after those of the last supervisor.
	FirstEvent uint64
	// Defaults is what apps get that do not say otherwise.
	Defaults Defaults

	launcher launcher     // tests put a fake here
	clock    func() epoch // epochNow when nil
}

// Supervisor keeps processes as wished. Its methods are safe for concurrent use.
type Supervisor struct {
	opts       Options
	launcher   launcher
	bus        *bus
	primary    *nodeipc.Primary
	held       holdings
	keepsakes  *keepsakes // nil without a store
	reg        registry
	lane       lane
	reserve    reserve
	version    atomic.Uint64 // counts changes of any view
	book       *book
	ahead      ahead
	lookouts   lookouts
	operations operations
	closed     atomic.Bool
	keepers    sync.WaitGroup
	quit       context.CancelFunc
	memory     sync.WaitGroup

	stateFiles sync.Mutex // held while one is written
	data       dataFiles  // of apps that have one
}

// New returns a running supervisor without processes. Shutdown ends it.
func New(o Options) *Supervisor {
	s := &Supervisor{opts: o, bus: newBus(o.FirstEvent), launcher: o.launcher, lane: newLane(), book: newBook(o.Journal, o.clock)}
	s.reg.sup, s.reserve.sup = s, s
	if o.Store != nil {
		s.keepsakes = &keepsakes{Store: o.Store, book: s.book, known: map[string]uint64{}}
		s.held.store = s.keepsakes
		s.primary = nodeipc.NewPrimary(o.IPC, s.keepsakes, s.clusterTrouble)
	} else {
		s.primary = nodeipc.NewPrimary(o.IPC, nil, s.clusterTrouble)
	}
	if s.launcher == nil {
		s.launcher = &host{opts: &s.opts, crew: newCrew(), sup: s, dropped: drops{store: o.Store}}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.quit = cancel
	if o.Sampler != nil {
		s.memory.Go(func() { s.watchMemory(ctx) }) // ends with quit
	}
	return s
}

// List returns every process as it is now, in order of id. It waits for nobody.
func (s *Supervisor) List() []app.Process {
	keepers := s.reg.snapshot()
	list := make([]app.Process, len(keepers))
	for i, k := range keepers {
		list[i] = *k.view.Load()
		s.fillUsage(k, &list[i])
		k.fillReported(&list[i])
	}
	return list
}

// Get returns one process as it is now.
func (s *Supervisor) Get(id app.ID) (app.Process, bool) {
	k := s.reg.get(id)
	if k == nil {
		return app.Process{}, false
	}
	p := *k.view.Load()
	s.fillUsage(k, &p)
	k.fillReported(&p)
	return p, true
}

// EachUsage calls f with what each process that runs uses, in order of id.
func (s *Supervisor) EachUsage(f func(name string, u app.Usage)) {
	for _, k := range s.reg.snapshot() {
		v := k.view.Load()
		if v.PID == 0 {
			continue
		}
		f(v.Name, s.usage(k, v.PID, v.Gen))
	}
}

// Count returns the number of processes.
func (s *Supervisor) Count() int { return len(s.reg.snapshot()) }

// Views returns every process without its usage, which makes it cheaper than List.
func (s *Supervisor) Views() []app.Process { return s.views() }

// Tree returns the pids of the live processes of one service, the main process's among them.
func (s *Supervisor) Tree(id app.ID) []int {
	k := s.reg.get(id)
	if k == nil {
		return nil
	}
	reply := make(chan []int, 1)
	k.mail.put(listTree{reply})
	select {
	case pids := <-reply:
		return pids
	case <-k.done:
		return nil
	}
}

// Look returns every process as the supervisor has it, without its usage: to be read, never to be changed.
func (s *Supervisor) Look() []*app.Process { return viewsOf(s.reg.snapshot()) }

// viewsOf is one moment of each.
func viewsOf(keepers []*keeper) []*app.Process {
	views := make([]*app.Process, len(keepers))
	for i, k := range keepers {
		views[i] = k.view.Load()
	}
	return views
}

// Version changes whenever any process changes; not with CPU and memory.
func (s *Supervisor) Version() uint64 { return s.version.Load() }

// Events returns what happens from now on, and before that what is remembered after the event numbered since, if that
// is not 0. What programs say (EventMessage) is among it, is not remembered, and is dropped for a reader that is slow.
// The channel closes with ctx.
func (s *Supervisor) Events(ctx context.Context, since uint64) <-chan app.Event {
	return s.bus.subscribe(ctx, since, true)
}

// News is Events without what programs say: a program may talk without end.
func (s *Supervisor) News(ctx context.Context, since uint64) <-chan app.Event {
	return s.bus.subscribe(ctx, since, false)
}

// Tell tells those who follow Events what somebody says of a process, after all that has happened until now: EventTold. It is not
// remembered.
func (s *Supervisor) Tell(id app.ID, what string, manually bool) {
	s.bus.say(app.Event{Kind: app.EventTold, ID: id, Message: what, Manually: manually}, nil)
}

// History returns the last transitions of one process, oldest first.
func (s *Supervisor) History(id app.ID) []app.Event {
	k := s.reg.get(id)
	if k == nil {
		return nil
	}
	return k.past.list()
}

// Recent returns everything that is remembered, oldest first.
func (s *Supervisor) Recent() []app.Event { return s.bus.recent(nil) }

// Publish puts a door's own news on the bus. What is about a process is part of its history.
func (s *Supervisor) Publish(e app.Event) {
	if k := s.reg.get(e.ID); k != nil {
		k.publishEvent(e)
		return
	}
	s.bus.publish(e)
}

// Roots returns the main processes, for the sampler, with those of their trees that are no descendants any more.
func (s *Supervisor) Roots() []procstat.Root {
	keepers := s.reg.snapshot()
	var orphans map[string][]int
	if s.opts.Spawner != nil {
		orphans = s.opts.Spawner.Orphans()
	}
	roots := make([]procstat.Root, 0, len(keepers))
	for _, k := range keepers {
		l := k.life.Load()
		if !l.Cur.Alive() || l.Cur.PID == 0 {
			continue
		}
		r := procstat.Root{PID: k.measured(l.Cur.PID, l.Cur.Gen)}
		if len(orphans) > 0 {
			if pids := orphans[tagOf(s.opts.Identity, k.id, l.Cur.Gen)]; len(pids) > 0 {
				r.Extra = func() []int { return pids }
			}
		}
		roots = append(roots, r)
	}
	return roots
}

// Root returns the main process of that pid for the sampler, without those of its tree that are no descendants any more:
// soon after its start there are hardly any.
func (s *Supervisor) Root(pid int) (procstat.Root, bool) {
	for _, k := range s.reg.snapshot() {
		if l := k.life.Load(); l.Cur.Alive() && l.Cur.PID != 0 && k.measured(l.Cur.PID, l.Cur.Gen) == pid {
			return procstat.Root{PID: pid}, true
		}
	}
	return procstat.Root{}, false
}

// tagOf is the identity of one incarnation, unique on this machine.
func tagOf(identity string, id app.ID, gen uint64) string {
	return identity + "/" + id.String() + "/" + strconv.FormatUint(gen, 10)
}

// Shutdown ends every process and returns when nothing of them is left, or with ctx. With forget the processes are
// deleted, which empties the desired list; without, the list on disk stays, so that the next supervisor starts them again.
// Nothing can be started any more.
func (s *Supervisor) Shutdown(ctx context.Context, forget bool, report func(app.Progress)) error {
	if s.closed.Swap(true) {
		return ErrClosed
	}
	s.reg.close()
	s.reserve.close()
	r := &reporter{report: report} // keepers end at the same time
	keepers := s.reg.snapshot()
	var last map[app.ID]lastWish
	if !forget {
		// A death from here on finds the children as they were, and what becomes of them is seen then.
		s.book.close()
		last = lastWishes(keepers)
	}
	err := s.inOrder(ctx, keepers, len(keepers), true, func(k *keeper) error {
		if _, err := k.ask(ctx, lifecycle.Delete{}, never); err != nil {
			return err
		}
		r.send(app.Progress{Step: app.StepOK, Verb: app.VerbDelete, ID: k.id, Name: k.view.Load().Name})
		return nil
	})
	if err != nil {
		return fmt.Errorf("stop every process: %w", err)
	}
	s.keepers.Wait()
	if h, ok := s.launcher.(*host); ok {
		h.crew.close()
		h.dropped.close()
	}
	s.primary.Close()
	s.quit()
	s.memory.Wait()
	s.ahead.begun.Wait()
	if forget {
		if err := s.persist(); err != nil {
			r.send(app.Progress{Step: app.StepWarn, ID: -1, Message: "state not durable: " + err.Error() + ": the next supervisor may start again what was ended"})
		}
		return nil
	}
	return s.book.leave(last)
}

// lastWishes is what the processes were meant to be.
func lastWishes(keepers []*keeper) map[app.ID]lastWish {
	last := make(map[app.ID]lastWish, len(keepers))
	for _, k := range keepers {
		if s := *k.life.Load(); s.Want != lifecycle.Gone {
			last[k.id] = lastWish{s, *k.view.Load()}
		}
	}
	return last
}

func (s *Supervisor) fillUsage(k *keeper, p *app.Process) { p.Usage = s.usage(k, p.PID, p.Gen) }

// usage is what an incarnation uses, zero if that is not known.
func (s *Supervisor) usage(k *keeper, pid int, gen uint64) app.Usage {
	if s.opts.Sampler == nil || pid == 0 {
		return app.Usage{}
	}
	u, ok := s.opts.Sampler.Read(k.measured(pid, gen))
	if !ok {
		return app.Usage{}
	}
	return app.Usage{At: u.At, CPU: u.CPU, Memory: app.Bytes(u.RSS), Threads: u.Threads, Procs: u.Procs, CPUTime: u.CPUTime}
}

// SampleAgain has the next look at what a process uses be a new one.
func (s *Supervisor) SampleAgain(id app.ID) {
	if k := s.reg.get(id); k != nil {
		if v := k.view.Load(); v.PID != 0 {
			s.sampleAgain(k.measured(v.PID, v.Gen))
		}
	}
}

func (s *Supervisor) sampleAgain(pid int) {
	if s.opts.Sampler != nil {
		s.opts.Sampler.Invalidate(pid)
	}
}

func (s *Supervisor) changed() { s.version.Add(1) }

func (s *Supervisor) stopSignal(spec *app.Spec) syscall.Signal {
	if spec.KillSignal != "" {
		if sig, err := spawn.ParseSignal(spec.KillSignal); err == nil { // validated when it came in
			return sig
		}
	}
	if s.opts.Defaults.KillSignal != 0 {
		return s.opts.Defaults.KillSignal
	}
	return syscall.SIGINT
}

// persist returns when what is wished is on disk.
func (s *Supervisor) persist() error {
	if s.opts.Journal == nil {
		return nil
	}
	return s.opts.Journal.Sync()
}

// Peek is told of the end of a child before its status is taken from the kernel: whatever dies now, the status is known.
func (s *Supervisor) Peek(tag string, x spawn.Exit) {
	if id, gen, ok := s.parseTag(tag); ok && !s.reserve.has(id) {
		s.book.exit(id, gen, x)
	}
}

// parseTag undoes tagOf.
func (s *Supervisor) parseTag(tag string) (id app.ID, gen uint64, ok bool) {
	rest, own := strings.CutPrefix(tag, s.opts.Identity+"/")
	number, generation, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(number)
	gen, gerr := strconv.ParseUint(generation, 10, 64)
	return app.ID(n), gen, own && err == nil && gerr == nil
}

func (s *Supervisor) views() []app.Process {
	keepers := s.reg.snapshot()
	list := make([]app.Process, len(keepers))
	for i, k := range keepers {
		list[i] = *k.view.Load()
	}
	return list
}
