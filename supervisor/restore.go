package supervisor

import (
	"context"
	"sync"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// Saved is a process as it was written down.
type Saved struct {
	Process app.Process // ID, Instance, Spec and the paths; for Resurrect the Spec alone counts
	Up      bool        // it was meant to run
}

// Restore puts back what a former supervisor had, under the same ids, and starts what was meant to run. It returns when
// all are registered; they come up by themselves. It is for a supervisor that has no processes yet.
func (s *Supervisor) Restore(saved []Saved) error {
	for _, v := range saved {
		k, err := s.reg.restore(v.Process)
		if err != nil {
			return err
		}
		if v.Up {
			k.mail.put(tell{in: lifecycle.Start{}})
		}
	}
	return nil
}

// Resurrect starts saved apps whose names have no process, each record as one process, and registers those that were
// stopped. Ids are given anew. report is called as by Start.
func (s *Supervisor) Resurrect(ctx context.Context, saved []Saved, report func(app.Progress)) {
	r := &reporter{report: report}
	defer r.end(s, true)
	taken := map[string]bool{}
	for _, p := range s.views() {
		taken[p.Name] = true
	}
	var wg sync.WaitGroup
	for i := range saved {
		spec := saved[i].Process.Spec
		if taken[spec.Name] {
			continue
		}
		added, err := s.reg.add(spec, 1)
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: spec.Name, Kind: "unavailable", Message: err.Error()})
			return
		}
		wg.Go(func() {
			if !saved[i].Up || raiseAll(ctx, added, false, r) {
				r.send(app.Progress{Step: app.StepInfo, ID: added[0].id, Name: spec.Name, Message: "Process " + spec.Script + " restored"})
			}
		})
	}
	wg.Wait()
}
