package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"weaver/app"
	"weaver/order"
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
	if err := s.checkStart(specs, o, fresh); err != nil { // nothing is begun
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Kind: "invalid", Message: err.Error()})
		return
	}
	tell := func() {
		if o.File != "" && len(fresh) > 0 {
			names := make([]string, len(fresh))
			for i, at := range fresh {
				names[i] = specs[at].Name
			}
			r.send(app.Progress{Step: app.StepWarn, ID: -1, Message: "Applications " + strings.Join(names, ", ") + " not running, starting..."})
			for _, at := range fresh {
				if specs[at].WaitReady {
					r.send(app.Progress{Step: app.StepWarn, ID: -1, Name: specs[at].Name, Message: "App " + specs[at].Name + " has option 'wait_ready' set, waiting for app to be ready..."})
				}
			}
		}
	}
	existing := s.existing(specs, o, fresh)
	if slices.ContainsFunc(specs, func(spec app.Spec) bool { return gated(&spec) }) {
		tell()
		s.startInOrder(ctx, specs, fresh, existing, o, r)
		return
	}
	for _, e := range existing {
		s.startExisting(ctx, e, o, r)
	}
	tell()
	up := s.raising(r)
	for _, at := range fresh {
		if ctx, keepers := s.register(ctx, &specs[at], o, r); keepers != nil {
			up.launchNew(ctx, &specs[at], keepers, o)
		}
	}
	up.wait()
}

// register makes the processes of a new app, if it can run here. What keeps it from that is told.
func (s *Supervisor) register(ctx context.Context, spec *app.Spec, o StartOptions, r *reporter) (context.Context, []*keeper) {
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
		if app.IsTrue(spec.AutoStart) {
			if err := s.canFit(max(spec.Instances, 1)); err != nil {
				return nil, fmt.Errorf("start %s: %w", spec.Name, err)
			}
		}
		return s.reg.add(spec, max(spec.Instances, 1), app.IsTrue(spec.AutoStart), c)
	})
	if err != nil {
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: spec.Name, Kind: kind, Message: err.Error()})
		return ctx, nil
	}
	return ctx, keepers
}

// launchNew starts the processes of a new app, unless they are not to start by themselves.
func (g *raising) launchNew(ctx context.Context, spec *app.Spec, keepers []*keeper, o StartOptions) {
	launched := func() {
		g.r.send(app.Progress{Step: app.StepLaunched, ID: keepers[0].id, Name: spec.Name, Count: len(keepers), Target: o.File})
	}
	if !app.IsTrue(spec.AutoStart) {
		launched()
		return
	}
	g.all(ctx, keepers, o.Detach, launched)
}

// startInOrder starts apps that depend on each other. New ones are begun all at once, since their processes wait for what
// they depend on; those that exist are restarted in order, and nobody counts on what they were before.
func (s *Supervisor) startInOrder(ctx context.Context, specs []app.Spec, fresh []int, existing []existingApp, o StartOptions, r *reporter) {
	type addition struct {
		ctx     context.Context
		spec    *app.Spec
		keepers []*keeper
	}
	var added []addition
	var names []string
	var started []*keeper
	for _, at := range fresh {
		spec := &specs[at]
		ctx, keepers := s.register(ctx, spec, o, r)
		if keepers == nil {
			continue
		}
		added, names = append(added, addition{ctx, spec, keepers}), append(names, spec.Name)
		if app.IsTrue(spec.AutoStart) {
			started = append(started, keepers...)
		}
	}
	up := s.raising(r)
	s.restartExisting(ctx, existing, names, func() {
		for _, n := range added {
			up.launchNew(n.ctx, n.spec, n.keepers, o)
		}
		s.raiseBelow(ctx, started, nil, r)
	}, o, r)
	up.wait()
}

