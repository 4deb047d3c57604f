package supervisor

import (
	"encoding/json"
	"slices"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/nodeipc"
)

// stay is what an incarnation has of the addresses that its app listens on, and how it leaves them to its successor.
type stay struct {
	sup   *Supervisor
	user  user
	list  []string // what is held for it
	sides []int    // which socket of each it has
	apart bool     // it can have another socket than its predecessor
	own   []queue  // copies of sockets that it opened itself, once it gets nothing new there
}

// stay returns an incarnation's, nil if it shares nothing. Workers of a cluster have Node's ways.
func (h *host) stay(p *app.Process, gen uint64) *stay {
	if len(p.Spec.Listen) == 0 && (!p.Spec.Overlap || clusters(p.Spec)) {
		return nil
	}
	return &stay{sup: h.sup, user: user{p.ID, gen}, apart: !clusters(p.Spec) && !onDemand(p.Spec)}
}

// lend gets the sockets that are held for it.
func (t *stay) lend(list []string) (fds []int, err error) {
	replaces := false
	if k := t.sup.reg.get(t.user.id); k != nil && t.apart {
		old := k.life.Load().Old
		replaces = old.Alive() && !old.Asked
	}
	fds, t.sides, err = t.sup.held.lend(t.user, list, replaces)
	if err == nil {
		t.list = list
	}
	return fds, err
}

// sidesKey is where the sides that an incarnation has are in the journal, if any is a second one.
const sidesKey = "sides"

func (t *stay) extra(m map[string]json.RawMessage) map[string]json.RawMessage {
	if t == nil || !slices.Contains(t.sides, 1) {
		return m
	}
	text, err := json.Marshal(t.sides)
	if err != nil {
		return m // numbers
	}
	if m == nil {
		m = map[string]json.RawMessage{}
	}
	m[sidesKey] = text
	return m
}

// sidesIn tells of a process, of which nothing was written down, the sides that it was given: it holds these.
func (t *stay) sidesIn(list []string, pid int) json.RawMessage {
	if t == nil || len(list) == 0 {
		return nil
	}
	sides, err := json.Marshal(t.sup.held.sidesIn(t.user.id, list, socketsOf(pid)))
	if err != nil {
		return nil // numbers
	}
	return sides
}

// resume notes what an incarnation of a former supervisor has.
func (t *stay) resume(list []string, sides json.RawMessage, serves bool) error {
	if t == nil || len(list) == 0 {
		return nil
	}
	if len(sides) > 0 {
		if err := json.Unmarshal(sides, &t.sides); err != nil {
			return err
		}
	}
	t.list = list
	return t.sup.held.lent(t.user, list, t.sides, serves)
}

// end gives up what a process had that is gone.
func (t *stay) end() {
	if t == nil {
		return
	}
	if len(t.list) > 0 {
		t.sup.held.gone(t.user, t.list)
	}
	for _, q := range t.own {
		q.close()
	}
	t.own = nil
}

// Looking at queues.
const (
	stayPace = 20 * time.Millisecond
	// stayLull is how long nothing has waited in its queue when a process has surely read, and most likely answered, what it
	// took from there.
	stayLull = 500 * time.Millisecond
)

// Retire has a process take nothing new and finish what it began. A worker of a cluster is told so, and its channel ends then.
// Others get no new connections any more, where that can be done.
func (k *kid) Retire() error {
	if k.line != nil && k.line.worker != nil {
		return k.line.worker.Retire()
	}
	if k.stay == nil || !k.stay.apart {
		return ErrNoIPC
	}
	var queues []int
	k.crew.do(func() { queues = k.stay.leave(k.PID()) })
	if len(queues) == 0 {
		return ErrNoIPC
	}
	go k.stay.finish(queues) // ends with the drain, at the latest
	return nil
}

// leave has all new connections go to the successor, and returns copies of the sockets that they went to.
func (t *stay) leave(pid int) (queues []int) {
	if k := t.sup.reg.get(t.user.id); len(t.list) == 0 && k != nil {
		t.own = relieveOwn(pid, k.life.Load().Cur.PID)
		for _, q := range t.own {
			if own, err := dupFD(q.fd); err == nil {
				queues = append(queues, own)
			}
		}
		return queues
	}
	for _, fd := range t.sup.held.relieve(t.user, t.list) {
		if own, err := dupFD(fd); err == nil {
			queues = append(queues, own)
		}
	}
	return queues
}

// finish waits until a process has emptied its queues, for as long as a drain lasts.
func (t *stay) finish(queues []int) {
	last := time.Now()
	for time.Since(last) < stayLull && t.leaving() {
		time.Sleep(stayPace)
		if slices.ContainsFunc(queues, func(fd int) bool { return nodeipc.Waiting(fd) > 0 }) {
			last = time.Now()
		}
	}
	t.sup.tell(t.user.id, lifecycle.Drained{Gen: t.user.gen})
	for _, fd := range queues {
		closeFD(fd)
	}
}

// leaving reports whether the process is still given time.
func (t *stay) leaving() bool {
	k := t.sup.reg.get(t.user.id)
	if k == nil {
		return false
	}
	s := k.life.Load()
	for _, c := range []lifecycle.Child{s.Cur, s.Old} {
		if c.Gen == t.user.gen {
			return !c.Dead && !c.DrainBy.IsZero()
		}
	}
	return false
}
