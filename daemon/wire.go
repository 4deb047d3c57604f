package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"weaver/app"
	"weaver/config"
	"weaver/logs"
	"weaver/pm2/axon"
	"weaver/pm2/wire"
	"weaver/procstat"
	"weaver/supervisor"
)

// wireDoor is where PM2's own clients come in: rpc.sock and pub.sock in the home.
type wireDoor struct {
	server *wire.Server
	rpc    *renewable
	pub    *renewable
	ended  sync.WaitGroup
	cancel context.CancelFunc

	mu      sync.Mutex
	callers []int // who waits for SIGQUIT as the end of `pm2 kill`
}

// openWire opens PM2's sockets. Without them everything works but PM2's clients, so that trouble is only told.
func (d *daemon) openWire() *wireDoor {
	ctx, cancel := context.WithCancel(context.Background())
	w := &wireDoor{cancel: cancel}
	for _, s := range []struct {
		kept *keptSocket
		l    **renewable
	}{{d.pub, &w.pub}, {d.rpc, &w.rpc}} {
		l, err := d.listenWire(s.kept)
		if err != nil {
			d.log.Warn("PM2's clients do not find this daemon", zap.Error(err))
			d.pub.drop()
			d.rpc.drop()
			cancel()
			return nil
		}
		*s.l = l
	}
	w.server = wire.New(&backend{d: d, door: w}, d.env)
	w.ended.Go(func() { // ends with close
		w.server.Serve(ctx, w.rpc, queued(w.pub), func(err error) { d.log.Warn("PM2's wire", zap.Error(err)) })
	})
	return w
}

// listenWire opens one of the sockets, unless it has come from the last supervisor, or PM2's own daemon serves it: that does
// not know of our lock.
func (d *daemon) listenWire(s *keptSocket) (*renewable, error) {
	if s.l == nil {
		if c, err := net.DialTimeout("unix", s.path, time.Second); err == nil {
			c.Close()
			return nil, fmt.Errorf("another daemon serves %s", s.path)
		}
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	return &renewable{kept: s, log: d.log}, nil
}

// renewable is a listener whose socket can be another one after a while.
type renewable struct {
	kept *keptSocket
	log  *zap.Logger

	mu     sync.Mutex
	closed bool
	bell   *os.File // who waits for somebody to come waits at this copy of the socket; nil if nobody does
}

func (r *renewable) now() listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listener()
}

// listener is the one of now. Call it with mu held.
func (r *renewable) listener() listener {
	return listener{r.kept.l, nil, func(err error) { r.log.Warn("connection refused", zap.Error(err)) }}
}

// Accept returns the next connection, also across mend.
func (r *renewable) Accept() (net.Conn, error) {
	for {
		l := r.now()
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) && r.now().UnixListener != l.UnixListener {
			continue
		}
		return c, err
	}
}

// Addr is where it listens.
func (r *renewable) Addr() net.Addr { return r.now().Addr() }

// Close stops listening.
func (r *renewable) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.unhang()
	return r.kept.l.Close()
}

// unhang has who waits at the bell look again. Call it with mu held.
func (r *renewable) unhang() {
	if r.bell != nil {
		r.bell.Close()
		r.bell = nil
	}
}

// mend makes the socket anew when its file was removed.
func (r *renewable) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !r.kept.lost() {
		return
	}
	old, err := r.kept.mend()
	if err != nil {
		r.log.Error("a socket of PM2's is lost", zap.Error(err))
		return
	}
	r.unhang()
	r.log.Warn("a socket was removed: made anew", zap.String("path", r.kept.path))
	old.Close()
}

// mend makes the sockets anew whose files were removed.
func (w *wireDoor) mend() {
	if w != nil {
		w.rpc.mend()
		w.pub.mend()
	}
}

// dying tells the bus that the daemon is about to end. A door that is not open has nobody to tell.
func (w *wireDoor) dying(why string) {
	if w != nil {
		w.server.Dying(why)
	}
}

// heard tells the bus what the API's clients have done; PM2's tell it themselves.
func (w *wireDoor) heard(p *app.Progress) {
	if w == nil {
		return
	}
	if p.Step != app.StepOK {
		return
	}
	switch p.Verb {
	case app.VerbRestart, app.VerbReload, app.VerbStop:
		w.server.Notify(p.ID, string(p.Verb))
	case app.VerbStart: // of what was stopped
		w.server.Notify(p.ID, string(app.VerbRestart))
	}
}

// close takes the sockets away.
func (w *wireDoor) close() {
	if w == nil {
		return
	}
	w.rpc.Close()
	w.pub.Close()
	w.rpc.kept.remove()
	w.pub.kept.remove()
	w.cancel()
	w.ended.Wait()
}

