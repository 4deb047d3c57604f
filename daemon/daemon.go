// Package daemon is the long-lived process and its doors.
//
// It joins a supervisor, which keeps processes as wished, to the API's socket, to the disk and to the anchor that
// started it. The doors translate; they decide nothing.
package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"weaver/api"
	"weaver/app"
	"weaver/cache"
	"weaver/config"
	"weaver/config/home"
	"weaver/daemon/anchor"
	"weaver/daemon/history"
	"weaver/daemon/preload"
	"weaver/lock"
	"weaver/logs"
	"weaver/pm2"
	"weaver/procstat"
	"weaver/supervisor"
	"weaver/supervisor/journal"
	"weaver/supervisor/nodeipc"
	"weaver/supervisor/spawn"
)

// Marker is the environment variable by which weaver knows its services and what they leave behind.
const Marker = "WEAVER_SERVICE"

// Options is what Run needs to know.
type Options struct {
	Home    home.Home
	Version string
	// Trampoline is the path of the thin executable, which sets limits before it becomes a service.
	Trampoline string
	// FrontEnd runs a command line of the thin front end in this process. It reports false if it is not one for that, and
	// has done nothing then. Nil runs none.
	FrontEnd func(context.Context, FrontEnd) (code int, done bool)
}

// daemon is the whole of it, while it runs.
type daemon struct {
	opts        Options
	home        home.Home
	identity    string // as long as it lives: whatever becomes of the home's path
	env         pm2.EnvOptions
	log         *zap.Logger
	reopenLog   func() // its file, when the next line is written
	link        *link
	sup         *supervisor.Supervisor
	spawner     *spawn.Spawner
	logs        *logs.Engine
	sampler     *procstat.Sampler
	ipc         *nodeipc.Exchange
	journal     *journal.Journal
	found       journal.Found  // when it was opened
	skipped     string         // what was left out of it, if anything was
	left        map[string]int // descriptors of the former supervisor, by name
	dump        *dump
	audit       *audit
	past        *past
	tally       tally
	settings    atomic.Pointer[config.Settings]
	setting     sync.Mutex // held by who changes them
	history     *history.Store
	renderings  *cache.Cache[view, rendering]
	door        atomic.Pointer[hotDoor]
	lender      lender
	machine     gauge[api.HostStats]
	memory      tidy
	preload     *preload.File
	wire        atomic.Pointer[wireDoor] // nil while PM2's sockets are not open
	rotator     rotator
	exposer     exposer
	gate        gate
	configs     configs
	removed     removed
	appSettings appSettings
	started     time.Time
	byMessage   bool // apps are asked to end by a message, unless they say otherwise
	// nodeOptions are arguments of Node for all programs in fork mode, instanceVar is what they all find their number under.
	nodeOptions []string
	instanceVar string

	active   atomic.Int64 // requests under way
	socket   *keptSocket  // the API's
	rpc, pub *keptSocket  // of PM2's wire
	served   chan error   // a door broke
	updating sync.Mutex
	leaving  chan struct{} // closed when the daemon is to make room for a successor
	stopOnce sync.Once
	stopping chan struct{} // closed when the daemon is to end
	streams  context.Context
}

// connKey is where a request's context has its connection.
type connKey struct{}

// Run is the daemon. It returns the exit code when somebody asked it to end, with everything stopped.
func Run(ctx context.Context, o Options) int {
	// From the start: the kernel sends SIGHUP to a process that is stopped when its anchor dies. Not signal.Ignore: services would
	// inherit that, and most programs leave ignored what they find ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGPIPE)
	l, err := dialAnchor()
	if err == nil {
		err = run(ctx, o, l)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "weaver: supervisor:", err)
		if l != nil {
			l.tell(anchor.MessageFailed + " " + err.Error())
		}
		return 1
	}
	return 0
}

func run(ctx context.Context, o Options, l *link) error {
	bustle(0)
	if err := makeDirectories(o.Home); err != nil {
		return err
	}
	if !l.present() { // nobody holds the lock for us
		held, err := lock.Try(o.Home.DaemonLock(), lock.Holder{PID: os.Getpid(), Command: "weaverd supervise", Since: time.Now()})
		if err != nil {
			return fmt.Errorf("be the only supervisor of %s: %w", o.Home.Dir, err)
		}
		defer held.Release()
	}
	log, reopenLog, closeLog := openLog(o.Home.DaemonLog(), o.Home.PM2)
	defer closeLog()
	d := &daemon{opts: o, home: o.Home, log: log, reopenLog: reopenLog, link: l, started: time.Now(), stopping: make(chan struct{}), leaving: make(chan struct{})}
	d.identity = Identity(o.Home)
	d.raiseNoFile()
	d.env = pm2.EnvOptions{Home: o.Home.Dir}
	streams, endStreams := context.WithCancel(ctx)
	defer endStreams()
	d.streams = streams

	settings, err := config.LoadSettings(o.Home)
	if err != nil {
		log.Error("settings are not used", zap.Error(err))
	}
	d.settings.Store(&settings)
	if d.gate.groups, err = groupsIn(&settings); err != nil {
		log.Error("roles", zap.Error(err))
	}
	if err := d.open(); err != nil {
		return err
	}
	defer d.memory.stop()
	defer d.machine.stop()
	defer d.audit.close()
	defer d.past.close()
	defer d.sampler.Close()
	defer d.spawner.Close()
	defer d.ipc.Close()
	defer d.logs.Close()
	defer d.journal.Close()
	return d.live(ctx, endStreams)
}

