package cli

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"weaver/api"
	"weaver/app"
)

func runSave(c *call) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	c.out.talk("Saving current process list...")
	r, err := c.client.Save(c.ctx, c.bool("force") || c.env.Getenv("FORCE") != "")
	if err != nil {
		return err
	}
	if c.out.json {
		return c.out.value(r)
	}
	if r.Skipped {
		c.out.warn("PM2 is not managing any process, skipping save...")
		c.out.warn("To force saving use: %s save --force", program(c.env))
		return nil
	}
	c.out.talk("Successfully saved in %s", r.Path)
	return nil
}

func runResurrect(c *call) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	c.out.talk("Resurrecting")
	c.out.talk("Restoring processes located in %s", c.home.Dump())
	return c.after(c.report(func(report func(app.Progress)) error {
		return c.client.Resurrect(c.ctx, func(p app.Progress) {
			if p.Step == app.StepWarn && strings.HasPrefix(p.Message, "No processes saved") {
				c.nothingSaved(p)
				return
			}
			report(p)
		})
	}))
}

// nothingSaved says that there is no list, in PM2's words: it looks at two files, and that is no failure.
func (c *call) nothingSaved(p app.Progress) {
	c.out.warned = append(c.out.warned, p.Message)
	c.out.fail("[PM2][ERROR] Failed to read dump file in " + c.home.Dump())
	c.out.talk("Restoring processes located in %s.bak", c.home.Dump())
	c.out.fail("[PM2][ERROR] Failed to read dump file in " + c.home.Dump() + ".bak")
	c.out.fail("[PM2][ERROR] " + p.Message)
}

func runClearDump(c *call) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	if err := c.client.ClearDump(c.ctx); err != nil {
		return err
	}
	if c.out.json {
		return c.out.value(map[string]any{"path": c.home.Dump()})
	}
	c.out.talk("Successfully created %s", c.home.Dump())
	return nil
}

func runFlush(c *call) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	r, err := c.client.Flush(c.ctx, selectors(c.args)...)
	var answer *api.Error
	if errors.As(err, &answer) && answer.Kind == api.NotFound { // there is nothing to flush, and PM2 says no more
		c.out.note("hint: %s", cmp.Or(answer.Hint, answer.Message))
		err = nil
	}
	if err != nil {
		return err
	}
	if c.out.json {
		return c.out.value(r)
	}
	if slices.Contains(r.Files, c.home.DaemonLog()) {
		c.out.talk("Flushing %s", c.home.DaemonLog())
	}
	if rest := slices.DeleteFunc(r.Files, func(f string) bool { return f == c.home.DaemonLog() }); len(rest) > 0 {
		c.out.talk("Flushing:")
		for _, f := range rest {
			c.out.talk("%s", f)
		}
	}
	for _, f := range r.Failed {
		c.out.fail("[PM2][ERROR] cannot flush " + f)
	}
	if len(r.Failed) > 0 {
		return errReported
	}
	c.out.talk("Logs flushed")
	return nil
}

func runReloadLogs(c *call) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	c.out.say("Reloading all logs...\n")
	if err := c.client.ReloadLogs(c.ctx); err != nil {
		return err
	}
	if c.out.json {
		return c.out.value(map[string]any{"ok": true})
	}
	c.out.say("All logs reloaded\n")
	return nil
}

func selectors(args []string) []app.Selector {
	out := make([]app.Selector, len(args))
	for i, a := range args {
		out[i] = app.Selector(a)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