// wake tells who called kill that it is done.
func (w *wireDoor) wake() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pid := range w.callers {
		if p, err := os.FindProcess(pid); err == nil {
			p.Signal(syscall.SIGQUIT) // it may be gone
		}
	}
}

// backend is the daemon as the wire needs it.
type backend struct {
	d    *daemon
	door *wireDoor
}

func (b *backend) List() []app.Process                   { return b.d.sup.List() }
func (b *backend) Get(id app.ID) (app.Process, bool)     { return b.d.sup.Get(id) }
func (b *backend) ReloadLogs() error                     { return b.d.reopen() }
func (b *backend) SendLine(id app.ID, line string) error { return b.d.sup.SendLine(id, line) }

func (b *backend) Tell(id app.ID, what string, manually bool) { b.d.sup.Tell(id, what, manually) }

func (b *backend) Events(ctx context.Context) <-chan app.Event { return b.d.sup.Events(ctx, 0) }

func (b *backend) Lines(ctx context.Context) <-chan app.Line {
	return b.d.logs.Follow(ctx, logs.FollowOptions{})
}

// operation begins an act that one of PM2's clients asks for.
func (b *backend) operation(ctx context.Context, act string, id app.ID) *operation {
	c, _ := wire.Caller(ctx).(*conn)
	op := b.d.begin(context.WithoutCancel(ctx), c, "", act)
	if id >= 0 {
		op.target(id.String())
	}
	return op
}

func (b *backend) Add(ctx context.Context, spec app.Spec, n int, up bool, known func()) ([]app.ID, error) {
	op := b.operation(ctx, "start", -1)
	defer op.end()
	op.target(spec.Name)
	b.d.name(&spec)
	if spec.Version == "" { // the library leaves it to PM2's daemon to look
		spec.Version = config.VersionOf(spec.Script)
	}
	ids, err := b.d.sup.Add(op.ctx, spec, n, up, known)
	return ids, op.failed(err)
}

func (b *backend) Duplicate(ctx context.Context, id app.ID) (app.ID, error) {
	op := b.operation(ctx, "scale", id)
	defer op.end()
	added, err := b.d.sup.Duplicate(op.ctx, id)
	return added, op.failed(err)
}

func (b *backend) Respec(ctx context.Context, id app.ID, spec app.Spec) error {
	op := b.operation(ctx, "watch", id)
	defer op.end()
	return op.failed(b.d.sup.Respec(id, spec))
}

// Act applies a verb to one process and returns what went wrong, in PM2's words where it has some.
func (b *backend) Act(ctx context.Context, verb app.Verb, id app.ID, spec *app.Spec, signal string) error {
	op := b.operation(ctx, string(verb), id)
	defer op.end()
	a := supervisor.Action{Verb: verb, IDs: []app.ID{id}, Signal: signal}
	if spec != nil {
		a.Specs = map[app.ID]app.Spec{id: *spec}
	}
	var err error
	b.d.sup.Do(op.ctx, a, func(p app.Progress) {
		if p.Step == app.StepFailed && err == nil {
			err = errors.New(p.Message)
		}
	})
	return op.failed(err)
}

func (b *backend) Send(id app.ID, message json.RawMessage) (axon.Flusher, error) {
	return b.d.sup.Queue(id, message)
}

// Kill is `pm2 kill`.
func (b *backend) Kill(ctx context.Context, c net.Conn, caller int) {
	if peer, ok := c.(*conn); ok && caller > 1 && (caller == peer.peer.PID || belongs(caller, peer.peer.UID)) {
		b.door.mu.Lock()
		b.door.callers = append(b.door.callers, caller)
		b.door.mu.Unlock()
	}
	op := b.operation(ctx, "kill", -1)
	defer op.end()
	err := op.failed(b.d.sup.Shutdown(op.ctx, true, func(app.Progress) {}))
	if err != nil && !errors.Is(err, supervisor.ErrClosed) {
		b.d.log.Error("stop every service", zap.Error(err))
	}
	b.d.stop()
}

func (b *backend) Host() wire.Host {
	h, err := procstat.Host()
	if err != nil {
		return wire.Host{} // shown as not known
	}
	return wire.Host{
		CPU: h.CPU, MemoryUsed: float64(h.MemUsed), MemoryTotal: float64(h.MemTotal), DiskRead: h.DiskRead, DiskWrite: h.DiskWrite,
		NetRecv: h.NetRecv, NetSent: h.NetSent,
	}
}

func (b *backend) About() wire.About {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	return wire.About{
		Version: b.d.opts.Version, Program: program, Args: os.Args, Started: b.d.started,
		UID: os.Getuid(), GID: os.Getgid(), CPUs: config.CPUs(),
	}
}
