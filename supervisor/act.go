package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// Action is a verb applied to processes that exist.
type Action struct {
	Verb     app.Verb
	Targets  []app.Selector
	IDs      []app.ID            // processes by number alone, besides the targets
	Cwd      string              // for targets written as the path of a script
	Specs    map[app.ID]app.Spec // new specs, given before a start, restart or reload
	Signal   string              // for VerbSignal
	Parallel int                 // at a time; 0 is what PM2 does: 10 for delete, else 2
	// KillTimeout replaces the apps' own for this stop, if it is positive; KillNow stands for none.
	KillTimeout time.Duration
	KillNow     bool
	Detach      bool // do not wait for processes to be up
	drain       bool // processes that are deleted may finish what they began
	// chosen says that the supervisor chose the processes, rather than a person who wrote the target.
	chosen bool
}

// Do applies an action to each target in turn and returns when it is done and the desired list is on disk. As in PM2 the
// first target that fails ends it. report is called for each step, the last being StepEnd; what fails is told there.
func (s *Supervisor) Do(ctx context.Context, a Action, report func(app.Progress)) {
	r := &reporter{report: report}
	defer r.end(s, a.Verb != app.VerbSignal)
	if err := s.checkChange(a.Specs); err != nil {
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Kind: "invalid", Message: err.Error()})
		return
	}
	a.Targets = s.inTurn(ctx, a)
	if a.Verb == app.VerbSignal {
		if _, err := spawn.ParseSignal(a.Signal); err != nil {
			r.send(app.Progress{Step: app.StepFailed, ID: -1, Kind: "invalid", Message: err.Error()})
			return
		}
	}
	for _, id := range a.IDs {
		k := s.reg.get(id)
		if k == nil {
			s.unknown(a.Verb, app.Selector(id.String()), r)
			return
		}
		if !s.apply(ctx, a, id.String(), []*keeper{k}, r) {
			return
		}
	}
	for _, t := range a.Targets {
		ctx, keepers, err := s.meant(ctx, string(t), func() ([]*keeper, error) {
			if id, err := strconv.Atoi(string(t)); err == nil && a.Verb == app.VerbReset {
				if k := s.reg.get(app.ID(id)); k != nil { // to PM2's reset a number is no name, if it can be an id
					return []*keeper{k}, nil
				}
			}
			return s.resolve(t, a.Cwd)
		})
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, Target: string(t), ID: -1, Kind: "invalid", Message: err.Error()})
			return
		}
		if len(keepers) == 0 {
			if a.Verb == app.VerbReset && t == app.All {
				continue // PM2 minds nothing to reset as little
			}
			s.unknown(a.Verb, t, r)
			return
		}
		if !s.apply(ctx, a, string(t), keepers, r) {
			return
		}
	}
}

// resolve returns the keepers that a selector means.
func (s *Supervisor) resolve(t app.Selector, cwd string) ([]*keeper, error) {
	keepers := s.reg.snapshot()
	views := viewsOf(keepers)
	at, err := t.MatchEach(len(views), func(i int) *app.Process { return views[i] }, cwd)
	if err != nil {
		return nil, err
	}
	out := make([]*keeper, len(at))
	for i, n := range at {
		out[i] = keepers[n]
	}
	return out, nil
}

// unknown reports a target that means nothing, in PM2's words.
func (s *Supervisor) unknown(v app.Verb, t app.Selector, r *reporter) {
	p := app.Progress{Step: app.StepFailed, Verb: v, Target: string(t), ID: -1, Kind: "not_found"}
	switch {
	case t.Many():
		p.Kind, p.Message = "empty", "No process found"
	case t.Numeric():
		// PM2 takes any number for an id, goes to work, and fails there.
		fmt.Sscan(string(t), &p.ID)
		r.send(app.Progress{Step: app.StepApplying, Verb: v, Target: string(t), ID: -1, IDs: []app.ID{p.ID}})
		switch v {
		case app.VerbReload:
			p.Message = "PM2 ID unknown"
		case app.VerbRestart, app.VerbStart:
			p.Message = "God db process id unknown"
		case app.VerbSignal:
			p.Message = string(t) + " id unknown"
		default:
			p.Message = string(t) + " : id unknown"
		}
	case v == app.VerbReset || v == app.VerbSignal:
		if v == app.VerbSignal {
			r.send(app.Progress{Step: app.StepApplying, Verb: v, Target: string(t), ID: -1})
		}
		p.Message = "Unknown process name"
	default:
		p.Message = "Process or Namespace " + string(t) + " not found"
	}
	r.send(p)
}