func makeDirectories(h home.Home) error {
	for _, dir := range []string{h.Dir, h.Logs(), h.PIDs(), h.Locks()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the home: %w", err)
		}
	}
	return nil
}

// writePIDFile is for people, and says to commands in the foreground that we were not asked to end when nobody answers any more.
func writePIDFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|noFollow, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(strconv.AppendInt(nil, int64(os.Getpid()), 10))
	return errors.Join(err, f.Close())
}

// noticed says of which version we are, and has memory given back some time after the last request.
func (d *daemon) noticed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.active.Add(1)
		defer d.active.Add(-1)
		w.Header().Set(api.HeaderVersion, d.opts.Version)
		next.ServeHTTP(w, r)
		d.memory.sometime()
	})
}

// wantDescriptors is room for 5,000 services.
const wantDescriptors = 65536

// raiseNoFile makes that room as far as it may. With less it works with fewer services.
func (d *daemon) raiseNoFile() {
	if soft, hard, err := spawn.RaiseNoFile(wantDescriptors); err != nil {
		d.log.Warn("limit of open files not raised", zap.Uint64("soft", soft), zap.Uint64("hard", hard), zap.Error(err))
	}
}

// open makes the parts.
func (d *daemon) open() (err error) {
	identity := d.identity
	d.socket = adoptSocket(apiPrefix, d.home.Socket(), d.link.store, d.link.store.Take(apiPrefix))
	d.rpc = adoptSocket(rpcPrefix, d.home.PM2Socket(), d.link.store, d.link.store.Take(rpcPrefix))
	d.pub = adoptSocket(pubPrefix, d.home.PubSocket(), d.link.store, d.link.store.Take(pubPrefix))
	d.spawner, err = spawn.New(spawn.Options{
		CgroupRoot: identity, Marker: Marker, Trampoline: d.opts.Trampoline, Reaper: d.link.pid, Kin: d.isKin,
		Peek: func(tag string, x spawn.Exit) { d.sup.Peek(tag, x) },
	})
	if err != nil {
		return err
	}
	d.left = d.link.store.Fetch()
	ledger, err := d.openLedger()
	if err != nil { // output may be written twice then, after a death
		d.log.Error("ledger of logs", zap.Error(err))
	}
	d.logs, err = logs.NewEngine(logs.Options{
		Ledger: ledger,
		Dir:    d.home.Logs(), TotalBudget: orOff(d.settings.Load().Log.TotalBudget),
		OnError: func(path string, err error) { d.log.Error("log file", zap.String("path", path), zap.Error(err)) },
	})
	if err != nil {
		return err
	}
	if d.ipc, err = nodeipc.New(); err != nil {
		return err
	}
	d.sampler, err = procstat.New(procstat.Options{
		Roots: func() []procstat.Root { return d.sup.Roots() }, Find: func(pid int) (procstat.Root, bool) { return d.sup.Root(pid) }, Source: os.Getenv("WEAVER_SAMPLER"),
		TTL: d.settings.Load().Cache.MetricsTTL,
	})
	if err != nil {
		return err
	}
	if err := d.openJournal(); err != nil {
		return err
	}
	d.dump = newDump(d.home, d.env)
	d.audit = &audit{path: d.home.Audit()}
	d.past = &past{path: d.home.Events()}
	d.preload = preload.Place(d.home.Dir, identity)
	defaults := d.defaults(os.Getenv)
	d.byMessage = defaults.ByMessage
	d.nodeOptions, d.instanceVar = config.SplitArgs(os.Getenv("PM2_NODE_OPTIONS")), os.Getenv("PM2_PROCESS_INSTANCE_VAR")
	d.sup = supervisor.New(supervisor.Options{
		Spawner: d.spawner, Logs: d.logs, Sampler: d.sampler, IPC: d.ipc, Identity: identity, Home: d.home.Dir,
		ChildEnv: d.childEnv, ChildArgs: d.childArgs,
		Version:    func(p *app.Process) string { return config.VersionOf(p.Spec.Script) },
		Rotation:   func() logs.Rotation { return rotation(d.settings.Load()) },
		Store:      d.link.store,
		Journal:    d.journal,
		FirstEvent: uint64(d.started.UnixMicro()),
		Defaults:   defaults,
	})
	d.history = history.Open(d.home.Metrics())
	if d.link.present() {
		if memory, err := historyMemory(d.link.store, d.left); err == nil { // else the last seconds may get lost
			d.history.Keep(memory)
		}
	}
	d.renderings = cache.New[view, rendering](cache.Options{MaxEntries: maxRenderings})
	d.machine.read = readHost
	d.applySettings(d.settings.Load())
	return nil
}

