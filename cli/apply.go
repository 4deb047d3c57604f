package cli

import (
	"fmt"
	"slices"

	"weaver/api"
	"weaver/app"
)

// applied is what `apply --json` says.
type applied struct {
	*plan
	OK bool `json:"ok"`
}

// runApply makes what runs as the file has it.
func runApply(c *call) error {
	loaded, err := c.wished(c.args[0])
	if err != nil {
		return err
	}
	p, err := c.planFor(&loaded)
	if err != nil {
		return err
	}
	prune := c.bool("prune")
	todo := func() (adds, changes, removes []*planned) {
		adds, changes, removes = p.with(planAdd), p.with(planChange), p.with(planRemove)
		if !prune {
			removes = nil
		}
		return adds, changes, removes
	}
	adds, changes, removes := todo()
	failed := false
	if len(adds)+len(changes)+len(removes) > 0 {
		if err := c.ensureDaemon(); err != nil {
			return err
		}
		locked := p.names()
		err := c.locked(locked, func(fds []int) error {
			// Somebody may have been at work until now: numbers may mean other processes, and what was missing may run.
			if p, err = c.planFor(&loaded); err != nil {
				return err
			}
			adds, changes, removes = todo()
			removes = slices.DeleteFunc(removes, func(a *planned) bool { return !slices.Contains(locked, a.Name) })
			failed = c.applyAll(p.File, fds, adds, changes, removes)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if c.out.json {
		if !c.showSecrets() {
			p.hide()
		}
		err = c.out.value(applied{p, !failed})
	} else if !failed {
		c.out.data(appliedText(len(adds), len(changes), len(removes)))
	}
	if failed {
		return errReported
	}
	return err
}

// names are those of the apps that it is about.
func (p *plan) names() []string {
	out := make([]string, len(p.Apps))
	for i := range p.Apps {
		out[i] = p.Apps[i].Name
	}
	return out
}

func appliedText(adds, changes, removes int) string {
	if adds+changes+removes == 0 {
		return "no changes\n"
	}
	return fmt.Sprintf("applied: %d added, %d changed, %d removed\n", adds, changes, removes)
}

// applyAll does what is planned. What fails is told, and keeps nothing else from being done.
func (c *call) applyAll(file string, fds []int, adds, changes, removes []*planned) (failed bool) {
	each := func(what string, a *planned, do func() error) {
		if err := do(); err != nil {
			failed = true
			c.out.fail(fmt.Sprintf("%s: %v", a.Name, err))
			return
		}
		if !c.out.json {
			c.out.note("%s %s", what, a.Name)
		}
	}
	for _, a := range removes {
		each("-", a, func() error {
			return c.quietly("delete", a.Name, func(report func(app.Progress)) error {
				return c.client.Act(c.ctx, api.ActRequest{Verb: app.VerbDelete, Targets: targetsOf(a.current)}, fds, report)
			})
		})
	}
	if len(adds) > 0 { // together: they may wait for each other
		r := api.StartRequest{File: file, IfExists: app.Reload} // never a second one, whoever goes without locks
		for _, a := range adds {
			r.Specs = append(r.Specs, *a.spec)
		}
		c.folders(r.Specs...)
		c.withConf(r.Specs)
		err := c.quietly("start", "what is new", func(report func(app.Progress)) error { return c.client.Start(c.ctx, r, fds, report) })
		if err != nil {
			failed = true
			c.out.fail(err.Error())
		} else if !c.out.json {
			for _, a := range adds {
				c.out.note("+ %s", a.Name)
			}
		}
	}
	for _, a := range changes {
		each("~", a, func() error { return c.change(a, fds) })
	}
	return failed
}

// change brings what runs of an app to what the file says.
func (c *call) change(a *planned, fds []int) error {
	if len(a.current) != a.count {
		err := c.quietly("scale", a.Name, func(report func(app.Progress)) error {
			return c.client.Scale(c.ctx, api.ScaleRequest{Name: a.Name, N: a.count}, fds, report)
		})
		if err != nil {
			return err
		}
	}
	switch {
	case a.respec:
		c.folders(*a.spec)
		return c.quietly("change", a.Name, func(report func(app.Progress)) error {
			return c.client.Start(c.ctx, api.StartRequest{Specs: []app.Spec{*a.spec}, IfExists: app.Reload}, fds, report)
		})
	case app.IsTrue(a.spec.AutoStart):
		var idles []app.Selector
		for i := range a.current {
			if p := idle(a.current[i : i+1]); p != nil {
				idles = append(idles, app.Selector(p.ID.String()))
			}
		}
		if len(idles) == 0 {
			return nil
		}
		return c.quietly("start", a.Name, func(report func(app.Progress)) error {
			return c.client.Act(c.ctx, api.ActRequest{Verb: app.VerbRestart, Targets: idles}, fds, report)
		})
	}
	return nil
}

func targetsOf(list []app.Process) []app.Selector {
	out := make([]app.Selector, len(list))
	for i := range list {
		out[i] = app.Selector(list[i].ID.String())
	}
	return out
}
