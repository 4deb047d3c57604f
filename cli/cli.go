package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	ucli "github.com/urfave/cli/v2"

	"weaver/api"
	"weaver/cli/hot"
	"weaver/config/home"
)

// Env is what a command line runs in.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string
	Cwd            string
	Argv0          string // what weaver was called by: decides between weaver's home and PM2's
	Version        string
	SelfPath       string // the executable of the supervisor (weaverd), for starting it
	// IsTerminal reports whether w is a terminal, and how many columns it has.
	IsTerminal func(w any) (cols int, ok bool)
	// Supervise runs the supervisor in this process; it is what the anchor calls weaverd for.
	Supervise func(ctx context.Context, args []string) int
	// Living counts the processes of a home's services that run, for a home without a supervisor.
	Living func(home.Home) (int, error)
	// PID is the process that the command line came from, for whoever waits for its locks; 0 is this one.
	PID int
	// Dial is how the supervisor is reached from within itself, and Op how the operation is called: see Lend.
	Dial func(context.Context) (net.Conn, error)
	Op   string
	// Same reports that a path leads to the same file here as for who is lent a front end: see Lend.
	Same func(path string) bool
}

// Getenv returns the last value of a variable, as execve(2) receivers commonly see it.
func (e *Env) Getenv(name string) string {
	for i := len(e.Environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(e.Environ[i], name); ok && len(v) > 0 && v[0] == '=' {
			return v[1:]
		}
	}
	return ""
}

// takeVariable takes a variable that is not for others out of an environment.
func takeVariable(environ []string, name string) (rest []string, value string) {
	is := func(kv string) bool { return strings.HasPrefix(kv, name+"=") }
	if at := slices.IndexFunc(environ, is); at >= 0 {
		return slices.DeleteFunc(slices.Clone(environ), is), environ[at][len(name)+1:]
	}
	return environ, ""
}

// Run runs the command line args, which do not contain argv[0], and returns the exit code.
func Run(ctx context.Context, env Env, args []string) int {
	sibling := home.CommandOf(env.Argv0)
	if sibling != "" {
		args = siblingArgs(&env, sibling, args)
	}
	c := newCall(ctx, &env, args)
	defer c.client.Close()
	defer c.unwatch()
	c.client.Revive = c.ensureDaemon
	c.client.Version = c.skew
	if len(args) > 0 && args[0] == "supervise" { // what follows is not for this grammar
		return env.Supervise(ctx, args[1:])
	}
	table := commands()
	if sibling != "" {
		find(table, sibling).tolerant = true // as PM2's are: images of containers hold flags of years ago
	}
	l, err := parse(table, args, c.onlyTarget)
	said := args
	if err == nil && l.argv != nil {
		said = l.argv // flags by their first names
	}
	c.out = newOutput(&env, hasWord(said, "--no-color"), hasWord(said, "--silent", "-s"))
	switch {
	case err != nil:
		return c.fail(err)
	case l.help:
		c.out.data(helpText(&env, table, l.cmd))
		return 0
	case l.version:
		c.out.data(c.version() + "\n")
		return 0
	case l.cmd == nil && l.word != "":
		return c.unknownCommand(table, l.word)
	case l.cmd == nil:
		c.out.data(usageText(&env))
		return 1
	}
	return c.carryOut(l)
}

// newCall prepares for a command line. What the thin front end has asked for already is asked for again by the same name.
func newCall(ctx context.Context, env *Env, args []string) *call {
	environ, op := takeVariable(env.Environ, hot.OpEnv)
	if env.Environ = environ; env.Op != "" {
		op = env.Op
	}
	return &call{
		ctx: ctx, env: env, client: &api.Client{Op: op, Dial: env.Dial}, skewTold: new(atomic.Bool),
		line: strings.Join(append([]string{program(env)}, args...), " "), typed: args,
	}
}

// carryOut runs the command of a line.
func (c *call) carryOut(l line) int {
	c.cmd, c.args, c.rest = l.cmd, l.args, l.rest
	for _, word := range l.unknown {
		c.out.note("warning: unknown option %s is not used", word)
	}
	c.out.json = hasWord(l.argv, "--json")
	c.out.mute = c.out.silent && !c.out.json && c.cmd.talk
	began := time.Now()
	err := c.dispatch(l)
	c.noteChange(began, err)
	if err != nil {
		return c.fail(err)
	}
	return 0
}

// pid is the process whose command line this is.
func (e *Env) pid() int {
	if e.PID != 0 {
		return e.PID
	}
	return os.Getpid()
}

