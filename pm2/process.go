package pm2

import (
	"path/filepath"
	"time"

	"weaver/app"
)

const notAvailable = "N/A"

func specOf(p *app.Process) *app.Spec {
	if p.Spec == nil {
		return &app.Spec{}
	}
	return p.Spec
}

// versionOf is the app's own version.
func versionOf(p *app.Process) string {
	switch {
	case p.Version != "":
		return p.Version
	case p.Spec != nil && p.Spec.Version != "":
		return p.Spec.Version
	}
	return notAvailable
}

func userOf(p *app.Process) string {
	switch {
	case p.User != "":
		return p.User
	case p.Spec != nil && p.Spec.Username != "":
		return p.Spec.Username
	}
	return notAvailable
}

// appendUptimeOf writes how long a process has been online, and 0 for one that is not.
func appendUptimeOf(dst []byte, p *app.Process, now time.Time) []byte {
	if p.Status != app.Online {
		return append(dst, '0')
	}
	return appendUptime(dst, now.Sub(p.Started))
}

func namespace(p *app.Process, s *app.Spec) string {
	if p.Namespace != "" {
		return p.Namespace
	}
	return s.NamespaceOrDefault()
}

func mode(p *app.Process, s *app.Spec) app.Mode {
	switch {
	case p.Mode != "":
		return p.Mode
	case s.Mode != "":
		return s.Mode
	}
	return app.Fork
}

func instanceVar(s *app.Spec) string {
	if s.InstanceVar == "" {
		return "NODE_APP_INSTANCE"
	}
	return s.InstanceVar
}

func username(p *app.Process, s *app.Spec) string {
	if s.Username != "" {
		return s.Username
	}
	return p.User
}

// interpreterGiven guesses whether somebody chose the interpreter, which decides where PM2 has it in the record.
func interpreterGiven(s *app.Spec) bool {
	ext := filepath.Ext(s.Script)
	switch s.Interpreter {
	case "", "none":
		return false
	case "node":
		return ext == ".sh" || ext == ".py" || ext == ".rb" || ext == ".pl" || ext == ".php"
	case "bash":
		return ext != ".sh"
	case "python", "python3":
		return ext != ".py"
	case "ruby":
		return ext != ".rb"
	case "perl":
		return ext != ".pl"
	case "php":
		return ext != ".php"
	}
	return true
}

// instancePath is the file of one instance: as the process has it, or made from the app's.
func instancePath(path, template string, p *app.Process, s *app.Spec) string {
	if path != "" || template == "" || s.MergeLogs {
		if path == "" {
			return template
		}
		return path
	}
	return app.WithID(template, p.ID)
}
