package cli

import (
	"errors"
	"fmt"
	"strings"

	"weaver/api"
	"weaver/app"
	"weaver/config"
)

func serviceStart() *command {
	return &command{
		args: "NAME [-- ARGS]", min: 1, max: 1, spec: true, rest: true, lent: lentAct, run: runServiceStart,
		help: "start a service, and wait until it is up",
		flags: []flag{
			{name: "script", arity: one, meta: "PATH", help: "what to run"},
			{name: "config", arity: one, meta: "FILE", help: "JSON, YAML, TOML or JavaScript: keys as those of an app"},
			envFlag(),
			{name: "watch", help: "restart when files change"},
			{name: "watch-config", help: "with --config: apply FILE again when it changes"},
			{name: "lazy-init", help: "return as soon as the process is spawned"},
			{name: "log-level", arity: one, meta: "L", help: "exported as LOG_LEVEL"},
		},
	}
}

// runServiceStart starts what a script or a file says, or what is known already.
func runServiceStart(c *call) error {
	name := c.args[0]
	if c.given("script") && c.given("config") {
		return &usageError{message: "option `--config' excludes `--script'", hint: "write the script into the file"}
	}
	if c.bool("watch-config") && !c.given("config") {
		return &usageError{message: "option `--watch-config' needs `--config FILE'"}
	}
	switch {
	case c.given("script"), c.given("config"):
		spec, err := c.serviceSpec(name)
		if err != nil {
			return err
		}
		return c.startService(spec)
	}
	up, err := c.daemonUp()
	if err != nil {
		return err
	}
	exists := false
	if up {
		if exists, err = c.serviceExists(name); err != nil {
			return err
		}
	}
	if !exists {
		return &failure{
			text: fmt.Sprintf("%s: cannot start %s: no --script, and no service of that name", program(c.env), name),
			hint: program(c.env) + " service start " + name + " --script PATH, or --config FILE",
		}
	}
	return c.startKnownService(name)
}

// serviceSpec is what the flags and the file say.
func (c *call) serviceSpec(name string) (app.Spec, error) {
	flags, err := c.serviceFlags()
	if err != nil {
		return app.Spec{}, err
	}
	flags.Name = name
	if c.given("config") {
		c.sum = sumOf(c.abs(c.str("config"))) // before it is read: what changes meanwhile has another
		spec, problems, err := config.ServiceFile(c.ctx, c.configContext(), c.str("config"), name, flags)
		c.serviceProblems(problems)
		if err != nil {
			return spec, c.serviceError(name, err)
		}
		if len(c.rest) > 0 {
			spec.Args = c.rest
		}
		if c.bool("watch-config") {
			spec.WatchConfig = c.configSource(&spec)
		}
		return spec, nil
	}
	spec, problems, err := config.FromArgs(c.configContext(), c.str("script"), flags, c.rest)
	c.serviceProblems(problems)
	if err != nil {
		return spec, c.serviceError(name, err)
	}
	return spec, nil
}

// serviceFlags are the flags of apps, and those that only services have.
func (c *call) serviceFlags() (config.Flags, error) {
	f := c.appFlags()
	f.Env, f.Force = "", false
	if c.bool("watch") {
		f.Watch = []string{""}
	}
	f.PortCheck = c.given("port")
	var err error
	if f.Vars, err = config.Vars(c.configContext(), c.list("env")); err != nil {
		return f, c.serviceError(c.args[0], err)
	}
	if c.given("log-level") {
		f.Vars = append(f.Vars, "LOG_LEVEL="+c.str("log-level"))
	}
	return f, nil
}

func (c *call) serviceProblems(list []config.Problem) {
	for _, p := range list {
		c.out.note("%s: %s", program(c.env), p)
	}
}

// serviceError says what is wrong with what was asked for.
func (c *call) serviceError(name string, err error) error {
	f := &failure{text: fmt.Sprintf("%s: cannot start %s: %v", program(c.env), name, err), err: err}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		f.hint = hinted.Hint()
	}
	return f
}

// startService starts a service, or gives one that exists the new configuration, and waits until it is up.
func (c *call) startService(spec app.Spec) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	r := api.StartRequest{Specs: []app.Spec{spec}, IfExists: app.Restart, Detach: c.bool("lazy-init")}
	return c.locked([]string{spec.Name}, func(fds []int) error {
		if err := c.quietly("start", spec.Name, func(report func(app.Progress)) error {
			return c.client.Start(c.ctx, r, fds, report)
		}); err != nil {
			return err
		}
		return c.showStarted()
	})
}

// startKnownService starts what exists: one that runs goes on as it is unless flags change it.
func (c *call) startKnownService(name string) error {
	flags, err := c.serviceFlags()
	if err != nil {
		return err
	}
	r := api.ActRequest{Verb: app.VerbStart, Detach: c.bool("lazy-init")}
	list, err := c.client.List(c.ctx, true, "")
	if err != nil {
		return err
	}
	changes := c.hasAppFlags() || len(flags.Vars) > 0 || c.bool("watch")
	for i := range list {
		if list[i].Name != name {
			continue
		}
		r.Targets = append(r.Targets, app.Selector(list[i].ID.String()))
		if !changes {
			continue
		}
		spec, err := config.Patch(*list[i].Spec, flags, c.rest, c.configContext())
		if err != nil {
			return c.serviceError(name, err)
		}
		if r.Specs == nil {
			r.Specs = map[app.ID]app.Spec{}
		}
		r.Specs[list[i].ID], r.Verb = spec, app.VerbRestart
	}
	return c.locked([]string{name}, func(fds []int) error {
		if err := c.quietly("start", name, func(report func(app.Progress)) error {
			return c.client.Act(c.ctx, r, fds, report)
		}); err != nil {
			return err
		}
		return c.showStarted()
	})
}

// showStarted waits until the service is up, unless it is to be lazy, and says so.
func (c *call) showStarted() error {
	if c.bool("lazy-init") {
		return c.ask(api.HotServiceStarted, "lazy-init")
	}
	return c.ask(api.HotServiceStarted)
}

// quietly runs an operation and tells of its failures and warnings alone.
func (c *call) quietly(doing, name string, run func(report func(app.Progress)) error) error {
	var failed []string
	hint := ""
	err := run(func(p app.Progress) {
		switch p.Step {
		case app.StepFailed:
			failed = append(failed, p.Message)
			hint = p.Hint
		case app.StepWarn:
			c.out.note("%s: %s", program(c.env), p.Message)
		}
	})
	var answer *api.Error
	switch {
	case errors.As(err, &answer):
		failed, hint = append(failed, answer.Message), answer.Hint
	case err != nil:
		return err
	}
	if len(failed) == 0 {
		return nil
	}
	return &failure{text: fmt.Sprintf("%s: cannot %s %s: %s", program(c.env), doing, name, strings.Join(failed, "; ")), hint: hint}
}
