package supervisor

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"weaver/app"
	"weaver/skim"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/nodeipc"
)

// The variables by which a child finds what it inherits. A value that came with the caller's environment would make it
// take somebody else's descriptor for its own.
const (
	channelVar       = "NODE_CHANNEL_FD"
	serializationVar = "NODE_CHANNEL_SERIALIZATION_MODE"
	workerVar        = "NODE_UNIQUE_ID"
)

// line is one incarnation's IPC channel, as the supervisor sees it. Every service has one, as under PM2: what a shell or
// npm starts inherits it.
type line struct {
	*nodeipc.Channel
	worker *nodeipc.Worker // nil unless it is a worker of a cluster
	values bool            // what goes over it is serialized by V8
	child  int             // the child's end, until it was launched
	inode  uint64          // of our end, if the child has a copy of it
}

// connect opens what an incarnation inherits beside its three streams, and tells its environment: the sockets held for it,
// then the channel. Without an exchange there is no channel.
func (h *host) connect(k *kid, p *app.Process, gen uint64, env *app.Env, extra *[]int) (*line, error) {
	for _, name := range []string{channelVar, serializationVar, workerVar, listenFDs, listenPID, listenNames} {
		env.Unset(name)
	}
	if list := p.Spec.Listen; len(list) > 0 {
		held, err := k.stay.lend(list)
		if err != nil {
			return nil, err
		}
		*extra = append(*extra, held...)
		env.Set(listenFDs, strconv.Itoa(len(list)))
		env.Set(listenNames, fdNames(list))
	}
	if h.opts.IPC == nil || !nodeipc.Supported {
		return nil, nil
	}
	l, err := h.open(p, gen, *env, *extra)
	if err != nil {
		return nil, err
	}
	if l.worker != nil {
		env.Set(workerVar, strconv.FormatUint(l.worker.ID, 10))
	}
	env.Set(channelVar, strconv.Itoa(3+len(*extra)))
	env.Set(serializationVar, "json")
	if l.values {
		env.Set(serializationVar, advanced)
	}
	*extra = append(*extra, l.child)
	if needsChannel(p.Spec) {
		// It gets a copy of our end too. As long as it lives the channel is open, though supervisor and anchor die, and the next
		// supervisor finds it there.
		*extra = append(*extra, l.FD())
		l.inode = socketInode(l.FD())
	}
	return l, nil
}

// needsChannel reports a program that may end, or think that it should, when its channel is closed: a worker of a cluster, and what
// runs under a runtime that tells programs of it.
func needsChannel(s *app.Spec) bool {
	switch name, _, _ := strings.Cut(filepath.Base(s.Interpreter), "@"); name {
	case "node", "nodejs", "bun":
		return true
	}
	return clusters(s)
}

// open makes the channel: a worker's, or one that is only talked over.
func (h *host) open(p *app.Process, gen uint64, env app.Env, held []int) (l *line, err error) {
	l = &line{values: p.Spec.Serialization == advanced}
	hooks := h.hooks(p, gen)
	hooks.Advanced = l.values
	if !clusters(p.Spec) {
		l.Channel, l.child, err = h.opts.IPC.Open(hooks)
		return l, err
	}
	m, err := h.member(p, gen, env, held, &hooks)
	if err != nil {
		return nil, err
	}
	if l.worker, l.child, err = h.sup.primary.Open(m, hooks); err != nil {
		return nil, err
	}
	l.Channel = l.worker.Channel
	return l, nil
}

// hooks are what happens on the channel of an incarnation.
func (h *host) hooks(p *app.Process, gen uint64) nodeipc.Hooks {
	e := &ear{sup: h.sup, id: p.ID, gen: gen, name: p.Name, namespace: p.Namespace}
	hooks := nodeipc.Hooks{Message: e.hear}
	if h.opts.Store != nil {
		id := p.ID // not p, which would live as long as the channel
		hooks.Closing = func() { h.dropped.add(channelName(id, gen)) }
	}
	return hooks
}

// member says who an incarnation is to the primary, and has the end of its channel be that of its draining.
func (h *host) member(p *app.Process, gen uint64, env app.Env, held []int, hooks *nodeipc.Hooks) (nodeipc.Member, error) {
	policy, err := handOut(p.Spec, env)
	m := nodeipc.Member{Group: groupOf(p.Spec), Slot: int(p.ID), Policy: policy, Held: held, Dir: p.Spec.Cwd}
	id := p.ID // not p, as in hooks
	if !h.opts.Defaults.policy(p.Spec).WaitReady {
		m.Listening = func() {
			if k := h.sup.reg.get(id); k != nil {
				k.listens.Store(gen)
			}
			h.sup.tell(id, lifecycle.Ready{Gen: gen})
		}
	}
	if p.Spare {
		m.Spare = func(release func(standsIn bool)) { h.sup.reserve.loaded(id, gen, release) }
	}
	hooks.Closed = func() { h.sup.tell(id, lifecycle.Drained{Gen: gen}) }
	return m, err
}

