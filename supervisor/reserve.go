package supervisor

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// reserve keeps spare workers beside the instances of apps that ask for them (Spec.Warm). A spare is a process like an
// instance of its own, with the next free number, which is not in the list, and whose wish to listen is not answered. When an
// instance crashes, a spare is answered, and serves until the instance is back; then it drains and goes, and another takes
// its place. When one more instance is asked for, a spare becomes it.
//
// A spare is written down only by its number: the next supervisor ends what it does not know, and makes others.
type reserve struct {
	sup *Supervisor

	// mu is below the registry's; no keeper is waited for with it held.
	mu      sync.Mutex
	spares  []*spare // in the order in which they were made
	closed  bool
	looking bool
	again   bool // something has changed since the look under way began
}

// spare is one of them.
type spare struct {
	k       *keeper
	group   string
	made    time.Time
	spec    *app.Spec           // it is as this one says
	gen     uint64              // of the incarnation that is loaded; 0 is none
	release func(standsIn bool) // has that one listen

	inFor  *keeper // whose place it has; nil while it waits
	served uint64  // the incarnation of that which is no more
	ending bool
}

// get returns the keeper of a spare.
func (r *reserve) get(id app.ID) *keeper {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.find(id); s != nil {
		return s.k
	}
	return nil
}

func (r *reserve) has(id app.ID) bool { return r.get(id) != nil }

// find returns a spare. Call it with mu held.
func (r *reserve) find(id app.ID) *spare {
	for _, s := range r.spares {
		if s.k.id == id {
			return s
		}
	}
	return nil
}

func (r *reserve) keepers() []*keeper {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*keeper, len(r.spares))
	for i, s := range r.spares {
		out[i] = s.k
	}
	return out
}

// add takes a new one in, unless the end has come.
func (r *reserve) add(k *keeper) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	spec := k.view.Load().Spec
	r.spares = append(r.spares, &spare{k: k, group: groupOf(spec), made: time.Now(), spec: spec})
	return true
}

// remove forgets one that is gone.
func (r *reserve) remove(k *keeper) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spares = slices.DeleteFunc(r.spares, func(s *spare) bool { return s.k == k })
}

func (r *reserve) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.spares) == 0
}

// close ends all of them, and lets none be made any more.
func (r *reserve) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, s := range r.spares {
		s.end(false)
	}
}

// end has a spare go. Call it with the reserve's mu held.
func (s *spare) end(drain bool) {
	if s.ending && drain {
		return
	}
	s.ending = true
	s.k.mail.put(tell{in: lifecycle.Delete{Drain: drain}, cause: "a spare is not needed"})
}

// loaded notes that an incarnation of a spare has come to where it would listen.
func (r *reserve) loaded(id app.ID, gen uint64, release func(standsIn bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.find(id); s != nil {
		s.gen, s.release = gen, release
		return
	}
	go release(false) // it was launched as a spare, and is an instance meanwhile; the caller is not to be called back
}

// ready reports whether it can take over at once.
func (s *spare) ready() bool {
	life := s.k.life.Load()
	return s.release != nil && s.inFor == nil && !s.ending && life.Cur.Gen == s.gen && !life.Cur.Dying()
}

// standIn has a spare serve in the place of a process whose incarnation gen has just ended, if there is one.
func (r *reserve) standIn(k *keeper, gen uint64) {
	group := groupOf(k.proc.Spec)
	r.mu.Lock()
	i := slices.IndexFunc(r.spares, func(s *spare) bool { return s.group == group && s.ready() })
	if i < 0 || r.closed {
		r.mu.Unlock()
		return
	}
	s := r.spares[i]
	s.inFor, s.served = k, gen
	release := s.release
	r.mu.Unlock()
	release(true)
	s.k.mail.put(released{})
	k.publishEvent(app.Event{
		Kind: app.EventWarning, ID: k.id, Name: k.proc.Name, Message: fmt.Sprintf("a spare (pid %d) serves until it is back", s.k.view.Load().PID),
	})
}

// relieved reports whether the process that it stands in for serves again, or will not.
func (s *spare) relieved() bool {
	l := s.inFor.life.Load()
	switch {
	case l.Want != lifecycle.Up || l.GaveUp || l.Cur.Gen == 0 && l.RestartAt.IsZero():
		return true
	case l.Cur.Gen == s.served || !l.Cur.Ready || l.Cur.Dying():
		return false
	}
	return s.inFor.view.Load().Spec.WaitReady || s.inFor.listens.Load() == l.Cur.Gen
}

// lost reports whether what stood in has ended itself.
func (s *spare) lost() bool {
	l := s.k.life.Load()
	return l.Cur.Gen != s.gen || l.Cur.Dying()
}

// enlist makes up to n spares that are ready instances of spec, and returns them once they are and listen.
func (r *reserve) enlist(spec *app.Spec, n int) (out []*keeper) {
	if spec.Warm == 0 {
		return nil
	}
	group := groupOf(spec)
	var releases []func(standsIn bool)
	r.mu.Lock()
	r.spares = slices.DeleteFunc(r.spares, func(s *spare) bool {
		if len(out) == n || s.group != group || !s.ready() || !s.like(spec) || r.closed {
			return false
		}
		out, releases = append(out, s.k), append(releases, s.release)
		return true
	})
	r.mu.Unlock()
	var alive []*keeper
	for i, k := range out {
		done := make(chan struct{})
		k.mail.put(enlist{done}) // it is nobody's for a moment: what it would be told is nothing that counts
		select {
		case <-done:
		case <-k.done:
		}
		if isClosed(k.done) {
			continue
		}
		releases[i](false)
		alive = append(alive, k)
	}
	return alive
}

// enlist makes an instance of a spare: it is in the list and in the journal from now on.
func (k *keeper) enlist() {
	k.proc.Spare, k.released = false, true
	k.proc.PIDPath = app.PIDFileWithID(k.proc.Spec.PIDFile, k.id)
	if c, ok := k.kids[k.state.Cur.Gen].(*kid); ok {
		c.pidFile = k.proc.PIDPath
		c.writePID()
	}
	if !k.sup.reg.enlist(k) { // who ends all processes does not know this one
		k.mail.put(tell{in: lifecycle.Delete{}, cause: "weaver ends"})
	}
	k.sup.book.enter([]*keeper{k}, false, nil)
	k.sup.book.spare(k.id, false)
	k.publish()
}

// with has a claim count what was enlisted too.
func with(enlisted []*keeper, c claim) claim {
	if c == nil || len(enlisted) == 0 {
		return c
	}
	return func(added []*keeper) *entry { return c(append(slices.Clone(enlisted), added...)) }
}

// like reports whether it is as spec says, but for what differs between instances.
func (s *spare) like(spec *app.Spec) bool {
	if s.spec == spec {
		return true
	}
	a, b := *s.spec, *spec
	a.Instances, a.InstancesGiven, b.Instances, b.InstancesGiven = 0, false, 0, false
	if name := a.IncrementVar; name != "" && name == b.IncrementVar {
		a.Env, b.Env = a.Env.Clone(), b.Env.Clone()
		a.Env.Unset(name)
		b.Env.Unset(name)
	}
	if !reflect.DeepEqual(&a, &b) {
		return false
	}
	s.spec = spec
	return true
}

// look has the reserve see to it that there are as many spares as there should be. It waits for nobody.
func (r *reserve) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again = true; r.looking || r.closed {
		return
	}
	r.looking = true
	r.sup.memory.Go(r.run) // ends when nothing changes any more
}

