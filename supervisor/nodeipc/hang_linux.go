package nodeipc

import (
	"strconv"
	"time"
)

// pace is how often it is looked whether connections wait for a worker that does not take them.
const pace = time.Second

// beat has the queues looked at, as long as there is somebody else to take what waits in them.
func (p *Primary) beat() {
	if p.pulse == nil && !p.closed {
		p.pulse = time.AfterFunc(pace, p.look)
	}
}

// look finds workers that hang: connections wait for them, and they do not answer.
func (p *Primary) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pulse = nil
	if p.closed {
		return
	}
	for _, g := range p.groups {
		hung := false
		for _, s := range g.servers {
			hung = s.look() || hung
		}
		if hung {
			p.settle(g)
		}
	}
	p.save()
}

// look looks at the queues of a server's slots. It reports whether a worker was found to hang.
func (s *server) look() (hung bool) {
	if !s.slotted() || len(s.sockets) < 2 {
		return false
	}
	s.p.beat()
	for _, w := range s.g.workers {
		k := s.sockets[w.m.Slot]
		if k == nil || k.in != nil || !w.takes(s) {
			continue
		}
		switch waits := k.waits; {
		case !k.waiting():
			k.waits = 0
		case waits == 0: // it may come to it
			k.waits++
		case !w.asked:
			w.probe()
		case w.answers && !w.hung:
			w.hung, hung = true, true
			s.p.tell(s.g, "worker "+strconv.FormatUint(w.ID, 10)+" does not answer, others get its connections")
		}
	}
	return hung
}

// waiting reports whether connections are in the socket's queue.
func (k *socket) waiting() bool { return Waiting(k.fd) > 0 }

// trial is how long the first sign is waited for: other runtimes may not know how to give one.
const trial = 10 * time.Second

// probe asks a worker for a sign of life.
func (w *Worker) probe() {
	w.asked = w.Channel.probe(w.alive) == nil
	if w.asked && !w.answers {
		w.asking = time.AfterFunc(trial, w.Channel.giveUp)
	}
}

// alive is the sign. Whoever has never given one is not expected to.
func (w *Worker) alive() {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	w.asked, w.answers = false, true
	if w.asking != nil {
		w.asking.Stop()
		w.asking = nil
	}
	if w.hung && w.g != nil {
		w.hung = false
		p.settle(w.g)
		p.save()
	}
}

// takes reports whether the worker takes connections of s, and does not hang.
func (w *Worker) takes(s *server) bool { return w.serves(s) && !w.hung }