// restartExisting is startExisting for apps that may depend on each other. begun is called once nobody counts any more on what they were.
func (s *Supervisor) restartExisting(ctx context.Context, existing []existingApp, others []string, begun func(), o StartOptions, r *reporter) {
	if o.IfExists == app.Reload {
		begun()
		for _, e := range inFileOrder(existing) {
			s.startExisting(ctx, e, o, r)
		}
		return
	}
	a := Action{Verb: app.VerbRestart, Detach: o.Detach, Specs: map[app.ID]app.Spec{}}
	var all []*keeper
	parts := map[*keeper]context.Context{}
	counts := map[string]int{}
	for _, e := range existing {
		ctx, keepers, ok := s.allowed(ctx, e, o, r)
		if !ok {
			continue
		}
		ids := make([]app.ID, len(keepers))
		for i, k := range keepers {
			ids[i] = k.id
			a.Specs[k.id], parts[k] = *e.spec, ctx
		}
		all = append(all, keepers...)
		r.send(app.Progress{Step: app.StepApplying, Verb: a.Verb, Target: e.spec.Name, IDs: ids, ID: -1})
	}
	s.raiseBelow(ctx, all, a.Specs, r)
	var mu sync.Mutex
	_ = s.restartInOrder(ctx, func(k *keeper) context.Context { return parts[k] }, a, all, others, begun, func(k *keeper, err error) { // what fails is told here
		name := k.view.Load().Name
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, Verb: a.Verb, Target: name, ID: k.id, Name: name, Kind: "failed", Message: err.Error()})
			return
		}
		mu.Lock()
		counts[name]++
		n := counts[name]
		mu.Unlock()
		r.send(app.Progress{Step: app.StepOK, Verb: a.Verb, Target: name, ID: k.id, Name: name, Count: n})
	})
}

// inFileOrder sorts apps so that each comes after those that it depends on.
func inFileOrder(existing []existingApp) []existingApp {
	var g order.Graph
	names := make([]string, len(existing))
	for i, e := range existing {
		g, names[i] = dependOn(g, e.spec), e.spec.Name
	}
	var out []existingApp
	for w := g.Walk(names); ; {
		next := w.Next()
		if len(next) == 0 {
			return out
		}
		for _, name := range next {
			out = append(out, existing[slices.Index(names, name)])
			w.Done(name)
		}
	}
}

// checkStart is checkOrder for what is about to be started.
func (s *Supervisor) checkStart(specs []app.Spec, o StartOptions, fresh []int) error {
	if !slices.ContainsFunc(specs, func(spec app.Spec) bool { return gated(&spec) }) {
		return nil
	}
	var all []*app.Spec
	for i := range specs {
		all = append(all, &specs[i])
	}
	var replaced []*keeper
	for _, e := range s.existing(specs, o, fresh) {
		replaced = append(replaced, e.keepers...)
	}
	others := slices.DeleteFunc(slices.Clone(s.reg.snapshot()), func(k *keeper) bool { return slices.Contains(replaced, k) })
	return checkOrder(all, others)
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
		again := spec.Force && o.IfExists == app.Refuse // in a file, whose apps are restarted, it says nothing
		if o.IfExists == app.Duplicate || again || len(same(spec, byName[spec.Name], o)) == 0 {
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
	ctx, keepers, ok := s.allowed(ctx, e, o, r)
	if !ok {
		return
	}
	verb := app.VerbRestart
	if o.IfExists == app.Reload {
		verb = app.VerbReload
	}
	a := Action{Verb: verb, Parallel: o.Parallel, Detach: o.Detach, Specs: map[app.ID]app.Spec{}}
	for _, k := range keepers {
		a.Specs[k.id] = *e.spec
	}
	s.apply(ctx, a, e.spec.Name, keepers, r)
}

// allowed returns the processes of an app that exists, unless it runs already and that is a reason not to start it.
func (s *Supervisor) allowed(ctx context.Context, e existingApp, o StartOptions, r *reporter) (context.Context, []*keeper, bool) {
	ctx, keepers, err := s.meant(ctx, e.spec.Name, func() ([]*keeper, error) { return e.keepers, nil })
	if err != nil {
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: e.spec.Name, Kind: "invalid", Message: err.Error()})
		return ctx, nil, false
	}
	if o.IfExists != app.Refuse {
		return ctx, keepers, true
	}
	for _, k := range keepers {
		if _, told := partOf(ctx).has(k); told {
			continue // it runs because of this very operation
		}
		if life := k.life.Load(); life.Want == lifecycle.Up && !life.GaveUp {
			r.send(app.Progress{
				Step: app.StepFailed, ID: k.id, Name: e.spec.Name, Kind: "conflict",
				Message: "Script already launched, add -f option to force re-execution",
			})
			return ctx, nil, false
		}
	}
	return ctx, keepers, true
}
