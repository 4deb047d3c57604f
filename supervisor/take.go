package supervisor

import (
	"context"
	"slices"

	"weaver/app"
)

// Take registers processes that another supervisor had, under the ids they had there where those are free, and starts what
// ran. report is called as by Start.
func (s *Supervisor) Take(ctx context.Context, saved []Saved, report func(app.Progress)) {
	r := &reporter{report: report}
	defer r.end(s, true)
	up := s.raising(r)
	for i := range saved {
		v := &saved[i]
		ctx, added, err := s.made(ctx, v.Process.Spec.Name, func(c claim) ([]*keeper, error) {
			return s.reg.take(v.Process.Spec, v.Process.ID, c)
		})
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: v.Process.Spec.Name, Kind: "unavailable", Message: err.Error()})
			return
		}
		ok := func() { r.send(app.Progress{Step: app.StepOK, ID: added[0].id, Name: v.Process.Spec.Name}) }
		if !v.Up {
			ok()
			continue
		}
		up.all(ctx, added, false, ok)
	}
	up.wait()
}

// take makes a process with an id of its own, or the next one if that is taken.
func (r *registry) take(spec *app.Spec, id app.ID, c claim) ([]*keeper, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if id < 0 || r.get(id) != nil {
		id = r.next
	}
	old := r.snapshot()
	k := newKeeper(r.sup, r.process(spec, id, old))
	list := append(append(make([]*keeper, 0, len(old)+1), old...), k)
	slices.SortFunc(list, func(a, b *keeper) int { return int(a.id - b.id) })
	r.next = max(r.next, id+1)
	r.list.Store(&list)
	r.sup.book.enter([]*keeper{k}, false, c)
	k.start()
	r.sup.changed()
	return []*keeper{k}, nil
}
