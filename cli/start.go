package cli

import (
	"encoding/json"
	"errors"
	"maps"
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

// runStart starts its targets one after the other; the first that fails ends it, as in PM2. What is there now and did not
// get well does not: to PM2 it was started.
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
	var ill error
	for _, t := range targets {
		before := len(c.out.failed)
		err := c.start(t)
		switch {
		case err == nil:
		case errors.Is(err, errReported) && !slices.ContainsFunc(c.out.failed[before:], func(f jsonFailure) bool { return f.ID < 0 || f.Kind != "failed" }):
			ill = err
		default:
			return c.after(err)
		}
	}
	if ill != nil {
		return c.after(ill)
	}
	return c.finish()
}

// startHere starts the targets, and stays with their output until somebody wants an end of them.
func (c *call) startHere(targets []string) error {
	f := &foreground{c: c, keep: true, telling: true, view: &logView{c: c, form: labelled, stamp: "HH:mm:ss", begun: time.Now()}}
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
		c.schedule() // PM2 looks at it as at a start's, and then as at a restart's
		return c.startKnown(target, list)
	}
	return c.startScript(target)
}

// isFile reports that a target is a config file, or stdin.
func (c *call) isFile(target string) bool { return target == "-" || config.IsConfigFile(target) }

// known reports whether target is, or as an id must be, the name of something there is, and returns all that is. PM2 takes
// a word without slash and ending for a name first, and no pattern for one.
func (c *call) known(target string) (list []app.Process, known bool, err error) {
	s := app.Selector(target)
	must := s.Numeric() || s == app.All
	if !must && (strings.ContainsAny(target, "/ ") || filepath.Ext(target) != "") {
		return nil, false, nil
	}
	if must {
		err = c.ensureDaemon()
	} else if up, upErr := c.daemonUp(); !up {
		if upErr != nil || !c.died() {
			return nil, false, upErr
		}
		err = c.ensureDaemon() // it knows what there is
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
	if app.Selector(target) != app.All { // for all PM2 takes no notice of flags
		if r.Specs, err = c.patched(list, r.Targets, ""); err != nil {
			return err
		}
	}
	c.schedule()
	if err := c.renew(&r, ""); err != nil {
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
	if c.str("cron-restart") == "0" {
		c.out.talk(pm2.Unscheduled) // PM2 says it of what has no schedule yet, too
	}
	c.schedules(spec)
	c.folders(spec)
	exists := app.Refuse
	if flags.Force || spec.Script != c.pathOf(target, spec.Cwd) {
		exists = app.Duplicate // to PM2 a command line, or a program from PATH, is another one each time
	}
	if c.bool("write") {
		if err := c.writeFile(&spec); err != nil {
			return err
		}
		spec.Extra = maps.Clone(spec.Extra)
		if spec.Extra == nil {
			spec.Extra = map[string]json.RawMessage{}
		}
		spec.Extra["write"] = json.RawMessage("true")
	}
	if exists == app.Refuse {
		list, err := c.ended(&spec)
		if err != nil {
			return err
		}
		if list != nil {
			return c.startKnown(spec.Name, list)
		}
	}
	if err := c.startSpecs(api.StartRequest{Specs: []app.Spec{spec}, IfExists: exists}); err != nil {
		return err
	}
	if c.out.renewed > 0 { // the script was known, and had been stopped
		c.out.talk(pm2.Started)
		c.out.renewed = 0
	}
	return nil
}

// pathOf is the path that a target is, if it is one.
func (c *call) pathOf(target, cwd string) string {
	if filepath.IsAbs(target) {
		return filepath.Clean(target)
	}
	return filepath.Join(cwd, target)
}

// ended returns all processes if the app is known by its name and script, and has ended: it is started as it was then,
// with what is new on the command line. Else it returns nil.
func (c *call) ended(spec *app.Spec) ([]app.Process, error) {
	if up, err := c.daemonUp(); !up {
		return nil, err
	}
	list, err := c.client.List(c.ctx, true, "")
	if err != nil {
		return nil, err
	}
	known := false
	for i := range list {
		if p := &list[i]; p.Name == spec.Name && p.Spec != nil && p.Spec.Script == spec.Script {
			if p.Status != app.Stopped && p.Status != app.Errored {
				return nil, nil
			}
			known = true
		}
	}
	if !known {
		return nil, nil
	}
	return list, nil
}

// missing says which apps of a file do not run yet: all of them, those included that cannot be started here.
func (c *call) missing(loaded *config.Loaded) error {
	var list []app.Process
	if up, err := c.daemonUp(); err != nil {
		return err
	} else if up {
		if list, err = c.client.List(c.ctx, false, ""); err != nil {
			return err
		}
	}
	names := slices.DeleteFunc(loaded.Entries(), func(name string) bool {
		return slices.ContainsFunc(list, func(p app.Process) bool { return p.Name == name })
	})
	c.out.fresh = names
	some := func(known bool) bool {
		return slices.ContainsFunc(loaded.Apps, func(s app.Spec) bool { return slices.Contains(names, s.Name) != known })
	}
	if !some(true) || !some(false) {
		c.out.tellFresh() // else when those that exist are done
	}
	return nil
}

// folders says which directories for files are not there yet: PM2 makes them then, and so does the supervisor.
func (c *call) folders(specs ...app.Spec) {
	told := map[string]bool{"": true, ".": true}
	for _, variable := range []string{"PM2_DEFAULT_LOG_PATH", "PM2_DEFAULT_PID_PATH"} { // they count as the home's
		if dir := c.env.Getenv(variable); dir != "" {
			told[filepath.Clean(dir)] = true
		}
	}
	for i := range specs {
		for _, file := range []string{specs[i].OutFile, specs[i].ErrorFile, specs[i].LogFile, specs[i].PIDFile} {
			dir := filepath.Dir(file)
			if told[dir] || filepath.Dir(dir) == c.home.Dir {
				continue
			}
			told[dir] = true
			if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
				c.out.fail("[PM2][WARN] Folder does not exist: " + dir)
				c.out.talk("Creating folder: %s", dir)
			}
		}
	}
}

// schedule says what --cron-restart changes in what exists.
func (c *call) schedule() {
	if cron := c.str("cron-restart"); cron == "0" {
		c.out.talk(pm2.Unscheduled)
	} else if cron != "" {
		c.out.talk(pm2.Scheduled, cron)
	}
}

// schedules says when apps will be restarted.
func (c *call) schedules(specs ...app.Spec) {
	for i := range specs {
		if specs[i].CronRestart != "" {
			c.out.talk(pm2.Scheduled, specs[i].CronRestart)
		}
	}
}

// startFile starts the apps of a config file, and restarts or reloads those that exist.
func (c *call) startFile(path string, exists app.IfExists) error {
	loaded, err := c.load(path)
	if err != nil {
		return err
	}
	return c.startAll(&loaded, exists)
}

func (c *call) startAll(loaded *config.Loaded, exists app.IfExists) (err error) {
	c.schedules(loaded.Apps...)
	if err := c.missing(loaded); err != nil {
		return err
	}
	for _, f := range loaded.Failed {
		c.out.fail("[PM2][ERROR] Error: " + f.Err.Error())
		if f.Name != "" {
			c.out.hint("this is about " + f.Name)
		}
		c.out.failed = append(c.out.failed, jsonFailure{ID: -1, Name: f.Name, Kind: string(api.Invalid), Message: f.Err.Error()})
	}
	c.folders(loaded.Apps...)
	if len(loaded.Apps) > 0 {
		err = c.startSpecs(api.StartRequest{Specs: loaded.Apps, File: loaded.File, IfExists: exists})
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

// problems prints what is odd: PM2's warnings where PM2 has them, on stdout, weaver's own on stderr.
func (c *call) problems(list []config.Problem) {
	for _, p := range list {
		if p.PM2 {
			c.out.warn("%s", p)
			continue
		}
		c.out.warned = append(c.out.warned, p.String())
		c.out.note("warning: %s", p)
	}
}

// configError words what is wrong with what was asked for: PM2 lists every problem and then says the same as an error.
func (c *call) configError(err error) error {
	var invalid *config.Invalid
	if errors.As(err, &invalid) {
		if invalid.Problems[0].App != "" {
			return c.invalidFile(invalid)
		}
		for _, p := range invalid.Problems {
			if p.Key != "cron_restart" { // PM2 says that one only once
				c.out.warn("%s", p)
			}
		}
	}
	f := &failure{text: "[PM2][ERROR] " + err.Error(), err: err}
	if invalid != nil {
		f.text = "[PM2][ERROR] " + strings.ReplaceAll(err.Error(), "\n", ",") // as PM2 joins them
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		f.hint = hinted.Hint()
	}
	return f
}

// invalidFile says what is wrong in a config file: in PM2's words, which do not say of which app, and then of which.
func (c *call) invalidFile(err *config.Invalid) error {
	for _, p := range err.Problems {
		if p.Key == "cron_restart" {
			c.out.fail("[PM2][ERROR] " + p.Message)
		} else {
			c.out.warn("%s", p.Message)
		}
		c.out.failed = append(c.out.failed, jsonFailure{ID: -1, Name: p.App, Kind: string(api.Invalid), Message: p.Message, Hint: p.Hint})
	}
	for _, p := range err.Problems {
		hint := "see " + p.Key + " of " + p.App
		if p.Hint != "" {
			hint += ": " + p.Hint
		}
		c.out.hint(hint)
	}
	return errReported
}

func runStartOrRestart(c *call) error { return c.startOr(app.Restart) }
func runStartOrReload(c *call) error  { return c.startOr(app.Reload) }

func (c *call) startOr(exists app.IfExists) error {
	if err := c.findHome(); err != nil {
		return err
	}
	if !c.isFile(c.args[0]) {
		if _, err := os.Stat(c.abs(c.args[0])); errors.Is(err, os.ErrNotExist) {
			return pm2Error("", "File %s not found", c.args[0])
		}
		return pm2Error("", "%s is no config file", c.args[0])
	}
	return c.after(c.startFile(c.args[0], exists))
}
