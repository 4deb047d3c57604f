package cli

import (
	"slices"

	"weaver/api"
	"weaver/app"
	"weaver/pm2"
)

func runRestart(c *call) error { return c.again(app.VerbRestart, app.Restart) }
func runReload(c *call) error  { return c.again(app.VerbReload, app.Reload) }

// again restarts or reloads its targets, with the flags given: names one after the other, files as start does.
func (c *call) again(verb app.Verb, exists app.IfExists) error {
	for _, t := range c.args {
		if t == "-" {
			err := c.againStdin(verb)
			if err != nil {
				return c.afterAgain(verb, err)
			}
			continue
		}
		if c.isFile(t) {
			if err := c.startFile(t, exists); err != nil {
				return c.afterAgain(verb, err)
			}
			continue
		}
		if err := c.againOne(verb, app.Selector(t)); err != nil {
			return c.afterAgain(verb, err)
		}
	}
	return c.afterAgain(verb, nil)
}

// againStdin restarts those apps of a file on standard input that exist, without saying that it does, as PM2. To its reload
// "-" is a name.
func (c *call) againStdin(verb app.Verb) error {
	if verb == app.VerbReload {
		return c.againOne(verb, "-")
	}
	loaded, err := c.load("-")
	if err != nil {
		return err
	}
	c.schedules(loaded.Apps...)
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	list, err := c.client.List(c.ctx, false, "")
	if err != nil {
		return err
	}
	specs := slices.DeleteFunc(loaded.Apps, func(s app.Spec) bool {
		return !slices.ContainsFunc(list, func(p app.Process) bool { return p.Name == s.Name })
	})
	if len(specs) == 0 {
		return nil
	}
	c.out.quiet = map[string]bool{}
	for i := range specs {
		c.out.quiet[specs[i].Name] = true
	}
	return c.startSpecs(api.StartRequest{Specs: specs, File: loaded.File, IfExists: app.Restart})
}

func (c *call) againOne(verb app.Verb, target app.Selector) error {
	r, err := c.request(verb, []app.Selector{target})
	if err != nil {
		return err
	}
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	if !c.bool("update-env") && !c.given("env") {
		c.out.say(pm2.UpdateEnvHint)
	}
	c.schedule()
	if c.hasAppFlags() {
		list, err := c.client.List(c.ctx, true, c.env.Cwd)
		if err != nil {
			return err
		}
		if r.Specs, err = c.patched(list, r.Targets, c.env.Cwd); err != nil {
			return err
		}
	}
	if err := c.renew(&r, c.env.Cwd); err != nil {
		return err
	}
	return c.applyLocked(r)
}

// afterAgain shows the list, except after a reload: PM2 shows none there.
func (c *call) afterAgain(verb app.Verb, err error) error {
	if verb == app.VerbReload && !c.out.json {
		return err
	}
	if err != nil {
		return c.after(err)
	}
	return c.finish()
}