// apply does the verb for all processes that one target means. It reports whether all went well.
func (s *Supervisor) apply(ctx context.Context, a Action, target string, keepers []*keeper, r *reporter) bool {
	ids := make([]app.ID, len(keepers))
	for i, k := range keepers {
		ids[i] = k.id
	}
	written := app.ID(-1)
	if a.chosen {
		written = ids[0]
	}
	r.send(app.Progress{Step: app.StepApplying, Verb: a.Verb, Target: target, IDs: ids, ID: written})
	defer s.ahead.during(len(keepers))()
	var done atomic.Int64
	tell := func(k *keeper, err error) error {
		name := k.view.Load().Name // the new one, if it was renamed
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, Verb: a.Verb, Target: target, ID: k.id, Name: name, Kind: "failed", Message: err.Error()})
			return err
		}
		r.send(app.Progress{Step: app.StepOK, Verb: a.Verb, Target: target, ID: k.id, Name: name, Count: int(done.Add(1)), Message: a.Signal})
		if cron := k.view.Load().Spec.CronRestart; a.Verb == app.VerbStop && cron != "" {
			r.send(app.Progress{
				Step: app.StepWarn, Verb: a.Verb, Target: target, ID: k.id, Name: name,
				Message: "App " + name + " stopped but CRON RESTART is still UP " + cron,
			})
		}
		return nil
	}
	if a.Verb != app.VerbSignal && a.Verb != app.VerbReset && dependsAmong(keepers, a.Specs) {
		switch a.Verb {
		case app.VerbRestart:
			s.raiseBelow(ctx, keepers, a.Specs, r)
			return s.restartInOrder(ctx, always(ctx), a, keepers, nil, func() {}, func(k *keeper, err error) { tell(k, err) }) == nil
		case app.VerbStart:
			a.Parallel = len(keepers) // they wait for each other
		}
	}
	do := func(k *keeper) error {
		return tell(k, s.applyOne(ctx, a, k, func(text string) {
			r.send(app.Progress{Step: app.StepWarn, Verb: a.Verb, Target: target, ID: k.id, Name: k.view.Load().Name, Message: text})
		}))
	}
	return s.applyAll(ctx, a, keepers, r, do) == nil
}

// applyAll does the verb for processes in the order that they ask for.
func (s *Supervisor) applyAll(ctx context.Context, a Action, keepers []*keeper, r *reporter, do func(*keeper) error) error {
	most := parallel(a, len(keepers))
	switch a.Verb {
	case app.VerbStop, app.VerbDelete:
		return s.inOrder(ctx, keepers, most, true, do)
	case app.VerbReload:
		s.raiseBelow(ctx, keepers, a.Specs, r)
		return s.inOrder(ctx, keepers, most, false, do)
	case app.VerbStart, app.VerbRestart:
		s.raiseBelow(ctx, keepers, a.Specs, r)
	}
	return s.each(ctx, keepers, most, do)
}

// parallel says how many processes are worked on at a time: in PM2 up to two go one after the other.
func parallel(a Action, n int) int {
	switch {
	case a.Parallel > 0:
		return a.Parallel
	case a.Verb == app.VerbDelete, a.Verb == app.VerbStop:
		return 64 // they wait for programs to end, which costs nothing
	case n <= 2:
		return 1
	}
	return 2
}

