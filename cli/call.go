package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v2"

	"weaver/api"
	"weaver/config/home"
)

// call is one command line being carried out.
type call struct {
	ctx    context.Context
	env    *Env
	out    *output
	cmd    *command
	flags  *ucli.Context
	args   []string
	rest   []string
	line   string    // as it was typed, for whoever waits for our locks
	typed  []string  // its words, without what the program was called by
	home   home.Home // found by findHome
	client *api.Client
	// sum is of the config file of a service, before it was read.
	sum string
	// skewTold: that the supervisor is of another version.
	skewTold *atomic.Bool
	// besidePM2 is for commands that have business in a home where a real PM2 runs.
	besidePM2 bool
	// quiet is for commands whose standard output and error are those of apps: it says nothing of the supervisor's start.
	quiet bool
	// changed are files that were changed without the supervisor, or were to be: settings, modules, init systems.
	changed []string
	// stuck is set off if this takes long.
	stuck *time.Timer
}

// errReported says that what went wrong has been told already.
var errReported = errors.New("reported")

// failure is an error in PM2's words or with a hint.
type failure struct {
	text string // the whole line, prefix included
	hint string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// pm2Error is an error that PM2 has words for, which scripts look for.
func pm2Error(hint, format string, args ...any) error {
	return &failure{text: "[PM2][ERROR] " + fmt.Sprintf(format, args...), hint: hint}
}

// cannot is an error of weaver's own: what could not be done, why, and what to try.
func (c *call) cannot(hint, doing string, err error) error {
	return &failure{text: fmt.Sprintf("%s: cannot %s: %v", program(c.env), doing, err), hint: hint, err: err}
}

func (c *call) bool(name string) bool     { return c.flags.Bool(name) }
func (c *call) str(name string) string    { return c.flags.String(name) }
func (c *call) list(name string) []string { return c.flags.StringSlice(name) }
func (c *call) given(name string) bool    { return c.flags.IsSet(name) }

// findHome settles which supervisor is meant.
func (c *call) findHome() error {
	if c.home.Dir != "" {
		return nil
	}
	h, err := home.Find(home.PersonaOf(c.env.Argv0), c.env.Getenv)
	var two *home.TwoError
	if errors.As(err, &two) {
		return c.cannot(two.Hint(), "tell which home is meant", err)
	}
	if err != nil {
		return err
	}
	if n := len(h.Socket()); n > maxSocketPath {
		return c.cannot("set a home with a shorter path", "use the home "+h.Dir,
			fmt.Errorf("the path of its socket has %d bytes, and %d is the most that the system takes", n, maxSocketPath))
	}
	if info, err := os.Stat(h.Dir); err == nil && !info.IsDir() {
		return c.cannot("set a home that is a directory, or does not exist yet", "use the home "+h.Dir, syscall.ENOTDIR)
	}
	if !c.besidePM2 && livesPM2(h) {
		return c.cannot("weaver migrate takes its processes over; nothing was changed", "use the home "+h.Dir,
			errors.New("a PM2 runs in it"))
	}
	c.home, c.client.Socket = h, h.Socket()
	c.watchAnchor()
	return nil
}

// livesPM2 reports that it is a PM2 that answers on PM2's socket in this home, and no supervisor of weaver's.
func livesPM2(h home.Home) bool {
	if _, err := os.Lstat(h.PM2Socket()); err != nil {
		return false
	}
	return !home.Answers(h.Socket()) && home.Answers(h.PM2Socket())
}
