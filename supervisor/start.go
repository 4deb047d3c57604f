package supervisor

import (
	"context"
	"slices"
	"strings"
	"sync"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// StartOptions says how to start apps.
type StartOptions struct {
	IfExists app.IfExists
	File     string // the config file the specs are from, if they are: it changes what is reported
	Parallel int    // processes restarted at the same time, of apps that exist; 0 is 2, as in PM2
	Detach   bool   // do not wait for them to be up
}

// Start makes the apps run: new ones are registered and spawned, all at once; for those that exist o.IfExists decides.
// The specs are the supervisor's from then on. It returns when each is up or has failed, and the desired list is on disk. report is called for each step, the last
// being StepEnd; what fails is told there.
func (s *Supervisor) Start(ctx context.Context, specs []app.Spec, o StartOptions, report func(app.Progress)) {
	r := &reporter{report: report}
	defer r.end(s, true)

	plan, err := s.planned(ctx, "start", func() operationPart { return operationPart{Fresh: s.fresh(specs, o)} })
	if err != nil {
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Kind: "invalid", Message: err.Error()})
		return
	}
	fresh := plan.Fresh
	if len(fresh) > 0 && slices.Max(fresh) >= len(specs) {
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Kind: "invalid", Message: ErrOtherOperation.Error()})
		return
	}
	if o.File != "" && len(fresh) > 0 {
		names := make([]string, len(fresh))
		for i, at := range fresh {
			names[i] = specs[at].Name
		}
		r.send(app.Progress{Step: app.StepWarn, ID: -1, Message: "Applications " + strings.Join(names, ", ") + " not running, starting..."})
	}
	for _, e := range s.existing(specs, o, fresh) {
		s.startExisting(ctx, e, o, r)
	}
	var wg sync.WaitGroup
	for _, at := range fresh {
		spec := &specs[at]
		if o.File == "" {
			r.send(app.Progress{
				Step: app.StepStarting, ID: -1, Name: spec.Name, Count: max(spec.Instances, 1), Process: &app.Process{Spec: spec},
			})
		}
		kind := "failed"
		ctx, keepers, err := s.made(ctx, spec.Name, func(c claim) ([]*keeper, error) {
			err := s.preflight(ctx, spec, func(text string) {
				r.send(app.Progress{Step: app.StepWarn, ID: -1, Name: spec.Name, Message: text})
			})
			if err != nil {
				return nil, err
			}
			kind = "unavailable"
			return s.reg.add(spec, max(spec.Instances, 1), c)
		})
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: spec.Name, Kind: kind, Message: err.Error()})
			continue
		}
		wg.Go(func() {
			if !app.IsTrue(spec.AutoStart) || raiseAll(ctx, keepers, o.Detach, r) {
				r.send(app.Progress{Step: app.StepLaunched, ID: keepers[0].id, Name: spec.Name, Count: len(keepers), Target: o.File})
			}
		})
	}
	wg.Wait()
}

// called returns the processes by the names of their apps.
func (s *Supervisor) called() map[string][]*keeper {
	byName := map[string][]*keeper{}
	for _, k := range s.reg.snapshot() {
		name := k.view.Load().Name
		byName[name] = append(byName[name], k)
	}
	return byName
}

// same are the processes that a spec means, of those of its name.
func same(spec *app.Spec, keepers []*keeper, o StartOptions) []*keeper {
	if o.IfExists != app.Refuse {
		return keepers
	}
	var out []*keeper
	for _, k := range keepers {
		if k.view.Load().Spec.Script == spec.Script { // PM2 takes only the same script under the same name for the same app
			out = append(out, k)
		}
	}
	return out
}

// fresh returns which of the specs are of apps that are new.
func (s *Supervisor) fresh(specs []app.Spec, o StartOptions) (fresh []int) {
	byName := s.called()
	for i := range specs {
		spec := &specs[i]
		if o.IfExists == app.Duplicate || spec.Force || len(same(spec, byName[spec.Name], o)) == 0 {
			fresh = append(fresh, i)
		}
	}
	return fresh
}

// existing returns the apps that exist, which are those that are not fresh, with their processes.
func (s *Supervisor) existing(specs []app.Spec, o StartOptions, fresh []int) (existing []existingApp) {
	byName := s.called()
	for i := range specs {
		spec := &specs[i]
		if slices.Contains(fresh, i) {
			continue
		}
		if at := slices.IndexFunc(existing, func(e existingApp) bool { return e.spec.Name == spec.Name }); at >= 0 {
			existing[at].spec = spec // a name that comes twice means the same processes: the last word counts
			continue
		}
		existing = append(existing, existingApp{spec, same(spec, byName[spec.Name], o)})
	}
	return existing
}

type existingApp struct {
	spec    *app.Spec
	keepers []*keeper
}

// startExisting restarts an app that is there already, or refuses to.
func (s *Supervisor) startExisting(ctx context.Context, e existingApp, o StartOptions, r *reporter) {
	ctx, keepers, err := s.meant(ctx, e.spec.Name, func() ([]*keeper, error) { return e.keepers, nil })
	if err != nil {
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: e.spec.Name, Kind: "invalid", Message: err.Error()})
		return
	}
	verb := app.VerbRestart
	switch o.IfExists {
	case app.Refuse:
		for _, k := range keepers {
			if _, told := partOf(ctx).has(k); told {
				continue // it runs because of this very operation
			}
			if life := k.life.Load(); life.Want == lifecycle.Up && !life.GaveUp {
				r.send(app.Progress{
					Step: app.StepFailed, ID: k.id, Name: e.spec.Name, Kind: "conflict",
					Message: "Script already launched, add -f option to force re-execution",
				})
				return
			}
		}
	case app.Reload:
		verb = app.VerbReload
	}
	a := Action{Verb: verb, Parallel: o.Parallel, Detach: o.Detach, Specs: map[app.ID]app.Spec{}}
	for _, k := range keepers {
		a.Specs[k.id] = *e.spec
	}
	s.apply(ctx, a, e.spec.Name, keepers, r)
}
