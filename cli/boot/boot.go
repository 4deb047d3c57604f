// Package boot makes what an init system needs to start a supervisor at boot.
//
// It is pure up to Run: an Installation is text and commands, which tests compare and people can read before anything
// happens.
package boot

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Unit is what is to be started at boot.
type Unit struct {
	Program string // the name in words: weaver or pm2
	Weaver  string // absolute path of the executable that people call
	Name    string // of the service; "" is Program-User
	User    string
	UserDir string // the user's home directory
	Home    string // of the supervisor
	PM2     bool   // Home is meant by PM2_HOME
	Path    string // $PATH for the supervisor
	WaitIP  bool   // only once the network is up
}

func (u Unit) name() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Program + "-" + u.User
}

// variable is the variable that names the home.
func (u Unit) variable() string {
	if u.PM2 {
		return "PM2_HOME"
	}
	return "WEAVER_HOME"
}

// Installation is how one init system is told.
type Installation struct {
	System string // its name
	Files  []File
	Dir    string // made for the files alone, and taken away with them; "" if they lie among others
	// Enable and Disable are commands, words as for exec. Of Disable all are run, whatever becomes of those before.
	Enable, Disable [][]string
	// Verify are commands that must succeed once everything is in place.
	Verify [][]string
}

// File is one to be written.
type File struct {
	Path       string
	Text       string
	Executable bool
}

// system is one init system.
type system struct {
	names  string // what it is called by, blank separated, its own name first
	probe  string // the program that tells it is there
	layout func(Unit) Installation
}

// systems are the init systems, in the order in which they are looked for: PM2's, then those that it does not know.
var systems = []system{
	{"systemd ubuntu centos centos6_7 arch oracle ubuntu16 ubuntu18", "systemctl", systemd},
	{"upstart ubuntu14 ubuntu12", "update-rc.d", debianRC},
	{"systemv amazon centos6", "chkconfig", redhatRC},
	{"openrc", "rc-update", openrc},
	{"launchd darwin macos", "launchctl", launchd},
	{"rcd freebsd", "sysrc", freebsd},
	{"rcd-openbsd openbsd", "rcctl", openbsd},
	{"runit", "runsvdir", runit},
	{"s6", "s6-svscan", s6},
	{"systemd-user", "", systemdUser},
}

// Detect finds the init system. has reports that a program is in PATH.
func Detect(has func(program string) bool) (name string, ok bool) {
	for _, s := range systems {
		if s.probe != "" && has(s.probe) {
			return strings.Fields(s.names)[0], true
		}
	}
	return "", false
}

// Names are the names that Plan knows, without their synonyms.
func Names() []string {
	out := make([]string, len(systems))
	for i, s := range systems {
		out[i] = strings.Fields(s.names)[0]
	}
	return out
}

// Plan lays out what platform needs.
func Plan(platform string, u Unit) (Installation, error) {
	for _, s := range systems {
		for _, name := range strings.Fields(s.names) {
			if name == platform {
				for what, text := range map[string]string{"user": u.User, "home": u.Home, "path of weaver": u.Weaver, "PATH": u.Path, "service name": u.name()} {
					if strings.ContainsAny(text, "\n\r\"'\\$`%<>&") || text == "" {
						return Installation{}, fmt.Errorf("the %s %q cannot stand in a service file", what, text)
					}
				}
				in := s.layout(u)
				in.System = strings.Fields(s.names)[0]
				return in, nil
			}
		}
	}
	return Installation{}, fmt.Errorf("unknown platform %q: there are %s", platform, strings.Join(Names(), ", "))
}

func fill(u Unit, text string) string {
	dir, _ := filepath.Split(u.Weaver)
	return strings.NewReplacer(
		"{program}", u.Program, "{weaver}", u.Weaver, "{name}", u.name(), "{user}", u.User, "{userdir}", u.UserDir,
		"{home}", u.Home, "{variable}", u.variable(), "{path}", u.Path, "{dir}", strings.TrimSuffix(dir, "/"),
	).Replace(text)
}

func words(u Unit, lines ...string) [][]string {
	out := make([][]string, len(lines))
	for i, l := range lines {
		out[i] = strings.Fields(fill(u, l))
	}
	return out
}
