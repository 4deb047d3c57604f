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

	fresh, existing := s.sort(specs, o)
	if o.File != "" && len(fresh) > 0 {
		names := make([]string, len(fresh))
		for i := range fresh {
			names[i] = fresh[i].Name
		}
		r.send(app.Progress{Step: app.StepWarn, ID: -1, Message: "Applications " + strings.Join(names, ", ") + " not running, starting..."})
	}
	for _, e := range existing {
		s.startExisting(ctx, e, o, r)
	}
	var wg sync.WaitGroup
	for i := range fresh {
		spec := &fresh[i]
		if o.File == "" {
			r.send(app.Progress{
				Step: app.StepStarting, ID: -1, Name: spec.Name, Count: max(spec.Instances, 1), Process: &app.Process{Spec: spec},
			})
		}
		err := s.preflight(ctx, spec, func(text string) {
			r.send(app.Progress{Step: app.StepWarn, ID: -1, Name: spec.Name, Message: text})
		})
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: spec.Name, Kind: "failed", Message: err.Error()})
			continue
		}
		keepers, err := s.reg.add(spec, max(spec.Instances, 1))
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: spec.Name, Kind: "unavailable", Message: err.Error()})
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

// sort splits the specs into apps that are new and those that exist, with their processes.
func (s *Supervisor) sort(specs []app.Spec, o StartOptions) (fresh []app.Spec, existing []existingApp) {
	byName := map[string][]*keeper{}
	for _, k := range s.reg.snapshot() {
		name := k.view.Load().Name
		byName[name] = append(byName[name], k)
	}
	for i := range specs {
		spec := specs[i]
		keepers := byName[spec.Name]
		if o.IfExists == app.Refuse { // PM2 takes only the same script under the same name for the same app
			var same []*keeper
			for _, k := range keepers {
				if k.view.Load().Spec.Script == spec.Script {
					same = append(same, k)
				}
			}
			keepers = same
		}
		if len(keepers) == 0 || o.IfExists == app.Duplicate || spec.Force {
			fresh = append(fresh, spec)
			continue
		}
		if at := slices.IndexFunc(existing, func(e existingApp) bool { return e.spec.Name == spec.Name }); at >= 0 {
			existing[at].spec = &spec // a name that comes twice means the same processes: the last word counts
			continue
		}
		existing = append(existing, existingApp{&spec, keepers})
	}
	return fresh, existing
}

type existingApp struct {
	spec    *app.Spec
	keepers []*keeper
}

// startExisting restarts an app that is there already, or refuses to.
func (s *Supervisor) startExisting(ctx context.Context, e existingApp, o StartOptions, r *reporter) {
	verb := app.VerbRestart
	switch o.IfExists {
	case app.Refuse:
		for _, k := range e.keepers {
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
	for _, k := range e.keepers {
		a.Specs[k.id] = *e.spec
	}
	s.apply(ctx, a, e.spec.Name, e.keepers, r)
}
