package nodeipc

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// server is what the workers of a group that asked for the same listen on together.
type server struct {
	p      *Primary
	g      *group
	key    string
	at     Endpoint
	policy Policy
	held   bool            // its socket is the app's, not ours to close
	data   json.RawMessage // what the first worker gave for all

	sockets map[int]*socket // by slot; shared and passed ones at shared
	last    int             // where passing on stopped
	refused []*offer        // connections that no worker takes just now
	retry   *time.Timer
}

// shared is the place of a socket that belongs to no slot.
const shared = -1

// socket is a descriptor that is kept.
type socket struct {
	fd   int
	name string // in the store
	s    *server
	slot int

	gaveUp bool // the program closed it
	timer  *time.Timer
	in     *acceptor // accepts from it here; nil mostly
	port   *port     // nil unless it is one of several on its port
	away   bool      // the kernel chooses others
	waits  int       // how often in a row connections were found to wait for its worker
}

// newServer decides how a request is served. It is not known to the group until it has a socket.
func newServer(w *Worker, key string, r *request) *server {
	p, g := w.p, w.g
	s := &server{p: p, g: g, key: key, at: r.endpoint(w.m.Dir), policy: g.policy, sockets: map[int]*socket{}}
	s.at.Padded = w.pads && s.at.abstract()
	switch {
	case s.at.Network != "udp" && (r.descriptor() >= 0 || w.heldFor(s.at) >= 0):
		s.held = true
		if s.policy != RoundRobin {
			s.policy = Shared
		}
	case s.at.Network == "udp": // datagrams cannot be passed on
		s.policy = Shared
	case s.at.Network == "unix", s.at.Port == 0:
		if s.policy != RoundRobin {
			s.policy = Shared
		}
	}
	s.at.ReusePort = s.at.ReusePort || s.slotted()
	return s
}

// heldFor is which of the sockets that are held for a worker's program is the one that it opens by its address; -1 is none.
// On a port that is held it would find its own app in the way.
func (w *Worker) heldFor(e Endpoint) int {
	return slices.IndexFunc(w.m.Held, func(fd int) bool {
		switch sa, _ := unix.Getsockname(fd); sa := sa.(type) {
		case *unix.SockaddrInet4:
			return e.meets(sa.Port, netip.AddrFrom4(sa.Addr))
		case *unix.SockaddrInet6:
			return e.meets(sa.Port, netip.AddrFrom16(sa.Addr))
		case *unix.SockaddrUnix:
			return e.Network == "unix" && (e.Address == sa.Name || e.abstract() && sa.Name == "@"+e.Address[1:])
		}
		return false
	})
}

// meets reports whether e and a TCP address have something in common.
func (e Endpoint) meets(port int, at netip.Addr) bool {
	if e.Network != "tcp" || e.Port != port || port == 0 {
		return false
	}
	own, err := netip.ParseAddr(e.Address)
	return at.IsUnspecified() || err != nil || own.IsUnspecified() || own.Unmap() == at.Unmap()
}

// slotted reports whether each slot has a socket of its own.
func (s *server) slotted() bool { return s.policy == Slots || s.policy == Sticky }

// place returns where a worker's socket is.
func (s *server) placeOf(w *Worker) int {
	if s.slotted() {
		return w.m.Slot
	}
	return shared
}

// socketFor returns the descriptor that a worker is to listen on.
func (s *server) socketFor(w *Worker, r *request) (int, error) {
	place := s.placeOf(w)
	if k := s.sockets[place]; k != nil {
		s.p.changed = s.p.changed || k.gaveUp
		k.gaveUp = false
		return k.fd, nil
	}
	if s.slotted() {
		for _, o := range w.servers {
			if o.at == s.at { // a second time in one worker: its own kernel would say so
				return -1, fmt.Errorf("listen %s: %w", s.at, unix.EADDRINUSE)
			}
		}
	}
	k, err := s.open(w, r, place)
	if err != nil {
		return -1, err
	}
	s.p.changed = true
	s.sockets[place] = k
	s.g.servers[s.key] = s
	return k.fd, nil
}

func (s *server) open(w *Worker, r *request, place int) (k *socket, err error) {
	s.p.lastSocket++
	k = &socket{s: s, slot: place, name: "listen/cluster/" + strconv.FormatUint(s.p.lastSocket, 10)}
	if s.held {
		n := r.descriptor() - 3
		if r.descriptor() < 0 {
			n = w.heldFor(s.at)
		}
		if n < 0 || n >= len(w.m.Held) {
			return nil, fmt.Errorf("listen on descriptor %d: %w", r.descriptor(), unix.EINVAL) // as Node has it
		}
		if k.fd, err = unix.FcntlInt(uintptr(w.m.Held[n]), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return nil, fmt.Errorf("listen on descriptor %d: %w", r.descriptor(), err)
		}
		if err = s.p.store.Put(k.name, k.fd); err != nil {
			closeFD(k.fd)
			return nil, err
		}
		return k, nil
	}
	where := s.at.group()
	shares := s.slotted() && s.p.ports[where] != nil
	if s.slotted() && !shares {
		if err := conflicts(s.at); err != nil { // somebody else's: the kernel would let us share it unasked
			return nil, err
		}
	}
	if k.fd, err = Bind(s.at); err != nil {
		return nil, err
	}
	if s.at.Network != "udp" {
		// The worker does it too; here it fixes the order of the sockets on a port.
		if err = Listen(k.fd, s.at.Backlog); err != nil {
			closeFD(k.fd)
			return nil, err
		}
	}
	if err = s.p.store.Put(k.name, k.fd); err != nil {
		closeFD(k.fd)
		return nil, err
	}
	if s.slotted() {
		s.p.enter(where, k)
	}
	return k, nil
}

