package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/config"
	"weaver/pm2"
)

// defaultFile is what `start` without a target starts.
const defaultFile = "ecosystem.config.js"

// runStart starts its targets one after the other; the first that fails ends it, as in PM2.
func runStart(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	targets := c.args
	if len(targets) == 0 {
		targets = []string{defaultFile}
		if _, err := os.Stat(c.abs(defaultFile)); err != nil {
			return pm2Error(program(c.env)+" start SCRIPT, or a config file", "File %s not found", defaultFile)
		}
	}
	if c.bool("no-daemon") {
		return c.startHere(targets)
	}
	for _, t := range targets {
		if err := c.start(t); err != nil {
			return c.after(err)
		}
	}
	return c.finish()
}

// startHere starts the targets, and stays with their output until somebody wants an end of them.
func (c *call) startHere(targets []string) error {
	f := &foreground{c: c, keep: true, view: &logView{c: c, form: labelled, stamp: "HH:mm:ss", begun: time.Now()}}
	f.start = func(f *foreground) error {
		for _, t := range targets {
			if err := c.start(t); err != nil {
				return err
			}
		}
		for _, done := range c.out.done {
			f.names = append(f.names, done.Name)
		}
		return c.after(nil)
	}
	return f.run(false)
}

// finish shows the list, and with --attach follows the output of what was started.
func (c *call) finish() error {
	if err := c.after(nil); err != nil || !c.bool("attach") {
		return err
	}
	c.args = nil
	for _, done := range c.out.done {
		if !slices.Contains(c.args, done.Name) {
			c.args = append(c.args, done.Name)
		}
	}
	v, err := c.logView()
	if err != nil {
		return err
	}
	v.lines = 0
	return v.follow()
}

// start starts one target: what a config file says, what is known by a name or id, or a script.
func (c *call) start(target string) error {
	if c.isFile(target) {
		return c.startFile(target, app.Restart)
	}
	list, known, err := c.known(target)
	switch {
	case err != nil:
		return err
	case known:
		return c.startKnown(target, list)
	}
	return c.startScript(target)
}

// isFile reports that a target is a config file, or stdin.
func (c *call) isFile(target string) bool { return target == "-" || config.IsConfigFile(target) }

// known reports whether target is, or as an id must be, the name of something there is, and returns all that is. PM2 takes
// a word without slash and ending for a name first.
func (c *call) known(target string) (list []app.Process, known bool, err error) {
	s := app.Selector(target)
	must := s.Numeric() || s.Many()
	if !must && (strings.ContainsAny(target, "/ ") || filepath.Ext(target) != "") {
		return nil, false, nil
	}
	if must {
		err = c.ensureDaemon()
	} else if up, upErr := c.daemonUp(); !up {
		return nil, false, upErr
	}
	if err != nil {
		return nil, false, err
	}
	if list, err = c.client.List(c.ctx, true, c.env.Cwd); err != nil || must {
		return list, must, err
	}
	// No directory: a script of that name in this one is not what a bare word means, if it is known otherwise.
	at, err := s.Match(list, "")
	return list, len(at) > 0, err
}

// startKnown restarts what exists, with the flags given.
func (c *call) startKnown(target string, list []app.Process) error {
	r, err := c.request(app.VerbRestart, []app.Selector{app.Selector(target)})
	if err != nil {
		return err
	}
	r.Cwd = ""
	if r.Specs, err = c.patched(list, r.Targets, ""); err != nil {
		return err
	}
	if err := c.applyLocked(r); err != nil {
		return err
	}
	c.out.talk(pm2.Started)
	return nil
}

// patched are the specs of the processes that the targets mean, with the flags given; nil without flags.
func (c *call) patched(list []app.Process, targets []app.Selector, cwd string) (map[app.ID]app.Spec, error) {
	if !c.hasAppFlags() {
		return nil, nil
	}
	specs := map[app.ID]app.Spec{}
	for _, t := range targets {
		at, err := t.Match(list, cwd)
		if err != nil {
			continue // the daemon words it
		}
		for _, i := range at {
			spec, err := config.Patch(*list[i].Spec, c.appFlags(), c.rest, c.configContext())
			if err != nil {
				return nil, c.configError(err)
			}
			specs[list[i].ID] = spec
		}
	}
	return specs, nil
}

