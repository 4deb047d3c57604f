// Package home knows where a supervisor keeps its files. It is linked into the thin front end, so it is small.
package home

import (
	"os"
	"path/filepath"
)

// Home is the directory of one supervisor. The zero value is unusable; use Find or At.
type Home struct {
	Dir string
	// PM2 says that the files that people and scripts look at have PM2's names: it is a home of PM2's, taken over.
	PM2 bool
}

// At is the home in dir, which is absolute. A directory with a module_conf.json, which every call of PM2 makes, is one of
// PM2's.
func At(dir string) Home {
	h := Home{Dir: dir, PM2: true}
	_, err := os.Lstat(h.ModuleConf())
	h.PM2 = err == nil
	return h
}

// Find returns the home for a persona: $WEAVER_HOME, or $PM2_HOME for pm2, else ~/.weaver or ~/.pm2. Without $WEAVER_HOME
// weaver also looks after a supervisor that runs in ~/.pm2, if none does in ~/.weaver. The result is absolute; nothing is
// created. It is an error if no home directory can be told, or if it could be both.
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
		if p == Weaver {
			return choose(Home{Dir: dir}, base+"/.pm2")
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, err
	}
	h := At(abs)
	if p == PM2 && !h.PM2 {
		_, old := os.Lstat(h.State())
		_, err := os.Lstat(h.Journal())
		h.PM2 = err != nil && old != nil // a new one; not one that weaver made under its own name
	}
	return h, nil
}

// choose decides between weaver's own home and PM2's: it is the one whose supervisor runs. The common case, no socket in
// PM2's, costs one look.
func choose(own Home, pm2 string) (Home, error) {
	own = At(own.Dir)
	other := At(pm2)
	if _, err := os.Lstat(other.Socket()); err != nil {
		return own, nil
	}
	_, err := os.Lstat(own.Socket())
	ownRuns, otherRuns := err == nil && Answers(own.Socket()), Answers(other.Socket())
	switch {
	case ownRuns && otherRuns:
		return Home{}, &TwoError{own.Dir, other.Dir}
	case otherRuns, !ownRuns && err != nil: // the latter died, with nobody asking it to: its services were there
		return other, nil
	}
	return own, nil
}

// Error says that no home can be told.
type Error struct{ Variable string }

func (e *Error) Error() string {
	return "find the home directory: neither $" + e.Variable + " nor $HOME is set"
}

// TwoError says that supervisors run in two homes, and either could be meant.
type TwoError struct{ Own, Other string }

func (e *TwoError) Error() string {
	return "a supervisor runs in " + e.Own + " and another in " + e.Other
}

// Hint says how to name one of them.
func (e *TwoError) Hint() string { return "set WEAVER_HOME to the one that is meant" }

// Shared reports that the home is another user's, and we are not root: its supervisor may let us in, its files do not.
func (h Home) Shared() bool { return os.Geteuid() > 0 && belongsToOther(h.Dir) }

// The files of a home.
func (h Home) Socket() string     { return h.Dir + "/weaver.sock" }      // the API
func (h Home) DaemonLock() string { return h.Dir + "/daemon.lock" }      // held by the anchor for life
func (h Home) SpawnLock() string  { return h.Dir + "/spawn.lock" }       // held by the CLI that starts a daemon
func (h Home) Locks() string      { return h.Dir + "/locks" }            // one file per app
func (h Home) Logs() string       { return h.Dir + "/logs" }             // out and error logs of services
func (h Home) PIDs() string       { return h.Dir + "/pids" }             // pid files of services
func (h Home) Modules() string    { return h.Dir + "/modules" }          // what `install` installed
func (h Home) AnchorLog() string  { return h.Dir + "/anchor.log" }       // what the anchor and a crash have to say
func (h Home) Dump() string       { return h.Dir + "/dump.pm2" }         // the saved list, readable by PM2
func (h Home) Journal() string    { return h.Dir + "/state" }            // the directory of what the next supervisor must know
func (h Home) State() string      { return h.Dir + "/state.json" }       // the list of processes, as the first weavers kept it
func (h Home) Audit() string      { return h.Dir + "/audit.log" }        // who asked for what, JSON lines
func (h Home) Events() string     { return h.Dir + "/state/events.log" } // what happened to processes, JSON lines
func (h Home) Settings() string   { return h.Dir + "/settings.json" }    // what `weaver set` wrote
func (h Home) Touch() string      { return h.Dir + "/touch" }            // tells PM2 that the home is no new one
func (h Home) PM2Socket() string  { return h.Dir + "/rpc.sock" }         // PM2's calls
func (h Home) PubSocket() string  { return h.Dir + "/pub.sock" }         // PM2's bus
func (h Home) Metrics() string    { return h.Dir + "/metrics" }          // histories of services

// DaemonLog is the daemon's own log, JSON lines.
func (h Home) DaemonLog() string {
	if h.PM2 {
		return h.Dir + "/pm2.log"
	}
	return h.Dir + "/weaver.log"
}

// ModuleConf has PM2's settings, and those of apps and modules.
func (h Home) ModuleConf() string {
	if h.PM2 {
		return h.Dir + "/module_conf.json"
	}
	return h.Dir + "/modules.json"
}

// PIDFile has the supervisor's pid, for people.
func (h Home) PIDFile() string {
	if h.PM2 {
		return h.Dir + "/pm2.pid"
	}
	return h.Dir + "/weaver.pid"
}
