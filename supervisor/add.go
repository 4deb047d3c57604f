package supervisor

import (
	"context"
	"fmt"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// Add makes n processes of a spec, whatever else has its name, and returns their ids. With up it starts them all at once
// and returns when each is up; the first that fails is the error, and all stay in the list. The list is on disk then.
// known, unless nil, is called when they have their ids.
func (s *Supervisor) Add(ctx context.Context, spec app.Spec, n int, up bool, known func()) ([]app.ID, error) {
	up = up && app.IsTrue(spec.AutoStart)
	keepers, err := s.reg.add(&spec, n, up, nil)
	if known != nil {
		known()
	}
	if err != nil {
		return nil, err
	}
	ids := make([]app.ID, len(keepers))
	for i, k := range keepers {
		ids[i] = k.id
	}
	if up {
		err = s.each(ctx, keepers, n, func(k *keeper) error {
			if err := k.raise(ctx, lifecycle.Start{}, false); err != nil {
				return fmt.Errorf("start %s: %w", spec.Name, err)
			}
			return nil
		})
	}
	if perr := s.persist(); err == nil && perr != nil {
		err = fmt.Errorf("state not durable: %w", perr)
	}
	return ids, err
}

// Duplicate adds one more process like id, starts it and returns its id.
func (s *Supervisor) Duplicate(ctx context.Context, id app.ID) (app.ID, error) {
	k := s.reg.get(id)
	if k == nil {
		return -1, errGone
	}
	like := k.view.Load()
	same := []*keeper{}
	for _, o := range s.reg.snapshot() {
		if o.view.Load().Name == like.Name {
			same = append(same, o)
		}
	}
	spec := *like.Spec // shares what is never changed in place
	spec.Instances = len(same) + 1
	added, err := s.reg.add(&spec, 1, true, nil)
	if err != nil {
		return -1, err
	}
	err = added[0].raise(ctx, lifecycle.Start{}, false)
	s.recount(append(same, added...), spec.Instances)
	if perr := s.persist(); err == nil {
		err = perr
	}
	return added[0].id, err
}

// Respec gives a process another spec. What runs goes on with the old one; schedules and watched files change at once.
func (s *Supervisor) Respec(id app.ID, spec app.Spec) error {
	k := s.reg.get(id)
	if k == nil {
		return errGone
	}
	k.mail.put(respec{&spec})
	k.sync()
	return s.persist()
}