// startScript starts a script, a program or a command line that is not known yet, or is started again.
func (c *call) startScript(target string) error {
	flags := c.appFlags()
	spec, problems, err := config.FromArgs(c.configContext(), target, flags, c.rest)
	c.problems(problems)
	if err != nil {
		return c.configError(err)
	}
	exists := app.Refuse
	if flags.Force {
		exists = app.Duplicate
	}
	if c.bool("write") {
		if err := c.writeFile(&spec); err != nil {
			return err
		}
	}
	return c.startSpecs(api.StartRequest{Op: newOp(), Specs: []app.Spec{spec}, IfExists: exists})
}

// startFile starts the apps of a config file, and restarts or reloads those that exist.
func (c *call) startFile(path string, exists app.IfExists) error {
	loaded, err := c.load(path)
	if err != nil {
		return err
	}
	for _, f := range loaded.Failed {
		c.out.fail("[PM2][ERROR] Error: " + f.Error())
		c.out.failed = append(c.out.failed, jsonFailure{ID: -1, Name: f.Name, Kind: string(api.Invalid), Message: f.Err.Error()})
	}
	if len(loaded.Apps) > 0 {
		err = c.startSpecs(api.StartRequest{Op: newOp(), Specs: loaded.Apps, File: loaded.File, IfExists: exists})
	}
	if err == nil && len(loaded.Failed) > 0 {
		err = errReported
	}
	return err
}

// startSpecs has the daemon start apps, under their locks.
func (c *call) startSpecs(r api.StartRequest) error {
	act, err := c.request(app.VerbStart, nil) // for its flags
	if err != nil {
		return err
	}
	r.Parallel = act.Parallel
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	c.withConf(r.Specs)
	names := make([]string, len(r.Specs))
	for i := range r.Specs {
		names[i] = r.Specs[i].Name
	}
	return c.locked(names, func(fds []int) error {
		return c.report(func(report func(app.Progress)) error {
			return c.client.Start(c.ctx, r, fds, report)
		})
	})
}

// load reads a config file and prints what is odd in it.
func (c *call) load(path string) (config.Loaded, error) {
	loaded, err := config.Load(c.ctx, c.fileContext(), path, c.appFlags())
	c.problems(loaded.Problems)
	if err != nil {
		return loaded, c.configError(err)
	}
	return loaded, nil
}

func (c *call) configContext() config.Context {
	if err := c.findHome(); err != nil {
		c.home.Dir = c.env.Cwd // whatever needs the home next says what is wrong with it
	}
	return config.Context{
		Cwd: c.env.Cwd, Env: app.ParseEnviron(c.env.Environ), Home: c.home, Stdin: c.env.Stdin, Talk: c.env.Stderr,
		Strict: c.env.Getenv("WEAVER_STRICT_PM2") == "1",
	}
}

// fileContext is that of config files, in which "serve" stands for weaver's own server.
func (c *call) fileContext() config.Context {
	cc := c.configContext()
	cc.Server = c.server()
	return cc
}

func (c *call) problems(list []config.Problem) {
	for _, p := range list {
		c.out.warn("%s", p)
	}
}

// configError words what is wrong with what was asked for: PM2 lists every problem and then says the same as an error.
func (c *call) configError(err error) error {
	var invalid *config.Invalid
	if errors.As(err, &invalid) {
		for _, p := range invalid.Problems {
			c.out.warn("%s", p)
		}
	}
	f := &failure{text: "[PM2][ERROR] " + err.Error(), err: err}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		f.hint = hinted.Hint()
	}
	return f
}

func runStartOrRestart(c *call) error { return c.startOr(app.Restart) }
func runStartOrReload(c *call) error  { return c.startOr(app.Reload) }

func (c *call) startOr(exists app.IfExists) error {
	if err := c.findHome(); err != nil {
		return err
	}
	if !c.isFile(c.args[0]) {
		return pm2Error("", "%s is no config file", c.args[0])
	}
	return c.after(c.startFile(c.args[0], exists))
}