// prepare gives a process what an action brings before its verb.
func (s *Supervisor) prepare(ctx context.Context, a Action, k *keeper) {
	_, told := partOf(ctx).has(k)
	if spec, ok := a.Specs[k.id]; ok && !told {
		k.mail.put(respec{inherit(spec, k.view.Load())})
	}
	if l := k.life.Load(); (a.KillNow || a.KillTimeout > 0) && (!told || l.Cur.Dying() || l.Old.Dying()) {
		k.mail.put(hurry{a.KillTimeout})
	}
}

// applyOne does the verb for one process. say tells of what was wrong and has been put right.
func (s *Supervisor) applyOne(ctx context.Context, a Action, k *keeper, say func(string)) error {
	if _, told := partOf(ctx).has(k); !told && (a.Verb == app.VerbStart || a.Verb == app.VerbRestart) {
		v := k.view.Load()
		spec, given := a.Specs[k.id]
		if !given {
			spec = *v.Spec // shares what is never changed in place
		}
		if has := v.PID != 0 && v.Spec.Port != nil && spec.Port != nil && *v.Spec.Port == *spec.Port; !has {
			was := spec.Port
			if err := s.havePort(ctx, &spec, say); err != nil {
				return err
			}
			if spec.Port != was {
				a.Specs = map[app.ID]app.Spec{k.id: spec}
			}
		}
	}
	s.prepare(ctx, a, k)
	switch a.Verb {
	case app.VerbStop:
		_, err := k.ask(ctx, lifecycle.Stop{}, stopped)
		return err
	case app.VerbDelete:
		_, err := k.ask(ctx, lifecycle.Delete{Drain: a.drain}, never)
		return err
	case app.VerbReset:
		k.nudge(ctx, lifecycle.Reset{})
		k.sync()
		return nil
	case app.VerbSignal:
		sig, err := spawn.ParseSignal(a.Signal)
		if err != nil {
			return err
		}
		if _, told := partOf(ctx).has(k); told {
			return nil
		}
		reply := make(chan error, 1)
		k.mail.put(sendSignal{sig, reply, partOf(ctx)})
		select {
		case err := <-reply:
			return err
		case <-k.done:
			return errGone
		}
	case app.VerbStart:
		return k.raise(ctx, lifecycle.Start{}, a.Detach)
	case app.VerbRestart:
		return k.raise(ctx, lifecycle.Restart{}, a.Detach)
	case app.VerbReload:
		return k.raise(ctx, lifecycle.Reload{}, a.Detach)
	}
	return fmt.Errorf("internal: unknown verb %q", a.Verb)
}

// raise gives an input that wants the process up, and waits until it is, unless it is to detach.
func (k *keeper) raise(ctx context.Context, in lifecycle.Input, detach bool) error {
	return k.raiseBy(ctx, in, detach, nil)
}

// raiseBy is raise by a pass, which is left when the launch is over.
func (k *keeper) raiseBy(ctx context.Context, in lifecycle.Input, detach bool, by *pass) error {
	if detach {
		k.nudgeBy(ctx, in, by)
		select {
		case <-k.done:
			return errGone
		default:
			return nil
		}
	}
	until := renewed
	switch in {
	case lifecycle.Start{}:
		until = up
	case lifecycle.Reload{}:
		until = reloaded
	}
	if gated(k.view.Load().Spec) {
		gen, err := k.askBy(ctx, in, accepted, by)
		if err != nil {
			return err
		}
		return k.rise(ctx, gen, until)
	}
	gen, err := k.askBy(ctx, in, until, by)
	if err != nil {
		return err
	}
	return k.outcome(gen)
}