// giveUp notes that the program closed the server of a slot.
func (s *server) giveUp(slot int) {
	if !s.slotted() {
		slot = shared
		for _, w := range s.g.workers {
			if w.serves(s) {
				return
			}
		}
	}
	if k := s.sockets[slot]; k != nil {
		k.gaveUp, s.p.changed = true, true
	}
}

// anyLive reports whether some worker takes connections.
func (s *server) anyLive() bool {
	for _, w := range s.g.workers {
		if w.takes(s) {
			return true
		}
	}
	return false
}

// awaited reports whether a worker for the socket is there or to come.
func (k *socket) awaited() bool {
	if k.gaveUp {
		return false
	}
	if k.slot == shared {
		return len(k.s.g.expected) > 0
	}
	return k.s.g.expected[k.slot]
}

// settle makes each socket do what its slot's worker, or the lack of one, asks for.
func (s *server) settle() {
	live := s.anyLive()
	awaited := live
	if s.slotted() && len(s.sockets) > 1 {
		s.p.beat()
	}
	for _, k := range s.sockets {
		// One of the app that has not asked yet, or comes again, serves what waits for another too.
		awaited = awaited || !k.gaveUp && len(s.g.expected) > 0
	}
	if !awaited {
		s.close()
		return
	}
	for _, k := range s.sockets {
		own := k.slot == shared && live || k.slot != shared && s.g.live(k.slot, s)
		switch {
		case s.policy == RoundRobin:
			k.pass(live)
		case own:
			k.stopTimer()
			k.turn(false)
			k.pass(false)
		case !live || k.slot == shared: // it waits in the queue
			k.stopTimer()
			k.pass(false)
		case k.awaited() && k.in == nil && s.g.stoodIn(s):
			k.stopTimer()
			k.takeOver()
		case k.awaited():
			if k.in == nil && k.timer == nil {
				k.after(patience, k.takeOver)
			}
		case k.in == nil:
			k.stopTimer()
			k.takeOver()
		}
	}
	if live {
		s.replace()
	}
}

// takeOver has others serve what comes to a slot that has no worker.
func (k *socket) takeOver() {
	k.turn(true)
	k.pass(true)
	if !k.awaited() {
		k.after(quiet, k.retire)
	}
}

// quiet is how long nothing must come to a socket that is steered around, before it is closed.
const quiet = time.Second

// retire closes the socket of a slot that will not come back, once nothing comes to it any more and nobody has a use for it.
func (k *socket) retire() {
	if k.in == nil || k.awaited() {
		return
	}
	if !k.away || time.Since(k.in.last) < quiet || k.s.g.holds(k.slot, k.s) || !k.in.accept() {
		k.after(quiet, k.retire)
		return
	}
	k.close()
	delete(k.s.sockets, k.slot)
}

// turn has the kernel choose other sockets of the port, or this one again.
func (k *socket) turn(away bool) {
	if k.port == nil || k.away == away {
		return
	}
	k.away = away
	if !k.steer() {
		k.away = false
	}
}

// steer brings the kernel's choice up to date; false if that does not work, and it chooses among all.
func (k *socket) steer() bool {
	err := k.port.steer(k.s.policy == Sticky)
	if err != nil {
		k.s.p.tell(k.s.g, "steer connections: "+err.Error())
	}
	return err == nil
}

// pass begins or ends accepting here.
func (k *socket) pass(yes bool) {
	switch {
	case yes && k.in == nil:
		a, err := k.s.p.x.accept(k)
		if err != nil {
			k.s.p.tell(k.s.g, "accept connections for others: "+err.Error())
			return
		}
		k.in = a
	case yes:
		k.in.arm(true)
	case k.in != nil:
		k.in.close()
		k.in = nil
	}
}

// after has f called later, unless the timer is stopped before.
func (k *socket) after(d time.Duration, f func()) {
	k.stopTimer()
	p := k.s.p
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if k.timer != t || p.closed {
			return
		}
		k.timer = nil
		f()
		p.save()
	})
	k.timer = t
}

func (k *socket) stopTimer() {
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
}

// close gives the socket back. Who connected and was not accepted is refused.
func (k *socket) close() {
	k.stopTimer()
	k.pass(false)
	if k.port != nil {
		// The store's copy, and those of children, are closed later. Only this ends the socket for all of them, and before
		// the kernel is told of other numbers: what it chose in between would be accepted by nobody.
		_ = unix.Shutdown(k.fd, unix.SHUT_RDWR)
		k.s.p.leave(k)
	}
	k.s.p.changed = true
	_ = k.s.p.store.Remove(k.name) // a name that is not used any more does no harm
	closeFD(k.fd)
	if k.s.at.Network == "unix" && !k.s.at.abstract() && !k.s.held {
		os.Remove(k.s.at.Address)
	}
}

// close ends the server: nobody listens, and nobody will.
func (s *server) close() {
	for slot, k := range s.sockets {
		k.close()
		delete(s.sockets, slot)
	}
	if s.retry != nil {
		s.retry.Stop()
	}
	for _, o := range s.refused {
		closeFD(o.fd)
	}
	s.refused = nil
	delete(s.g.servers, s.key)
}
