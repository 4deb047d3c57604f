package nodeipc

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// acceptor accepts the connections of one socket here, as long as there is somebody to pass them on to.
type acceptor struct {
	k     *socket
	id    uint64
	armed bool
	over  bool
	last  time.Time // something came, or it began
}

// accept begins to accept from a socket. Call it with the primary locked.
func (x *Exchange) accept(k *socket) (*acceptor, error) {
	a := &acceptor{k: k, armed: true, last: time.Now()}
	var err error
	a.id, err = x.watch(k.fd, unix.EPOLLIN, a)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// arm has the exchange tell of connections, or not.
func (a *acceptor) arm(yes bool) {
	if a.armed == yes || a.over {
		return
	}
	a.armed = yes
	events := uint32(0)
	if yes {
		events = unix.EPOLLIN
	}
	_ = a.k.s.p.x.rearm(a.k.fd, events, a.id) // a set that is closed serves nobody
}

func (a *acceptor) close() {
	if !a.over {
		a.over = true
		a.k.s.p.x.forget(a.k.fd, a.id)
	}
}

// drop has nothing of its own to give back.
func (a *acceptor) drop() {}

func (a *acceptor) ready(_ *Exchange, _ uint32) bool {
	p := a.k.s.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if !a.over {
		a.accept()
	}
	return false // it is told again as long as there is something
}

// accept passes on what waits, as far as there are workers free. It reports whether nothing waits any more.
func (a *acceptor) accept() (empty bool) {
	s := a.k.s
	for {
		w := s.free(nil)
		if w == nil || len(s.refused) > 0 {
			a.arm(false) // until one is
			return false
		}
		fd, _, err := unix.Accept4(a.k.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case errors.Is(err, unix.EAGAIN):
			return true
		case err != nil: // no descriptors, say: it would tell again at once
			a.arm(false)
			s.later()
			return false
		}
		a.last = time.Now()
		s.p.offer(w, &offer{fd: fd, s: s})
	}
}

// free returns the next worker that can be offered a connection, nil if there is none now. It may be asked without an offer.
func (s *server) free(tried map[*Worker]bool) *Worker {
	all := s.g.workers
	for i := range all {
		n := (s.last + 1 + i) % len(all)
		if w := all[n]; w.offered == nil && !tried[w] && w.takes(s) {
			return w
		}
	}
	return nil
}

// offer sends a connection to a worker, which answers before it touches it.
func (p *Primary) offer(w *Worker, o *offer) {
	p.seq++
	o.seq, o.s.last = p.seq, slices.Index(o.s.g.workers, w)
	if err := w.sendHandle(netHandle, newconn(o.s.key, o.seq), o.fd, nil); err != nil {
		o.refuse(w)
		o.s.place(o)
		return
	}
	w.offered = o
}

func (o *offer) refuse(w *Worker) {
	if o.tried == nil {
		o.tried = map[*Worker]bool{}
	}
	o.tried[w] = true
}

// answered is a worker's answer to an offer.
func (w *Worker) answered(seq uint64, accepted bool) {
	o := w.offered
	if o == nil || o.seq != seq {
		return
	}
	w.offered = nil
	if accepted {
		closeFD(o.fd)
	} else {
		o.refuse(w)
		o.s.place(o)
	}
	for _, s := range w.servers {
		s.replace()
	}
}

// place finds a worker for a connection that another did not take; if all are asked in vain it is tried again later.
func (s *server) place(o *offer) {
	if s.p.closed || s.g.servers[s.key] != s {
		closeFD(o.fd)
		return
	}
	if w := s.free(o.tried); w != nil {
		s.p.offer(w, o)
		return
	}
	s.refused = append(s.refused, o)
	s.later()
}

// again is how long nobody is asked after all have refused.
const again = 50 * time.Millisecond

// later looks again after a while.
func (s *server) later() {
	if s.retry != nil {
		return
	}
	p := s.p
	s.retry = time.AfterFunc(again, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		s.retry = nil
		if p.closed {
			return
		}
		for _, o := range s.refused {
			o.tried = nil
		}
		s.replace()
	})
}

// replace gives connections that wait to workers that are free, then lets more come.
func (s *server) replace() {
	for len(s.refused) > 0 {
		o := s.refused[0]
		w := s.free(o.tried)
		if w == nil {
			if s.retry == nil {
				s.later()
			}
			return
		}
		s.refused = s.refused[1:]
		s.p.offer(w, o)
	}
	if s.free(nil) == nil {
		return
	}
	for _, k := range s.sockets {
		if k.in != nil {
			k.in.arm(true)
		}
	}
}
