package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"weaver/app"
	"weaver/pm2"
)

// output writes to people and to programs.
type output struct {
	stdout, stderr  io.Writer
	color, colorErr bool
	cols            int // of the terminal on stdout; 0 is no terminal
	silent          bool
	mute            bool // nor is there any data
	json            bool // what is said goes into one object at the end, so none of it goes to stdout
	done            []jsonResult
	failed          []jsonFailure
	warned          []string
	renewed         int // processes that were there and were started again
	// quiet are the targets of which PM2 does not say that they are worked on: those that a file stands for.
	quiet map[string]bool
	// fresh are the apps of a file that are new, until that has been said; nil where there is no file.
	fresh []string
}

func newOutput(env *Env, noColor, silent bool) *output {
	o := &output{stdout: env.Stdout, stderr: env.Stderr, silent: silent || env.Getenv("PM2_SILENT") != ""}
	cols, tty := env.IsTerminal(env.Stdout)
	_, errTTY := env.IsTerminal(env.Stderr)
	if tty {
		o.cols = cols
		if n, err := strconv.Atoi(env.Getenv("COLUMNS")); err == nil && n > 0 {
			o.cols = n
		}
		if o.cols <= 0 {
			o.cols = 80 // one that does not know its own size, such as a serial line
		}
	}
	o.color = wantColor(env, tty, noColor)
	o.colorErr = wantColor(env, errTTY, noColor)
	return o
}

// wantColor follows no-color.org and bixense.com/clicolors: a word of the user's beats what is guessed.
func wantColor(env *Env, tty, noColor bool) bool {
	force := env.Getenv("FORCE_COLOR")
	switch {
	case noColor, env.Getenv("NO_COLOR") != "", force == "0", force == "false":
		return false
	case force != "":
		return true
	}
	if v := env.Getenv("CLICOLOR_FORCE"); v != "" && v != "0" {
		return true
	}
	return tty && env.Getenv("TERM") != "dumb" && env.Getenv("CLICOLOR") != "0"
}

// data writes what was asked for to stdout, whatever else is silenced.
func (o *output) data(s string) { o.bytes([]byte(s)) }

// bytes is data for rendered bytes.
func (o *output) bytes(b []byte) {
	if !o.mute {
		o.stdout.Write(b)
	}
}

// say writes PM2's talk to stdout, where scripts look for it.
func (o *output) say(s string) {
	if !o.silent && !o.json {
		io.WriteString(o.stdout, s)
	}
}

// talk writes a line of PM2's talk, after its prefix.
func (o *output) talk(format string, args ...any) {
	line := "[PM2] "
	if o.color {
		line = "\x1b[32m[PM2]\x1b[39m "
	}
	o.say(line + fmt.Sprintf(format, args...) + "\n")
}

// warn writes a line of PM2's warnings, which it prints on stdout.
func (o *output) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	o.warned = append(o.warned, text)
	line := "[PM2][WARN] "
	if o.color {
		line = "\x1b[33m[PM2][WARN]\x1b[39m "
	}
	o.say(line + text + "\n")
}

// tellFresh says which apps of a file do not run yet, once: the supervisor does not know of those that cannot be started.
func (o *output) tellFresh() {
	if len(o.fresh) > 0 {
		o.warn("Applications %s not running, starting...", strings.Join(o.fresh, ", "))
	}
	o.fresh = []string{}
}

// note writes a line of weaver's own talk to stderr.
func (o *output) note(format string, args ...any) {
	if !o.silent {
		fmt.Fprintf(o.stderr, format+"\n", args...)
	}
}

// fail writes an error to stderr.
func (o *output) fail(text string) {
	if !o.silent {
		io.WriteString(o.stderr, text+"\n")
	}
}

func (o *output) hint(text string) {
	if text != "" {
		o.note("hint: %s", text)
	}
}

// value prints v as one line of JSON.
func (o *output) value(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("internal: encode the result: %w", err)
	}
	o.bytes(append(data, '\n'))
	return nil
}

// progress prints one step of an operation, each part on its stream, and keeps it for --json.
func (o *output) progress(p app.Progress) {
	if p.Step == app.StepOK {
		o.renewed++
	}
	switch p.Step {
	case app.StepOK, app.StepLaunched:
		o.done = append(o.done, jsonResult{ID: p.ID, Name: p.Name, Count: p.Count})
	case app.StepFailed:
		o.failed = append(o.failed, jsonFailure{Target: p.Target, ID: p.ID, Name: p.Name, Kind: p.Kind, Message: p.Message, Hint: p.Hint})
	case app.StepWarn:
		o.warned = append(o.warned, p.Message)
	}
	switch {
	case o.silent:
		return
	case p.Step == app.StepApplying && o.quiet[p.Target]:
		return
	case p.Step == app.StepWarn && o.fresh != nil && strings.HasPrefix(p.Message, "Applications "):
		o.tellFresh()
		return
	}
	out, errOut := pm2.AppendProgress(nil, nil, p, pm2.ProgressOptions{Color: o.color})
	if o.color != o.colorErr {
		_, errOut = pm2.AppendProgress(nil, nil, p, pm2.ProgressOptions{Color: o.colorErr})
	}
	if !o.json {
		o.stdout.Write(out)
	}
	o.stderr.Write(errOut)
}
