package config

import (
	"path/filepath"
	"strings"

	"weaver/app"
	"weaver/config/logname"
)

// discard is where a stream goes that is not stored.
const discard = "/dev/null"

// logFiles gives the app its log and pid files: those that were asked for, made absolute, else PM2's names.
func (c Context) logFiles(s *app.Spec, v values) {
	base := logname.Base(s.Name)
	file := func(key, standard string) string {
		switch path, _ := v[key].(string); path {
		case "":
			return standard
		case "NULL", discard:
			return discard
		default:
			return c.abs(s.Cwd, c.tilde(path))
		}
	}
	logs := c.logs()
	s.OutFile = file("out_file", filepath.Join(logs, base+"-out.log"))
	s.ErrorFile = file("error_file", filepath.Join(logs, base+"-error.log"))
	s.PIDFile = file("pid_file", filepath.Join(c.moved("PM2_DEFAULT_PID_PATH", c.Home.PIDs()), base+".pid"))
	s.LogFile = c.combined(s, v)
}

func (c Context) logs() string { return c.moved("PM2_DEFAULT_LOG_PATH", c.Home.Logs()) }

// moved is a directory of PM2's home, which a variable may name another for.
func (c Context) moved(variable, standard string) string {
	if dir, _ := c.Env.Get(variable); dir != "" && c.Home.PM2 {
		return c.abs(c.Cwd, dir)
	}
	return standard
}

// combined is the file of both streams: none, the standard one for true, or the one named.
func (c Context) combined(s *app.Spec, v values) string {
	switch path := v["log_file"].(type) {
	case bool:
		if path {
			return filepath.Join(c.logs(), logname.Base(s.Name)+".log")
		}
	case string:
		switch path {
		case "":
		case "NULL", discard:
			return discard
		default:
			return c.abs(s.Cwd, c.tilde(path))
		}
	}
	return ""
}

// tilde replaces a leading "~" by the caller's home. Only log and pid files know it, as with PM2.
func (c Context) tilde(path string) string {
	if home, _ := c.Env.Get("HOME"); home != "" && (path == "~" || strings.HasPrefix(path, "~/")) {
		return home + path[1:]
	}
	return path
}
