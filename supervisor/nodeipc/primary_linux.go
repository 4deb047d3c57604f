package nodeipc

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"
)

// patience is how long connections wait for a slot's own worker before others get them.
const patience = 100 * time.Millisecond

// Supported says that there are channels and clusters here.
const Supported = true

// Primary is the primary of Node's cluster module for the workers of any number of apps. It keeps what they listen on,
// longer than they live.
//
// Each worker has a slot, its place in the app; its replacement has the same. Under the policies Slots and Sticky a slot
// has a socket of its own on the port, which weaver keeps and gives to each of the slot's workers: what waits in its queue
// when a worker ends is for the next. While a slot has no worker, for longer than patience, the kernel is told to choose
// among the others, and what is in the queue is accepted here and passed on to them. A worker that hangs is none.
type Primary struct {
	x       *Exchange
	store   Store
	trouble func(group, text string)

	mu     sync.Mutex
	lastID uint64 // of workers
	seq    uint64 // of messages
	groups map[string]*group
	ports  map[Endpoint]*port
	closed bool
	pulse  *time.Timer // nil while no slot has to be looked at, see hang_linux.go

	// What the next primary must know, see kept_linux.go.
	lastSocket uint64
	changed    bool
	memory     int // -1 until something is to be kept
	version    uint64
}

// group is one app.
type group struct {
	name     string
	policy   Policy
	workers  []*Worker
	servers  map[string]*server
	expected map[int]bool // the slots that are meant to have a worker
}

// Member says who a worker is.
type Member struct {
	Group  string // the app
	Slot   int
	Policy Policy
	Dir    string // where relative paths begin
	Held   []int  // what its program knows as descriptors 3, 4, …: the sockets held for it
	// Listening is called, once, when the worker listens on something. It must not block.
	Listening func()
	// Spare, if not nil, has the worker's wishes to listen wait until it is released. It is called, once, at the first of
	// them, with what releases it: that may be called from anywhere, once.
	Spare func(release func(standsIn bool))
}

// Worker is one worker process.
type Worker struct {
	*Channel
	ID uint64 // Node's: NODE_UNIQUE_ID, cluster.worker.id
	m  Member
	p  *Primary
	g  *group

	// Guarded by p.mu.
	servers   map[string]*server // what it listens on, by key
	offered   *offer             // the connection that it has not answered for
	leaving   bool               // it closes its servers, and gets nothing any more
	held      bool               // what it wishes to listen on waits
	waiting   []request          // those wishes
	standsIn  bool               // it was held, and serves in somebody's place
	listening bool
	pads      bool        // its Node has names that are no files' padded
	asked     bool        // for a sign of life
	asking    *time.Timer // until the first is given up
	answers   bool        // it gave one
	hung      bool        // it gives none, and connections wait for it
}

// offer is a connection on its way to a worker.
type offer struct {
	seq   uint64
	fd    int
	s     *server
	tried map[*Worker]bool
}

// NewPrimary returns a primary without workers. store, if not nil, keeps what they listen on; trouble, if not nil, is told what goes wrong that nobody waits for.
func NewPrimary(x *Exchange, store Store, trouble func(group, text string)) *Primary {
	if store == nil {
		store = noStore{}
	}
	return &Primary{x: x, store: store, trouble: trouble, memory: -1, groups: map[string]*group{}, ports: map[Endpoint]*port{}}
}

// Close gives back the sockets. Workers must be gone.
func (p *Primary) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.pulse != nil {
		p.pulse.Stop()
	}
	for _, g := range p.groups {
		for _, s := range g.servers {
			s.close()
		}
	}
	if p.memory >= 0 {
		_ = p.store.Remove(stateName) // nothing is kept any more
		closeFD(p.memory)
	}
}