// dispatch lets urfave parse the flags of the one command, and runs it.
func (c *call) dispatch(l line) error {
	name := program(c.env)
	command := &ucli.Command{
		Name: l.cmd.name, Flags: urfaveFlags(l.cmd, l.argv), HideHelp: true,
		OnUsageError: func(_ *ucli.Context, err error, _ bool) error { return &usageError{message: err.Error()} },
		Action: func(u *ucli.Context) error {
			c.flags = u
			return l.cmd.run(c)
		},
	}
	a := &ucli.App{
		Name: name, Version: c.env.Version, Commands: []*ucli.Command{command},
		HideHelp: true, HideVersion: true, DisableSliceFlagSeparator: true,
		Reader: c.env.Stdin, Writer: c.env.Stdout, ErrWriter: c.env.Stderr,
		ExitErrHandler: func(*ucli.Context, error) {},
	}
	return a.RunContext(c.ctx, append([]string{name, l.cmd.name}, l.argv...))
}

// urfaveFlags are the flags of a command that are on the line, as urfave wants them: the grammar has refused those that
// do not exist, and urfave takes a millisecond for the seventy that are not there. A flag that a command has of its own
// hides another of the same name.
func urfaveFlags(c *command, argv []string) []ucli.Flag {
	given := make(map[string]bool, len(argv))
	for _, word := range argv {
		if dashed := strings.TrimLeft(word, "-"); dashed != word {
			name, _, _ := strings.Cut(dashed, "=")
			given[name] = true
		}
	}
	var out []ucli.Flag
	for _, set := range [][]flag{c.flags, commonFlags, specFlags} {
		for i := range set {
			f := &set[i]
			if !given[f.name] || c.flag(f.name) != f {
				continue
			}
			switch f.arity {
			case none:
				out = append(out, &ucli.BoolFlag{Name: f.name})
			case one:
				if f.repeats {
					out = append(out, &ucli.StringSliceFlag{Name: f.name})
					continue
				}
				out = append(out, &ucli.StringFlag{Name: f.name})
			case maybe, many:
				out = append(out, &ucli.StringSliceFlag{Name: f.name})
			}
		}
	}
	return out
}

// version is weaver's own, or, called by PM2's name, that of the PM2 that it stands in for.
func (c *call) version() string {
	if home.PersonaOf(c.env.Argv0) == home.PM2 {
		return home.PM2Version
	}
	return c.env.Version
}

// program is the name by which people call this, for messages.
func program(env *Env) string { return string(home.PersonaOf(env.Argv0)) }

// onlyTarget says when `start --watch WORD` means a target: the word is no directory, and it is a file or there is no
// ecosystem.config.js that could be meant instead.
func (c *call) onlyTarget(word string) bool {
	info, err := os.Stat(c.abs(word))
	if err == nil {
		return !info.IsDir()
	}
	_, err = os.Stat(c.abs("ecosystem.config.js"))
	return err != nil
}

// abs makes a path absolute as seen from the caller.
func (c *call) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.env.Cwd, path)
}

func (c *call) unknownCommand(table []command, word string) int {
	c.out.say("[PM2][ERROR] Command not found\n\n" + usageText(c.env))
	var names []string
	for i := range table {
		if !table[i].hidden {
			names = append(append(names, table[i].name), strings.Fields(table[i].alias)...)
		}
	}
	if near := nearest(word, names); near != "" {
		c.out.note("hint: did you mean %s?", near)
	}
	return 1
}

// fail tells a person about an error, once, and returns the exit code.
func (c *call) fail(err error) int {
	var (
		usage  *usageError
		answer *api.Error
		own    *failure
		code   exitCode
	)
	switch {
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, errReported):
	case errors.Is(err, context.Canceled) && c.ctx.Err() != nil:
		return 130
	case errors.As(err, &usage):
		text := "error: " + usage.message
		if home.PersonaOf(c.env.Argv0) == home.PM2 {
			text = "\n  " + text + "\n" // as its parser lays it out
		}
		c.out.fail(text)
		hint := usage.hint
		if rest, ok := strings.CutPrefix(hint, "weaver "); ok {
			hint = program(c.env) + " " + rest
		}
		c.out.hint(hint)
	case errors.As(err, &own):
		c.out.fail(own.Error())
		c.out.hint(own.hint)
	case errors.As(err, &answer):
		c.out.fail(fmt.Sprintf("%s: %s", program(c.env), err))
		c.out.hint(answer.Hint)
	default:
		c.out.fail(fmt.Sprintf("%s: %s", program(c.env), err))
	}
	return 1
}

func hasWord(args []string, words ...string) bool {
	for _, a := range args {
		if a == "--" {
			return false
		}
		for _, w := range words {
			if a == w {
				return true
			}
		}
	}
	return false
}
