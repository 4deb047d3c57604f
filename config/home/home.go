// Package home knows where a supervisor keeps its files. It is linked into the thin front end, so it is small.
package home

import (
	"os"
	"path/filepath"
	"strings"
)

// Persona is the name weaver was called by, which decides its home and its wording.
type Persona string

// The personas.
const (
	Weaver Persona = "weaver"
	PM2    Persona = "pm2"
)

// PersonaOf derives the persona from argv[0].
func PersonaOf(argv0 string) Persona {
	base := argv0[strings.LastIndexByte(argv0, '/')+1:]
	if base == "pm2" || strings.HasPrefix(base, "pm2-") || strings.HasPrefix(base, "pm2.") {
		return PM2
	}
	return Weaver
}

// Home is the directory of one supervisor. The zero value is unusable; use Find.
type Home struct{ Dir string }

// Find returns the home for a persona: $WEAVER_HOME, or $PM2_HOME for pm2, else ~/.weaver or ~/.pm2. The result is
// absolute; nothing is created. It is an error only if no home directory can be told.
func Find(p Persona, getenv func(string) string) (Home, error) {
	variable, name := "WEAVER_HOME", ".weaver"
	if p == PM2 {
		variable, name = "PM2_HOME", ".pm2"
	}
	dir := getenv(variable)
	if dir == "" {
		base := getenv("HOME")
		if base == "" {
			var err error
			if base, err = os.UserHomeDir(); err != nil {
				if os.Getuid() != 0 {
					return Home{}, &Error{variable}
				}
				base = "/root"
			}
		}
		dir = base + "/" + name
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, err
	}
	return Home{abs}, nil
}

// Error says that no home can be told.
type Error struct{ Variable string }

func (e *Error) Error() string {
	return "find the home directory: neither $" + e.Variable + " nor $HOME is set"
}

// The files of a home.
func (h Home) Socket() string     { return h.Dir + "/weaver.sock" }   // the API
func (h Home) DaemonLock() string { return h.Dir + "/daemon.lock" }   // held by the anchor for life
func (h Home) SpawnLock() string  { return h.Dir + "/spawn.lock" }    // held by the CLI that starts a daemon
func (h Home) Locks() string      { return h.Dir + "/locks" }         // one file per app
func (h Home) Logs() string       { return h.Dir + "/logs" }          // out and error logs of services
func (h Home) PIDs() string       { return h.Dir + "/pids" }          // pid files of services
func (h Home) DaemonLog() string  { return h.Dir + "/weaver.log" }    // the daemon's own log, JSON
func (h Home) AnchorLog() string  { return h.Dir + "/anchor.log" }    // what the anchor and a crash have to say
func (h Home) PIDFile() string    { return h.Dir + "/weaver.pid" }    // the supervisor's pid, for people
func (h Home) Dump() string       { return h.Dir + "/dump.pm2" }      // the saved list, readable by PM2
func (h Home) Journal() string    { return h.Dir + "/state" }         // the directory of what the next supervisor must know
func (h Home) State() string      { return h.Dir + "/state.json" }    // the list of processes, as the first weavers kept it
func (h Home) Audit() string      { return h.Dir + "/audit.log" }     // who asked for what, JSON lines
func (h Home) Settings() string   { return h.Dir + "/settings.json" } // what `weaver set` wrote