// Open is Exchange.Open for a worker.
func (p *Primary) Open(m Member, h Hooks) (w *Worker, child int, err error) {
	w = p.worker(m, &h)
	w.Channel, child, err = p.x.Open(h)
	if err != nil {
		return nil, -1, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.save()
	p.lastID++
	p.changed = true
	w.ID = p.lastID
	p.join(w)
	return w, child, nil
}

// worker makes a worker, and has its channel's hooks lead here.
func (p *Primary) worker(m Member, h *Hooks) *Worker {
	w := &Worker{m: m, p: p, servers: map[string]*server{}, held: m.Spare != nil}
	h.cluster = w.hear
	closed := h.Closed
	h.Closed = func() {
		p.left(w)
		if closed != nil {
			closed()
		}
	}
	return w
}

func (p *Primary) join(w *Worker) {
	g := p.group(w.m.Group)
	g.policy = w.m.Policy
	if !w.held {
		g.expected[w.m.Slot] = true
	}
	g.workers = append(g.workers, w)
	w.g = g
}

func (p *Primary) group(name string) *group {
	g := p.groups[name]
	if g == nil {
		g = &group{name: name, servers: map[string]*server{}, expected: map[int]bool{}}
		p.groups[name] = g
	}
	return g
}

// Expect tells whether a slot is meant to have a worker, now or soon.
func (p *Primary) Expect(name string, slot int, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.save()
	g := p.groups[name]
	if g == nil || g.expected[slot] == yes {
		return
	}
	if yes {
		g.expected[slot] = true
	} else {
		delete(g.expected, slot)
	}
	p.settle(g)
}

// Retire has a worker close its servers, finish what it has begun, and then close its channel.
func (w *Worker) Retire() error {
	p := w.p
	p.mu.Lock()
	w.leaving = true // before it is told: no connection may cross the end of its channel
	p.seq++
	seq := p.seq
	p.settle(w.g)
	p.save()
	p.mu.Unlock()
	return w.Send(disconnect(seq))
}

// hear acts on a message from a worker.
func (w *Worker) hear(r *request) {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.save()
	if p.closed || w.g == nil {
		return
	}
	if r.Ack != nil {
		w.answered(*r.Ack, r.Accepted)
		return
	}
	switch r.Act {
	case "queryServer":
		if w.held {
			w.hold(r)
			return
		}
		w.query(r)
	case "listening":
		if !w.listening {
			w.listening = true
			w.probe()
			if w.m.Listening != nil {
				w.m.Listening()
			}
		}
	case "pads": // said by what runs before the program
		w.pads = true
	case "close":
		s := w.servers[r.Key]
		if s == nil {
			return
		}
		delete(w.servers, r.Key)
		if !w.leaving { // the program does not want it any more
			s.giveUp(w.m.Slot)
		}
		p.settle(w.g)
	case "exitedAfterDisconnect":
		w.leaving = true
		p.settle(w.g)
		p.seq++
		p.send(w, response{Ack: r.Seq, Seq: p.seq}.frame())
	}
}

// hold keeps a wish to listen. Its raw parts are in a buffer that is used again.
func (w *Worker) hold(r *request) {
	kept := *r
	kept.Data, kept.AddressType = slices.Clone(r.Data), slices.Clone(r.AddressType)
	w.waiting = append(w.waiting, kept)
	if len(w.waiting) == 1 {
		w.m.Spare(w.release)
	}
}

// release has a spare listen on what it wished to, in its own slot. Slots that lack their worker are served by others at once
// while it stands in for somebody.
func (w *Worker) release(standsIn bool) {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.save()
	if p.closed || w.g == nil || !w.held || w.leaving {
		return
	}
	w.held, w.standsIn = false, standsIn
	w.g.expected[w.m.Slot] = true
	for i := range w.waiting {
		w.query(&w.waiting[i])
	}
	w.waiting = nil
}

// left is the end of a worker's channel.
func (p *Primary) left(w *Worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.save()
	g := w.g
	if g == nil {
		return
	}
	w.leaving = true
	if w.asking != nil {
		w.asking.Stop()
	}
	for i, o := range g.workers {
		if o == w {
			g.workers = append(g.workers[:i:i], g.workers[i+1:]...)
			break
		}
	}
	if o := w.offered; o != nil { // what was not answered for was not touched
		w.offered = nil
		o.s.place(o)
	}
	clear(w.servers)
	if !p.closed {
		p.settle(g)
	}
}

// send gives a worker what it cannot do without. One that does not read it is as good as gone.
func (p *Primary) send(w *Worker, frame []byte) {
	if err := w.Send(frame); err != nil && err != ErrClosed {
		p.tell(w.g, "worker "+strconv.FormatUint(w.ID, 10)+": "+err.Error())
	}
}

func (p *Primary) tell(g *group, text string) {
	if p.trouble != nil {
		p.trouble(g.name, text)
	}
}

// query answers a worker that wants to listen.
func (w *Worker) query(r *request) {
	p, key := w.p, r.key()
	s := w.g.servers[key]
	if s == nil {
		s = newServer(w, key, r)
	}
	p.seq++
	answer := response{Ack: r.Seq, Key: key, Seq: p.seq}
	fd, err := s.socketFor(w, r)
	if err != nil {
		answer.Errno = errnoOf(err)
		p.send(w, answer.frame())
		s.settle()
		return
	}
	if len(r.Data) > 0 && string(r.Data) != "null" && s.data == nil { // TLS ticket keys: the first worker's are everybody's
		p.changed = true
		s.data = append(json.RawMessage(nil), r.Data...)
	}
	answer.Data = s.data
	w.servers[key] = s
	if s.policy == RoundRobin {
		answer.Sockname = nameOf(fd) // none for a path, as in Node
		p.send(w, answer.frame())
	} else {
		kind := netHandle
		if s.at.Network == "udp" {
			kind = dgramHandle
		}
		if err := w.sendHandle(kind, answer.frame(), fd, nil); err != nil && err != ErrClosed {
			p.tell(w.g, "worker "+strconv.FormatUint(w.ID, 10)+": "+err.Error())
		}
	}
	s.settle()
}

// settle looks at everything a group listens on, after a change.
func (p *Primary) settle(g *group) {
	for _, s := range g.servers {
		s.settle()
	}
	if len(g.workers) == 0 && len(g.expected) == 0 && len(g.servers) == 0 {
		delete(p.groups, g.name)
	}
}

// live reports whether a slot has a worker that takes connections of s.
func (g *group) live(slot int, s *server) bool {
	for _, w := range g.workers {
		if w.m.Slot == slot && w.takes(s) {
			return true
		}
	}
	return false
}

// stoodIn reports whether a worker that was a spare takes connections of s.
func (g *group) stoodIn(s *server) bool {
	for _, w := range g.workers {
		if w.standsIn && w.serves(s) {
			return true
		}
	}
	return false
}

// holds reports whether a slot has a worker that has not closed s yet, though it may be leaving.
func (g *group) holds(slot int, s *server) bool {
	for _, w := range g.workers {
		if w.m.Slot == slot && w.servers[s.key] == s {
			return true
		}
	}
	return false
}

// serves reports whether the worker takes connections of s.
func (w *Worker) serves(s *server) bool { return !w.leaving && w.servers[s.key] == s }