// childEnv is what PM2 adds to the environment of a process. Tools that look for the home look for PM2_HOME.
func (d *daemon) childEnv(p *app.Process) app.Env {
	env := pm2.ChildEnv(p)
	if d.home.PM2 {
		env.Set("PM2_HOME", d.home.Dir)
	}
	if d.looksInto(p) {
		spec := *p.Spec
		spec.ShutdownWithMessage = spec.ShutdownWithMessage || d.byMessage
		env.Set(preload.Variable, preload.Mode(&spec))
	}
	return env
}

// Identity is what marks the processes of a home: short, and the same for as long as the home has its path, also while it is not
// there.
func Identity(h home.Home) string {
	dir := h.Dir
	for up, below := dir, ""; ; up, below = filepath.Dir(up), filepath.Join(filepath.Base(up), below) {
		if real, err := filepath.EvalSymlinks(up); err == nil {
			dir = filepath.Join(real, below)
			break
		}
		if up == filepath.Dir(up) {
			break
		}
	}
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:5])
}

// live restores what was, opens the door and stays until somebody asks it to end.
func (d *daemon) live(ctx context.Context, endStreams func()) error {
	var background sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer background.Wait()
	defer cancel()
	background.Go(func() { d.sampler.Run(ctx) })
	background.Go(func() { d.logEvents(ctx) })
	background.Go(func() { d.keepHistory(ctx) })
	background.Go(func() { d.link.answerPings(ctx, func() { d.sup.Count() }) })

	if err := d.restore(ctx, &background); err != nil {
		return err
	}
	// Only now: a death is told until somebody takes note of it, and that is who adopted the process.
	background.Go(func() { d.link.orphans(ctx, d.orphanDied, d.orphansMissed) })
	var err error
	if d.socket.l == nil {
		if err := d.socket.open(); err != nil {
			return err
		}
	}
	d.shareAgain()
	d.wire.Store(d.openWire()) // before the API answers: who has heard of this daemon may come either way
	server := &http.Server{
		Handler:           d.noticed(d.handler()),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    256 << 10,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:          zap.NewStdLog(d.log),
	}
	d.expose(d.settings.Load().Metrics.Listen) // before somebody can set another address
	l := d.listener()
	door := newHotDoor(d, l)
	d.door.Store(door)
	d.served = make(chan error, 4)
	go func() { d.served <- server.Serve(door) }() // ends when the server is shut down
	go d.accept(door, l)                           // ends when the door is closed, which the server does
	if err := writePIDFile(d.home.PIDFile()); err != nil {
		d.log.Warn("pid file", zap.Error(err))
	}
	if d.home.PM2 {
		for _, line := range d.began() {
			d.log.Info(line)
		}
	}
	d.log.Info("ready", zap.String("version", d.opts.Version), zap.Int("pid", os.Getpid()), zap.Int("processes", d.sup.Count()))
	d.noteRollback()
	d.sup.Served()
	if d.skipped != "" {
		d.sup.Publish(app.Event{Kind: app.EventWarning, ID: -1, Name: "weaver", Message: d.skipped})
	}
	if err := d.link.ready(); err != nil { // an anchor that died meanwhile is replaced below: nobody else would look after the services
		d.log.Warn("ready", zap.Error(err))
	}
	boot := findInit(os.Getenv)
	if err := boot.ready(d.sup.Count()); err != nil {
		d.log.Warn("ready", zap.Error(err))
	}
	background.Go(func() { boot.lives(ctx, d.log, func() bool { d.sup.List(); return true }) })
	d.memory.soon()
	err = d.wait(ctx, door)
	if errors.Is(err, errLeave) {
		endStreams()
		d.leave(server, door)
	}
	if err := boot.tell("STOPPING=1"); err != nil {
		d.log.Warn("stopping", zap.Error(err))
	}
	endStreams()
	d.end(server, door)
	return err
}

// listener is the API's, for the door.
func (d *daemon) listener() listener {
	return listener{d.socket.l, &d.gate, func(err error) { d.log.Warn("connection refused", zap.Error(err)) }}
}

// accept lets in who comes through l, until that is closed.
func (d *daemon) accept(door *hotDoor, l listener) {
	if err := door.run(l); err != nil {
		select {
		case d.served <- err:
		default: // that something broke is known
		}
	}
}
