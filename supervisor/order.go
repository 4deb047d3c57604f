package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"weaver/app"
	"weaver/order"
	"weaver/supervisor/lifecycle"
)

// graphOf is what depends on what among processes, by name; nil if nothing does. Specs that are about to be theirs count
// instead of those that they have.
func graphOf(keepers []*keeper, specs map[app.ID]app.Spec) order.Graph {
	var g order.Graph
	for _, k := range keepers {
		spec := k.view.Load().Spec
		if own, ok := specs[k.id]; ok {
			spec = &own
		}
		g = dependOn(g, spec)
	}
	return g
}

// dependsAmong reports whether one of the processes depends on something, and there is more than one.
func dependsAmong(keepers []*keeper, specs map[app.ID]app.Spec) bool {
	return len(keepers) > 1 && graphOf(keepers, specs) != nil
}

func dependOn(g order.Graph, spec *app.Spec) order.Graph {
	for i := range spec.DependsOn {
		if g == nil {
			g = order.Graph{}
		}
		g.Add(spec.Name, spec.DependsOn[i].Name)
	}
	return g
}

// checkOrder says why specs that are about to be started cannot be: what they depend on does not exist, cannot come to be
// as they ask, or depends on them in turn. others are the processes whose specs stay as they are.
func checkOrder(specs []*app.Spec, others []*keeper) error {
	if !slices.ContainsFunc(specs, gated) {
		return nil
	}
	g := graphOf(others, nil)
	known := map[string]*app.Spec{}
	for _, k := range others {
		known[k.view.Load().Name] = k.view.Load().Spec
	}
	for _, s := range specs {
		g = dependOn(g, s)
		known[s.Name] = s
	}
	if cycle := g.Cycle(); cycle != nil {
		return fmt.Errorf("dependency cycle: %s", order.Arrows(cycle))
	}
	for _, s := range specs {
		for i := range s.DependsOn {
			d := &s.DependsOn[i]
			on := known[d.Name]
			switch {
			case on == nil && d.Optional:
			case on == nil:
				return fmt.Errorf("%s depends on %s, and there is no app of that name", s.Name, d.Name)
			case d.Wanted() == app.IsHealthy && !probedSpec(on):
				return fmt.Errorf("%s depends on %s being healthy, and %s has no probe that would tell (health, readiness, liveness)", s.Name, d.Name, d.Name)
			case d.Wanted() == app.IsCompleted && !endsWell(on):
				return fmt.Errorf("%s depends on %s being completed, and %s is restarted whenever it ends: it needs autorestart: false, or stop_exit_codes with 0", s.Name, d.Name, d.Name)
			}
		}
	}
	return nil
}

// checkChange is checkOrder for processes that get other specs.
func (s *Supervisor) checkChange(changes map[app.ID]app.Spec) error {
	if len(changes) == 0 {
		return nil
	}
	var specs []*app.Spec
	var others []*keeper
	for _, k := range s.reg.snapshot() {
		if spec, ok := changes[k.id]; ok {
			specs = append(specs, &spec)
		} else {
			others = append(others, k)
		}
	}
	return checkOrder(specs, others)
}

// inTurn returns the targets of an action in the order in which they depend on each other: for those that end things
// backwards. Targets that mean nothing have it left as it was written.
func (s *Supervisor) inTurn(ctx context.Context, a Action) []app.Selector {
	if begun := Asked(ctx); len(begun) > 0 { // what was begun is gone through in the same order
		rest := slices.DeleteFunc(slices.Clone(a.Targets), func(t app.Selector) bool { return slices.Contains(begun, t) })
		begun = slices.DeleteFunc(begun, func(t app.Selector) bool { return !slices.Contains(a.Targets, t) })
		if len(begun)+len(rest) == len(a.Targets) {
			return append(begun, rest...)
		}
		return a.Targets
	}
	all := s.reg.snapshot()
	if len(a.Targets) < 2 || graphOf(all, nil) == nil {
		return a.Targets
	}
	g := graphOf(all, a.Specs)
	means := map[string][]string{} // by target, the apps
	words := make([]string, len(a.Targets))
	for i, t := range a.Targets {
		keepers, err := s.resolve(t, a.Cwd)
		if err != nil || len(keepers) == 0 {
			return a.Targets
		}
		words[i] = string(t)
		for _, k := range keepers {
			means[words[i]] = append(means[words[i]], nameOf(k, a.Specs))
		}
	}
	targets := order.Graph{}
	for _, w := range words {
		below := g.Below(means[w]...)
		for _, other := range words {
			if other != w && slices.ContainsFunc(means[other], func(name string) bool { return slices.Contains(below, name) }) {
				targets.Add(w, other)
			}
		}
	}
	if a.Verb == app.VerbStop || a.Verb == app.VerbDelete {
		targets = targets.Reverse()
	}
	var out []app.Selector
	for w := targets.Walk(words); ; {
		next := w.Next()
		if len(next) == 0 {
			return out
		}
		for _, name := range next {
			out = append(out, app.Selector(name))
			w.Done(name)
		}
	}
}

