package supervisor

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// registry knows the keepers, by id. Readers take a snapshot and wait for nobody.
type registry struct {
	sup    *Supervisor
	mu     sync.Mutex
	next   app.ID
	closed bool
	list   atomic.Pointer[[]*keeper] // in order of id; what is in it is never changed in place
}

func (r *registry) snapshot() []*keeper {
	if l := r.list.Load(); l != nil {
		return *l
	}
	return nil
}

// get returns the keeper of that id, be it a spare's; nil if there is none.
func (r *registry) get(id app.ID) *keeper {
	l := r.snapshot()
	i, ok := slices.BinarySearchFunc(l, id, func(k *keeper, id app.ID) int { return int(k.id - id) })
	if !ok {
		return r.sup.reserve.get(id)
	}
	return l[i]
}

// close lets nothing be added any more.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// add makes n processes of spec, not yet started, and starts their keepers. up says that the caller starts them next. c says what
// is written down with them.
func (r *registry) add(spec *app.Spec, n int, up bool, c claim) ([]*keeper, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	added := make([]*keeper, 0, n)
	list := r.snapshot() // what is appended lies behind what any reader of it sees
	for range n {
		p := r.process(spec, r.next, list)
		r.next++
		k := newKeeper(r.sup, p)
		list = append(list, k)
		added = append(added, k)
	}
	r.list.Store(&list)
	r.sup.book.enter(added, up, c)
	for _, k := range added {
		k.start()
	}
	r.sup.changed()
	r.sup.lookouts.wake(spec.Name)
	return added, nil
}

// restore puts a process back under its old id, as a former supervisor had it. up is as for add.
func (r *registry) restore(p app.Process, up bool) (*keeper, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	k := newKeeper(r.sup, p)
	list := append(slices.Clone(r.snapshot()), k)
	slices.SortFunc(list, func(a, b *keeper) int { return int(a.id - b.id) })
	r.next = max(r.next, p.ID+1)
	r.list.Store(&list)
	r.sup.book.enter([]*keeper{k}, up, nil)
	k.start()
	r.sup.changed()
	return k, nil
}

// remove forgets a keeper. When none is left numbers start at 0 again, as PM2's do.
func (r *registry) remove(k *keeper) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(r.snapshot()), func(o *keeper) bool { return o == k })
	r.list.Store(&list)
	r.startAgain()
	r.sup.book.forget(k)
	r.sup.changed()
	r.sup.lookouts.wake(k.view.Load().Name)
}

// spare makes a spare of an app, and starts it.
func (r *registry) spare(spec *app.Spec) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	all := append(slices.Clone(r.snapshot()), r.sup.reserve.keepers()...)
	p := r.process(spec, r.next, all)
	p.Spare, p.PIDPath = true, ""
	k := newKeeper(r.sup, p)
	if !r.sup.reserve.add(k) {
		return
	}
	r.next++
	r.sup.book.spare(k.id, true)
	k.start()
	k.mail.put(tell{in: lifecycle.Start{}, cause: "a spare of " + spec.Name})
}

// removeSpare forgets a spare.
func (r *registry) removeSpare(k *keeper) {
	r.mu.Lock()
	r.sup.reserve.remove(k)
	r.startAgain()
	r.mu.Unlock()
	r.sup.book.spare(k.id, false)
	r.sup.reserve.look()
}

// startAgain has numbers start at 0 when there is no process. Call it with mu held.
func (r *registry) startAgain() {
	if len(r.snapshot()) == 0 && r.sup.reserve.empty() {
		r.next = 0
	}
}

// enlist makes an instance of what was a spare. It reports false when the end has come.
func (r *registry) enlist(k *keeper) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append(slices.Clone(r.snapshot()), k)
	slices.SortFunc(list, func(a, b *keeper) int { return int(a.id - b.id) })
	r.list.Store(&list)
	return !r.closed
}

func (s *Supervisor) forget(k *keeper) {
	if k.proc.Spare {
		s.reg.removeSpare(k)
		dropEmpty(&k.proc)
		if s.opts.Logs != nil {
			s.opts.Logs.Forget(k.id)
		}
		return
	}
	s.reg.remove(k)
	if s.opts.Logs != nil {
		s.opts.Logs.Forget(k.id)
	}
}

// process fills in what is particular to one instance.
func (r *registry) process(spec *app.Spec, id app.ID, others []*keeper) app.Process {
	p := app.Process{
		ID: id, Name: spec.Name, Namespace: spec.NamespaceOrDefault(), Mode: spec.Mode, Spec: spec,
		Instance: freeInstance(spec.Name, others), User: accountOf(spec), Version: spec.Version, UniqueID: newUUID(),
		Created: time.Now(),
	}
	p.OutPath, p.ErrorPath, p.LogPath = spec.OutFile, spec.ErrorFile, spec.LogFile
	if !spec.MergeLogs {
		for _, path := range []*string{&p.OutPath, &p.ErrorPath, &p.LogPath} {
			*path = app.WithID(*path, id)
		}
	}
	p.PIDPath = app.PIDFileWithID(spec.PIDFile, id)
	if env := referred(spec.Env); len(env) > 0 && &env[0] != &spec.Env[0] {
		own := *spec
		own.Env = env
		spec, p.Spec = &own, &own
	}
	if spec.IncrementVar != "" {
		own := spec.Clone()
		own.Env.Set(spec.IncrementVar, strconv.Itoa(nextIncrement(spec, others)))
		p.Spec = &own
	}
	return p
}

// freeInstance returns the lowest number that no process of that name has.
func freeInstance(name string, others []*keeper) int {
	taken := map[int]bool{}
	for _, k := range others {
		if v := k.view.Load(); v.Name == name {
			taken[v.Instance] = true
		}
	}
	n := 0
	for taken[n] {
		n++
	}
	return n
}

// nextIncrement returns the value of increment_var for a new process: the spec's own for the first, then one above the
// highest of that name.
func nextIncrement(spec *app.Spec, others []*keeper) int {
	text, _ := spec.Env.Get(spec.IncrementVar)
	n, _ := strconv.Atoi(text) // PM2 counts from 0 when it is no number
	for _, k := range others {
		v := k.view.Load()
		if v.Name != spec.Name {
			continue
		}
		text, _ := v.Spec.Env.Get(spec.IncrementVar)
		if m, err := strconv.Atoi(text); err == nil && m >= n {
			n = m + 1
		}
	}
	return n
}
