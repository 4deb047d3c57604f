package cli

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/config"
)

func devFlags() []flag {
	return []flag{
		{name: "raw", help: "lines as they are"},
		{name: "timestamp", arity: maybe, fits: isDateFormat, meta: "FORMAT", help: "put the time before lines"},
		{name: "ignore", arity: one, meta: "PATHS", help: "what not to watch, comma separated"},
		{name: "post-exec", arity: one, meta: "COMMAND", help: "run a command after each restart"},
		{name: "silent-exec", help: "do not show what that command prints"},
		{name: "auto-exit", help: "end when no app runs, at two looks three seconds apart"},
		{name: "test-mode", help: "accepted for PM2"},
	}
}

// devDelay is the pause before the restart of an app that ended by itself, PM2's.
const devDelay = time.Second

// runDev is pm2-dev: apps that restart when their files change, in the foreground, in a home of their own.
func runDev(c *call) error {
	if len(c.args) == 0 {
		return &usageError{"missing required argument `FILE'", "pm2-dev app.js"}
	}
	if err := c.findHome(); err != nil {
		return err
	}
	c.quiet, c.out.json = true, true
	specs, file, err := c.devSpecs(c.args[0])
	if err != nil {
		return err
	}
	c.out.json = false
	f := &foreground{c: c, idleExit: c.bool("auto-exit"), view: &logView{c: c, form: devLines, begun: time.Now()}}
	if c.bool("raw") {
		f.view.form = rawLines
	} else if format := c.last("timestamp"); format != nil {
		f.view.stamp = first(*format, "YYYY-MM-DD-HH:mm:ss")
	}
	for i := range specs {
		f.names = append(f.names, specs[i].Name)
	}
	f.start = func(*foreground) error {
		c.devHeader(specs)
		c.out.json = true
		err := c.startSpecs(api.StartRequest{Specs: specs, File: file, IfExists: app.Restart})
		c.out.json = false
		return err
	}
	f.heard = func(e app.Event) {
		if e.Kind == app.EventOnline && e.Restarts > 0 {
			c.out.say("[rundev] App " + e.Name + " restarted\n")
			c.postExec()
		}
	}
	return f.run(true)
}

// devSpecs are the apps of the target, watched.
func (c *call) devSpecs(target string) (specs []app.Spec, file string, err error) {
	if c.isFile(target) {
		loaded, err := c.load(target)
		if err != nil {
			return nil, "", err
		}
		for _, failed := range loaded.Failed {
			c.out.fail("[PM2][ERROR] Error: " + failed.Error())
		}
		specs, file = loaded.Apps, loaded.File
		if len(specs) == 0 {
			return nil, "", errReported
		}
	} else {
		spec, problems, err := config.FromArgs(c.configContext(), target, c.appFlags(), append(c.args[1:], c.rest...))
		c.problems(problems)
		if err != nil {
			return nil, "", c.configError(err)
		}
		specs = []app.Spec{spec}
	}
	yes := true
	for i := range specs {
		s := &specs[i]
		if len(s.Watch) == 0 || string(s.Watch) == "false" {
			s.Watch = json.RawMessage("true")
		}
		if c.given("ignore") {
			s.IgnoreWatch = append(s.IgnoreWatch, strings.FieldsFunc(c.str("ignore"), func(r rune) bool { return r == ',' })...)
			s.IgnoreWatch = append(s.IgnoreWatch, "node_modules")
		}
		s.AutoRestart, s.RestartDelay = &yes, app.Duration(devDelay)
	}
	return specs, file, nil
}

func (c *call) devHeader(specs []app.Spec) {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	ignored := "node_modules"
	if c.given("ignore") {
		ignored = c.str("ignore") + "," + ignored
	}
	if line := c.str("post-exec"); line != "" {
		ignored += "\nPost restart cmd     : " + line
	}
	c.out.say("--- PM2 development mode " + strings.Repeat("-", 54) + "\n" +
		"Apps started         : " + strings.Join(names, ", ") + "\n" +
		"Processes started    : " + plural(specs) + "\n" +
		"Watch and Restart    : Enabled\n" +
		"Ignored folder       : " + ignored + "\n" + strings.Repeat("=", 79) + "\n")
}

func plural(specs []app.Spec) string {
	n := 0
	for i := range specs {
		n += max(1, specs[i].Instances)
	}
	return strconv.Itoa(n)
}

// postExec runs what --post-exec says, once an app has started again.
func (c *call) postExec() {
	line := c.str("post-exec")
	if line == "" {
		return
	}
	cmd := exec.CommandContext(c.ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = c.env.Cwd, c.env.Environ
	if !c.bool("silent-exec") {
		cmd.Stdout, cmd.Stderr = c.env.Stdout, c.env.Stderr
	}
	if err := cmd.Run(); err != nil && c.ctx.Err() == nil {
		c.out.note("[rundev] %s: %v", line, err)
	}
}