// probedSpec reports whether something looks at how a process is.
func probedSpec(s *app.Spec) bool {
	h := s.Health
	return h != nil && (h.Startup != nil || h.Readiness != nil || h.Liveness != nil)
}

// endsWell reports whether an exit with code 0 is the end.
func endsWell(s *app.Spec) bool {
	return !app.IsTrue(s.AutoRestart) || slices.Contains(s.StopExitCodes, 0)
}

// raiseBelow has those started that others depend on and that are not wanted to run: somebody stopped them, they gave up, or
// they failed. It waits for nobody: who depends on them does.
func (s *Supervisor) raiseBelow(ctx context.Context, keepers []*keeper, specs map[app.ID]app.Spec, r *reporter) {
	if graphOf(keepers, specs) == nil {
		return
	}
	all := s.reg.snapshot()
	g := graphOf(all, specs)
	var names []string
	for _, k := range keepers {
		names = append(names, nameOf(k, specs))
	}
	for _, name := range g.Below(names...) {
		if slices.Contains(names, name) {
			continue
		}
		started := false
		for _, k := range all {
			if k.view.Load().Name != name {
				continue
			}
			life := k.life.Load()
			x := &life.Exit
			done := life.Want == lifecycle.Up && !life.GaveUp && life.LastGen > 0 && x.Code == 0 && x.Signal == 0 && x.Err == ""
			if !resting(life) || done {
				continue
			}
			started = true
			k.mail.put(tell{in: lifecycle.Start{}, by: true, cause: causeOf(ctx)})
		}
		if started {
			r.send(app.Progress{Step: app.StepInfo, ID: -1, Name: name, Message: "Starting " + name + ", which others depend on"})
		}
	}
}

func nameOf(k *keeper, specs map[app.ID]app.Spec) string {
	if spec, ok := specs[k.id]; ok {
		return spec.Name
	}
	return k.view.Load().Name
}

// inOrder is each for processes that may depend on each other: do is called for one when it is done with all that this one
// depends on, or, backwards, with all that depend on it.
func (s *Supervisor) inOrder(ctx context.Context, keepers []*keeper, parallel int, backwards bool, do func(*keeper) error) error {
	if len(keepers) < 2 || graphOf(keepers, nil) == nil {
		return s.each(ctx, keepers, parallel, do)
	}
	g := graphOf(s.reg.snapshot(), nil)
	if backwards {
		g = g.Reverse()
	}
	return s.walk(ctx, g, groupByName(keepers, nil), parallel, do)
}

// named is the processes of one app.
type named struct {
	name    string
	keepers []*keeper
}

// groupByName sorts processes by app, in the order in which the apps come; backwards takes the last one first.
func groupByName(keepers []*keeper, specs map[app.ID]app.Spec) (groups []named) {
	for _, k := range keepers {
		name := nameOf(k, specs)
		at := slices.IndexFunc(groups, func(n named) bool { return n.name == name })
		if at < 0 {
			at, groups = len(groups), append(groups, named{name: name})
		}
		groups[at].keepers = append(groups[at].keepers, k)
	}
	return groups
}

// walk calls do for the processes of the groups in the order of g, at most parallel at a time, and returns the first error;
// after an error no further one is begun.
func (s *Supervisor) walk(ctx context.Context, g order.Graph, groups []named, parallel int, do func(*keeper) error) error {
	names := make([]string, len(groups))
	for i := range groups {
		names[i] = groups[i].name
	}
	type outcome struct {
		name string
		err  error
	}
	w, results, open := g.Walk(names), make(chan outcome), 0
	slots := make(chan struct{}, max(parallel, 1))
	var first error
	for {
		next := w.Next()
		if len(next) == 0 && open == 0 {
			return first
		}
		for _, name := range next {
			at := slices.IndexFunc(groups, func(n named) bool { return n.name == name })
			open++
			go func() { // ends with its result, which is taken below
				err := s.each(ctx, groups[at].keepers, len(groups[at].keepers), func(k *keeper) error {
					slots <- struct{}{}
					defer func() { <-slots }()
					return do(k)
				})
				results <- outcome{name, err}
			}()
		}
		got := <-results
		open--
		if got.err != nil && first == nil {
			first = got.err
		}
		if first == nil {
			w.Done(got.name)
			continue
		}
		for ; open > 0; open-- {
			<-results
		}
		return first
	}
}