// channelName is what the store keeps a channel under.
func channelName(id app.ID, gen uint64) string {
	return "ipc/" + id.String() + "/" + strconv.FormatUint(gen, 10)
}

// adoptChannel goes on with the channel of an incarnation that a former supervisor had. extra is what that wrote of it down.
func (h *host) adoptChannel(p *app.Process, c lifecycle.Child, extra map[string]json.RawMessage, fd int) (l *line, err error) {
	worker, _ := strconv.ParseUint(string(extra[workerKey]), 10, 64) // 0: it is of no cluster
	l = &line{child: -1, values: extra[valuesKey] != nil}
	if needsChannel(p.Spec) {
		l.inode = socketInode(fd)
	}
	hooks := h.hooks(p, c.Gen)
	hooks.Advanced = l.values
	if worker == 0 || !clusters(p.Spec) {
		l.Channel, err = h.opts.IPC.Adopt(fd, hooks)
		return l, err
	}
	var held []int
	if len(p.Spec.Listen) > 0 {
		if held, err = h.sup.held.take(p.ID, p.Spec.Listen); err != nil {
			return nil, err
		}
	}
	m, err := h.member(p, c.Gen, p.Spec.Env, held, &hooks)
	if err != nil {
		return nil, err
	}
	if l.worker, err = h.sup.primary.Adopt(m, worker, c.Asked, fd, hooks); err != nil {
		return nil, err
	}
	l.Channel = l.worker.Channel
	return l, nil
}

// extra is what the journal keeps of a line.
func (l *line) extra() map[string]json.RawMessage {
	if l == nil {
		return nil
	}
	m := map[string]json.RawMessage{}
	if l.worker != nil {
		m[workerKey] = strconv.AppendUint(nil, l.worker.ID, 10)
	}
	if l.values {
		m[valuesKey] = json.RawMessage("true")
	}
	if l.inode != 0 {
		m[channelKey] = strconv.AppendUint(nil, l.inode, 10)
	}
	return m
}

// workerKey is where a child's number in its cluster is in the journal, valuesKey how it speaks over its channel, channelKey the
// number of that one's socket.
const (
	workerKey  = "worker"
	valuesKey  = "advanced"
	channelKey = "channel"
)

// advanced is Node's word for V8's serialization.
const advanced = "advanced"

// The variables by which a program finds sockets that were opened for it, systemd's. LISTEN_PID is set in the child.
const (
	listenFDs   = "LISTEN_FDS"
	listenPID   = "LISTEN_PID"
	listenNames = "LISTEN_FDNAMES"
)

// handedOver closes the child's end here. If nothing was launched the channel ends with it.
func (l *line) handedOver(started bool) {
	if l == nil {
		return
	}
	closeFD(l.child)
	if !started {
		l.Close()
	}
}

// ear hears what one incarnation says. The exchange calls it, one message at a time; it never waits.
type ear struct {
	sup             *Supervisor
	id              app.ID
	gen             uint64
	name, namespace string
	ready           bool // it said so
	report          report
}

// readyMessage is what a program sends that wants to be waited for.
const readyMessage = `"ready"`

// hear acts on one message. As in PM2 an object with a type and data is news under that type; some types are about the
// process itself and no news.
func (e *ear) hear(raw []byte) {
	if string(raw) == readyMessage && !e.ready { // once: a program may say it a million times
		e.ready = true
		e.sup.tell(e.id, lifecycle.Ready{Gen: e.gen})
	}
	topic, data := "", raw
	var kind, body, version []byte
	skim.Members(raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = value
		case "data":
			body = value
		case "node_version":
			version = value
		}
	})
	switch {
	case skim.Truthy(kind) && skim.Truthy(body):
		topic, data = skim.Text(kind), body
		if topic == "" {
			topic = string(kind) // PM2 takes what is no string for one
		}
		if e.report.about(topic) {
			if r := e.report.add(topic, data); r != nil {
				e.sup.reported(e.id, e.gen, r)
			}
			if name := newName(topic, data); name != "" {
				e.sup.post(e.id, rename{e.gen, name})
			}
			return
		}
	case version != nil:
		if r := e.report.version(skim.Text(version)); r != nil {
			e.sup.reported(e.id, e.gen, r)
		}
		return
	}
	e.sup.bus.say(app.Event{
		Kind: app.EventMessage, ID: e.id, Name: e.name, Namespace: e.namespace, Gen: e.gen, Topic: topic,
	}, data)
}