func (r *reserve) run() {
	for {
		r.mu.Lock()
		if !r.again || r.closed {
			r.looking = false
			r.mu.Unlock()
			return
		}
		r.again = false
		missing := r.settle(r.members())
		r.mu.Unlock()
		for _, spec := range missing {
			r.sup.reg.spare(spec)
		}
	}
}

// members are the processes of apps that want spares and are wanted, by group.
func (r *reserve) members() map[string][]*keeper {
	out := map[string][]*keeper{}
	for _, k := range r.sup.reg.snapshot() {
		v, l := k.view.Load(), k.life.Load()
		if v.Spec.Warm > 0 && clusters(v.Spec) && l.Want == lifecycle.Up && !l.GaveUp {
			out[groupOf(v.Spec)] = append(out[groupOf(v.Spec)], k)
		}
	}
	return out
}

// settle ends the spares that are not needed, and returns the specs of those that are missing. Call it with mu held.
func (r *reserve) settle(groups map[string][]*keeper) (missing []*app.Spec) {
	waiting := map[string]int{}
	covered := map[string]bool{}
	for _, s := range r.spares {
		members := groups[s.group]
		switch {
		case s.ending:
		case len(members) == 0:
			s.end(false)
		case s.inFor != nil && s.lost():
			s.end(false)
		case s.inFor != nil && s.relieved():
			s.end(true)
		case s.inFor != nil:
			covered[s.group] = true
		case s.stale(members), waiting[s.group] >= members[0].view.Load().Spec.Warm:
			s.end(false)
		default:
			waiting[s.group]++
		}
	}
	for group, members := range groups {
		spec := members[0].view.Load().Spec
		if !settled(members, covered[group]) {
			continue
		}
		for n := waiting[group]; n < spec.Warm; n++ {
			missing = append(missing, spec)
		}
	}
	return missing
}

// stale reports whether its program may be another than that of the instances: somebody has given them a new one since.
func (s *spare) stale(members []*keeper) bool {
	if !s.like(members[0].view.Load().Spec) {
		return true
	}
	return slices.ContainsFunc(members, func(k *keeper) bool {
		l := k.life.Load()
		return l.Cur.Gen > 1 && l.Born.After(s.made)
	})
}

// settled reports whether the instances leave room for loading a spare: none is just starting, and the app serves.
func settled(members []*keeper, covered bool) bool {
	for _, k := range members {
		l := k.life.Load()
		switch {
		case l.Old.Gen != 0, l.Cur.Gen != 0 && !l.Cur.Ready:
			return false
		case l.Cur.Gen != 0 && !k.view.Load().Spec.WaitReady && k.listens.Load() != l.Cur.Gen:
			return false
		case l.Cur.Gen != 0:
			covered = true
		}
	}
	return covered
}

// Spares returns the spare workers of a process's app.
func (s *Supervisor) Spares(p *app.Process) (out []app.Spare) {
	group := groupOf(p.Spec)
	r := &s.reserve
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.spares {
		if one.group != group {
			continue
		}
		v := one.k.view.Load()
		a := app.Spare{ID: v.ID, PID: v.PID, State: "loading"}
		switch {
		case one.ending:
			a.State = "ending"
		case one.inFor != nil:
			a.State = "standing in for " + one.inFor.id.String()
		case one.ready():
			a.State = app.SpareReady
		case v.Status != app.Online && v.Status != app.Launching:
			a.State = strings.TrimSpace(string(v.Status) + " " + v.Reason)
		}
		out = append(out, a)
	}
	return out
}

// dropEmpty takes away log files that a spare has made and not used.
func dropEmpty(p *app.Process) {
	if p.Spec.MergeLogs {
		return
	}
	for _, path := range []string{p.OutPath, p.ErrorPath, p.LogPath} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			os.Remove(path) // it may be needed again, and is made again then
		}
	}
}