// inherit completes a new spec for a process that exists. As in PM2 what was fixed when it was first started stays: where
// it logs, and what its own instance got from increment_var.
func inherit(spec app.Spec, old *app.Process) *app.Spec {
	s := spec.Clone()
	s.Env = referred(s.Env)
	s.OutFile, s.ErrorFile, s.LogFile, s.PIDFile = old.Spec.OutFile, old.Spec.ErrorFile, old.Spec.LogFile, old.Spec.PIDFile
	s.MergeLogs = old.Spec.MergeLogs
	if s.IncrementVar != "" && s.IncrementVar == old.Spec.IncrementVar {
		if v, ok := old.Spec.Env.Get(s.IncrementVar); ok {
			s.Env.Set(s.IncrementVar, v)
		}
	}
	return &s
}

// Scale changes the number of an app's processes to n, or by n if relative. New ones are like the first that is there;
// those that go are, as in PM2, the ones with the lowest ids. report is called as by Do.
func (s *Supervisor) Scale(ctx context.Context, name string, n int, relative bool, report func(app.Progress)) {
	r := &reporter{report: report}
	defer r.end(s, true)
	fail := func(kind, message string) {
		r.send(app.Progress{Step: app.StepFailed, Target: name, ID: -1, Kind: kind, Message: message})
	}
	plan, err := s.planned(ctx, name, func() (p operationPart) {
		for _, k := range s.reg.snapshot() {
			if v := k.view.Load(); v.Name == name {
				p.Members = append(p.Members, member{k.id, v.UniqueID, v.Name})
			}
		}
		if p.Amount = n; relative {
			p.Amount += len(p.Members)
		}
		return p
	})
	if err != nil {
		fail("invalid", err.Error())
		return
	}
	keepers, want := s.keepersOf(plan.Members), plan.Amount
	if len(keepers) == 0 {
		fail("not_found", "Application "+name+" not found")
		return
	}
	switch {
	case want < 0:
		fail("invalid", fmt.Sprintf("scale %s to %d: a number of instances cannot be negative", name, want))
	case want == len(keepers):
		fail("conflict", "Nothing to do")
	case want > len(keepers):
		s.grow(ctx, name, keepers, want-len(keepers), r)
	default:
		for _, k := range keepers[:len(keepers)-want] { // PM2 has them one by one, and says so
			ctx, one, err := s.meant(ctx, k.id.String(), func() ([]*keeper, error) { return []*keeper{k}, nil })
			if err != nil {
				fail("invalid", err.Error())
				return
			}
			if !s.apply(ctx, Action{Verb: app.VerbDelete, drain: true, chosen: true}, k.id.String(), one, r) {
				return
			}
		}
		s.recount(keepers[len(keepers)-want:], want)
	}
}

func (s *Supervisor) grow(ctx context.Context, name string, keepers []*keeper, n int, r *reporter) {
	like := keepers[0]
	for _, k := range keepers {
		if s.reg.get(k.id) == k { // not deleted since
			like = k
			break
		}
	}
	spec := *like.view.Load().Spec // shares what is never changed in place
	spec.Instances = len(keepers) + n
	for range n {
		r.send(app.Progress{Step: app.StepInfo, ID: -1, Message: "Scaling up application"})
	}
	ctx, added, err := s.made(ctx, name, func(c claim) ([]*keeper, error) {
		if err := s.canFit(n); err != nil {
			return nil, fmt.Errorf("scale %s: %w", name, err)
		}
		spares := s.reserve.enlist(&spec, n)
		added, err := s.reg.add(&spec, n-len(spares), true, with(spares, c))
		return append(spares, added...), err
	})
	if err != nil {
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Kind: "unavailable", Message: err.Error()})
		return
	}
	up := s.raising(r)
	up.all(ctx, added, false, func() {})
	up.wait()
	s.recount(slices.Concat(keepers, added), spec.Instances)
}

// recount writes the number of instances into the specs, so that it is saved.
func (s *Supervisor) recount(keepers []*keeper, n int) {
	for _, k := range keepers {
		spec := *k.view.Load().Spec
		spec.Instances = n
		k.mail.put(respec{&spec})
		k.sync()
	}
}