// shutdownMessage is what ends a program that wants to be told by a message.
const shutdownMessage = `"shutdown"`

// Send has a message be on its way to the program.
func (k *kid) Send(message []byte) error {
	f, err := k.Queue(message)
	if err == nil {
		f.Flush()
	}
	return err
}

// Queue has a message be on its way to the program when that is flushed.
func (k *kid) Queue(message []byte) (Flusher, error) {
	if k.line == nil {
		return nil, ErrNoIPC
	}
	return k.line.Channel, k.line.Queue(message)
}

// Input writes to the program's standard input.
func (k *kid) Input(text string) (err error) {
	k.crew.do(func() { err = input(k.PID(), text) })
	return err
}

// tell gives a keeper news of its child.
func (s *Supervisor) tell(id app.ID, in lifecycle.Input) { s.post(id, tell{in: in}) }

// post puts something into a keeper's mailbox.
func (s *Supervisor) post(id app.ID, m message) {
	if k := s.reg.get(id); k != nil {
		k.mail.put(m)
	}
}

// told is what an incarnation reported so far.
type told struct {
	gen uint64
	*app.Reported
}

// reported notes what an incarnation says of itself.
func (s *Supervisor) reported(id app.ID, gen uint64, r *app.Reported) {
	if k := s.reg.get(id); k != nil {
		k.told.Store(&told{gen, r})
		s.changed()
	}
}

// fillReported adds what the current incarnation told of itself. What it runs under is known of the last one, too.
func (k *keeper) fillReported(p *app.Process) {
	t := k.told.Load()
	if t == nil {
		return
	}
	if t.gen == p.Gen && p.PID != 0 {
		p.Reported = t.Reported
	}
	if t.NodeVersion != "" {
		p.NodeVersion = t.NodeVersion
	}
}

// measured returns the process whose use of CPU and memory counts: the main one, unless the program named another.
func (k *keeper) measured(pid int, gen uint64) int {
	if t := k.told.Load(); t != nil && t.gen == gen && t.MeasuredPID != 0 {
		return t.MeasuredPID
	}
	return pid
}

// toldBy is where a keeper's process's reports are.
type toldBy = atomic.Pointer[told]

// Send gives a process a message over its IPC channel: one JSON text. It returns when the message is on its way; a
// process that does not read is told of as an error.
func (s *Supervisor) Send(id app.ID, message json.RawMessage) error {
	f, err := s.Queue(id, message)
	if err == nil {
		f.Flush()
	}
	return err
}

// Flusher has messages that are not on their way yet; each process that runs has one. Flush does not wait.
type Flusher interface{ Flush() }

// Queue is Send for who has more to send: the message is on its way when what is returned has been flushed, if not before.
func (s *Supervisor) Queue(id app.ID, message json.RawMessage) (f Flusher, err error) {
	if !json.Valid(message) {
		return nil, fmt.Errorf("send to process %d: the message is not JSON: %.40s", id, message)
	}
	err = s.deliver(id, func(c child) (err error) {
		f, err = c.Queue(message)
		return err
	}, true)
	return f, err
}

// SendLine writes text to a process's standard input as it is: a newline, where one is wanted, is part of it.
func (s *Supervisor) SendLine(id app.ID, text string) error {
	return s.deliver(id, func(c child) error { return c.Input(text) }, false)
}

// deliver has a keeper do something with the child that runs, here if that takes no time.
func (s *Supervisor) deliver(id app.ID, do func(child) error, quick bool) error {
	k := s.reg.get(id)
	if k == nil {
		return fmt.Errorf("send to process %d: %w", id, ErrUnknown)
	}
	var err error
	if quick && k.mail.visit(func() { err = k.current(do) }) {
		if err != nil {
			return fmt.Errorf("send to process %d: %w", id, err)
		}
		return nil
	}
	reply := make(chan error, 1)
	k.mail.put(deliver{do, reply})
	select {
	case err := <-reply:
		if err != nil {
			return fmt.Errorf("send to process %d: %w", id, err)
		}
		return nil
	case <-k.done:
		return fmt.Errorf("send to process %d: %w", id, errGone)
	}
}