// restartInOrder restarts processes that depend on each other: they end backwards, what depends on others before these, and
// come up forwards, since each waits at its gate until those are new. So do new processes of apps that others names, once
// begun was called. done is told of each. part is the context of each process's part.
func (s *Supervisor) restartInOrder(ctx context.Context, part func(*keeper) context.Context, a Action, keepers []*keeper, others []string, begun func(), done func(*keeper, error)) error {
	g := graphOf(s.reg.snapshot(), a.Specs)
	groups := groupByName(keepers, a.Specs)
	names := make([]string, len(groups))
	for i := range groups {
		names[i] = groups[i].name
	}
	among := g.Among(names)
	above, needed := among.Reverse(), g.Among(append(names, others...)).Reverse()
	for _, k := range keepers {
		if len(needed[nameOf(k, a.Specs)]) > 0 {
			k.stale.Store(true)
			defer k.unstale()
		}
	}
	begun()
	var (
		ups   sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	fail := func(k *keeper, err error) {
		done(k, err)
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
	}
	err := s.walk(ctx, above, groups, len(keepers), func(k *keeper) error {
		depends := len(among[nameOf(k, a.Specs)]) > 0
		s.prepare(part(k), a, k)
		gen, err := k.ask(part(k), lifecycle.Restart{}, accepted)
		k.unstale()
		if err == nil && depends {
			err = k.wait(ctx, gen, down)
		}
		if err != nil {
			fail(k, err)
			return err
		}
		ups.Go(func() { // ends when the process is up, or with ctx
			if a.Detach {
				done(k, nil)
				return
			}
			if err := k.rise(ctx, gen, renewed); err != nil {
				fail(k, err)
				return
			}
			done(k, nil)
		})
		return nil
	})
	ups.Wait()
	if err != nil {
		return err
	}
	return first
}

// always is one part for all.
func always(ctx context.Context) func(*keeper) context.Context {
	return func(*keeper) context.Context { return ctx }
}

// unstale ends the time in which what the process is does not count to others.
func (k *keeper) unstale() {
	if k.stale.Swap(false) && k.sup != nil {
		k.sup.lookouts.wake(k.view.Load().Name)
	}
}

// accepted holds as soon as the input is taken.
func accepted(*lifecycle.State, uint64) bool { return true }

// down holds when nothing is left of what was there up to gen; a newer child may be due, or even there.
func down(s *lifecycle.State, gen uint64) bool {
	return s.Old.Gen == 0 && (s.Cur.Gen == 0 || s.Cur.Gen > gen)
}

// gatePatience is how long who asked for a process is kept waiting for what it depends on. The process goes on waiting.
const gatePatience = 2 * time.Minute

// rise waits until a process is as until says since gen, and says whether it came up. It does not wait for ever at the gate.
func (k *keeper) rise(ctx context.Context, gen uint64, until func(*lifecycle.State, uint64) bool) error {
	if gated(k.view.Load().Spec) {
		limited, cancel := context.WithTimeout(ctx, gatePatience)
		err := k.wait(limited, gen, func(s *lifecycle.State, gen uint64) bool { return until(s, gen) || s.Cur.Gen > gen })
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			v := k.view.Load()
			return fmt.Errorf("%s is not started yet, it %s", v.Name, orElse(v.Reason, "is "+string(v.Status)))
		}
		if err != nil {
			return err
		}
	}
	if err := k.wait(ctx, gen, until); err != nil {
		return err
	}
	return k.outcome(gen)
}

// wait returns when until holds, gen being the newest incarnation from before what was asked for.
func (k *keeper) wait(ctx context.Context, gen uint64, until func(*lifecycle.State, uint64) bool) error {
	j := &join{until: until, gen: gen, done: make(chan struct{})}
	k.mail.put(j)
	_, err := k.await(ctx, j)
	return err
}
