package supervisor

import (
	"strconv"
	"strings"
	"syscall"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// found is what has become of a child whose supervisor died.
type found struct {
	child child       // nil if nothing is known of it, as when it was never forked
	alive bool        // its main process lives
	exit  *spawn.Exit // how the main process ended, if that is known
	err   error       // it lives, and cannot be taken over
	deaf  bool        // it lives, and gets no connections any more
}

// takeOver finds the children that the process had, and puts into the mailbox what happened to them meanwhile. It returns
// how many live. Call it before run.
func (k *keeper) takeOver(life lifeRecord, exits map[uint64]exitRecord, left estate) (adopted int, err error) {
	handles := life.handles()
	for _, c := range []lifecycle.Child{k.state.Cur, k.state.Old} {
		if c.Gen == 0 {
			continue
		}
		f := k.sup.launcher.adopt(k.view.Load(), c, handles[c.Gen], left, func(x spawn.Exit) { k.mail.put(died{c.Gen, x}) })
		if f.err != nil {
			return adopted, f.err
		}
		if f.child != nil {
			k.kids[c.Gen] = f.child
			if c.Gen == k.state.Cur.Gen {
				k.heldBack(f.child, false)
				k.publish()
			}
			k.fail("take over", f.child.Trouble())
		}
		if x, ok := exits[c.Gen]; ok && !f.alive { // what the former supervisor saw is the truth
			f.exit = &spawn.Exit{
				Code: x.Code, Signal: syscall.Signal(x.Signal), Core: x.Core, OOM: x.OOM, Lost: x.Lost, At: k.sup.book.now().time(x.Boot),
			}
		}
		if f.alive {
			adopted++
			if c.Ready && c.Gen == k.state.Cur.Gen && clusters(k.proc.Spec) { // one that does not listen yet will say so
				k.listens.Store(c.Gen)
			}
		}
		k.catchUp(c, f)
	}
	return adopted, nil
}

// catchUp puts into the mailbox what the state does not know of a child yet.
func (k *keeper) catchUp(c lifecycle.Child, f found) {
	if c.PID == 0 && f.child != nil { // it was forked, and that could not be written down any more
		k.mail.put(tell{in: lifecycle.Spawned{Gen: c.Gen, PID: f.child.PID(), Since: began(f.child.Handle().Start)}})
	}
	switch {
	case c.Dead && f.child == nil:
		k.mail.put(tell{in: lifecycle.Empty{Gen: c.Gen}})
	case c.Dead:
		f.child.WhenEmpty(func() { k.mail.put(tell{in: lifecycle.Empty{Gen: c.Gen}}) })
	case f.alive && f.deaf:
		k.mail.put(tell{in: lifecycle.Restart{Gen: c.Gen}, cause: "no connections could be handed to it any more"})
	case f.alive:
	case f.exit != nil:
		k.mail.put(died{c.Gen, *f.exit})
	case c.PID == 0 && f.child == nil:
		k.mail.put(refork{c.Gen})
	default:
		k.mail.put(died{c.Gen, spawn.Exit{Code: -1, Lost: true}})
	}
}

// refork spawns a child whose spawn was decided and did not happen.
func (k *keeper) refork(gen uint64) {
	switch c := k.state.Cur; {
	case c.Gen != gen || c.PID != 0 || c.Dead || k.kids[gen] != nil:
	case c.Asked: // it was not to live any more
		k.step(lifecycle.Exited{Gen: gen})
	default:
		if in := k.spawn(gen); in != nil {
			k.step(in)
		}
	}
}

// resume makes keepers of what is remembered, not yet running.
func (r *registry) resume(list []remembered) ([]*keeper, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	keepers := make([]*keeper, len(list))
	for i := range list {
		keepers[i] = resumeKeeper(r.sup, &list[i])
		r.next = max(r.next, list[i].process.ID+1)
	}
	r.list.Store(&keepers)
	return keepers, nil
}

// beyond has what is new numbered after the spares that a former supervisor had.
func (r *registry) beyond(values map[string][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range values {
		if text, ok := strings.CutPrefix(key, keySpare); ok {
			if id, err := strconv.Atoi(text); err == nil {
				r.next = max(r.next, app.ID(id)+1)
			}
		}
	}
}

func resumeKeeper(sup *Supervisor, p *remembered) *keeper {
	p.process.Reason, p.process.Membership = p.life.Reason, p.life.Member
	p.process.Started = sup.book.now().time(p.life.Started)
	if x := p.life.Exit; x != nil {
		p.process.Exit = &app.Exit{Gen: x.Gen, Code: x.Code, Err: x.Err, Core: x.Core, OOM: x.OOM, At: p.state.Exit.At}
		if x.Signal != 0 {
			p.process.Exit.Signal = signalName(syscall.Signal(x.Signal))
		}
	}
	k := newKeeper(sup, p.process)
	k.specKey, k.state = p.specKey, p.state
	k.view.Store(nil)
	k.publish()
	k.expect() // what is held for it stays so, before anybody gives back what nobody wants
	return k
}
