package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/config"
)

func runtimeFlags() []flag {
	return []flag{
		{name: "raw", help: "the apps' output as it is (the default)"},
		{name: "json", help: "one JSON object a line"},
		{name: "format", help: "timestamp=… app=… id=… type=… message=…"},
		{name: "formatted", help: "ID|NAME | line"},
		{name: "no-auto-exit", help: "stay when no app runs any more"},
		{name: "auto-exit", help: "undo --no-auto-exit"},
		{name: "delay", arity: one, meta: "SECONDS", help: "wait before starting"},
		{name: "web", arity: maybe, fits: isNumber, meta: "PORT", help: "show the processes as JSON over HTTP (9615)"},
		{name: "secret", arity: maybe, help: "accepted for PM2"},
		{name: "public", arity: maybe, help: "accepted for PM2"},
		{name: "machine-name", arity: maybe, help: "accepted for PM2"},
	}
}

// runRuntime is the main process of a container, or of a terminal: it keeps apps running, shows what they print, passes
// signals on, and ends with the code of the last one that ended.
func runRuntime(c *call) error {
	if len(c.args) == 0 {
		return &usageError{"missing required argument `FILE'", program(c.env) + " runtime app.js"}
	}
	if c.args[0] == "start" && len(c.args) > 1 { // the word that pm2-runtime has here, unless it is a file
		if _, err := os.Stat(filepath.Join(c.env.Cwd, "start")); err != nil {
			c.args = c.args[1:]
		}
	}
	if err := c.findHome(); err != nil {
		return err
	}
	c.out.json, c.quiet = true, true // standard output is the apps'
	if err := c.delay(); err != nil {
		return err
	}
	f := &foreground{c: c, autoExit: !c.bool("no-auto-exit")}
	form := rawLines
	switch {
	case c.bool("json"):
		form = jsonLines
	case c.bool("format"):
		form = keyValues
	case c.bool("formatted"):
		form = labelled
	}
	f.view = &logView{c: c, form: form, begun: time.Now()}
	f.telling = form == rawLines || form == labelled
	target := c.args[0]
	if c.isFile(target) {
		loaded, err := c.load(target)
		if err != nil {
			return c.runtimeFailed(err)
		}
		f.names = loaded.Names()
		f.start = func(*foreground) error { return c.startLoaded(loaded) }
	} else {
		spec, err := c.runtimeSpec(target)
		if err != nil {
			return c.runtimeFailed(err)
		}
		if form == rawLines && !isNull(spec.OutFile) && !isNull(spec.ErrorFile) {
			f.files = []tail{{spec.OutFile, c.env.Stdout}, {spec.ErrorFile, c.env.Stderr}}
		}
		f.names = []string{spec.Name}
		f.start = func(*foreground) error {
			return c.startSpecs(api.StartRequest{Specs: []app.Spec{spec}, IfExists: app.Restart})
		}
	}
	stop, err := c.webMonitor()
	if err != nil {
		return err
	}
	defer stop()
	return f.run(true)
}

// runtimeFailed is what becomes of an error in what is to be started: an end that says so, but with WEAVER_STRICT_PM2=1, as PM2
// ends.
func (c *call) runtimeFailed(err error) error {
	if c.env.Getenv("WEAVER_STRICT_PM2") != "1" {
		return err
	}
	c.fail(err)
	return nil
}

// runtimeSpec is the app of a script. Its lines pass through files on the way here: few, and only as many as it takes to
// bridge a time in which nobody reads our output.
func (c *call) runtimeSpec(target string) (app.Spec, error) {
	spec, problems, err := config.FromArgs(c.configContext(), target, c.appFlags(), append(c.args[1:], c.rest...))
	c.problems(problems)
	if err != nil {
		return spec, c.configError(err)
	}
	spec.MergeLogs = true
	if spec.MaxLogFiles == 0 {
		spec.MaxLogFiles = bridgeFiles
	}
	return spec, nil
}

// bridgeFiles is how many full log files of an app wait to be printed.
const bridgeFiles = 4

// isNull is a log that stores nothing.
func isNull(path string) bool { return path == "/dev/null" || path == "NULL" }

// startLoaded starts the apps of a config file, for a command in the foreground.
func (c *call) startLoaded(loaded config.Loaded) error {
	for _, failed := range loaded.Failed {
		c.out.fail("[PM2][ERROR] Error: " + failed.Error())
	}
	if len(loaded.Apps) == 0 {
		return errReported
	}
	return c.startSpecs(api.StartRequest{Specs: loaded.Apps, File: loaded.File, IfExists: app.Restart})
}

// delay waits as --delay says.
func (c *call) delay() error {
	if !c.given("delay") {
		return nil
	}
	seconds, err := strconv.ParseFloat(c.str("delay"), 64)
	if err != nil || seconds < 0 || seconds > 1e6 {
		return &usageError{message: fmt.Sprintf("option `--delay' needs seconds, not %q", c.str("delay"))}
	}
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}
