package port

import (
	"path/filepath"
	"strconv"
	"strings"
)

// apply sets what a key of a program comes to.
func (p *program) apply(s *service, k *setting) error {
	value, err := p.expand(k)
	if err != nil {
		return err
	}
	whole := func(key string, scale, least int) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 1_000_000 {
			return p.fail(k, "%q is no number", clip(value))
		}
		if n*scale < least {
			p.note(k, "%d becomes %d ms, weaver's least", n, least)
		}
		s.set(key, max(n*scale, least))
		return nil
	}
	switch k.key {
	case "command", "process_name", "numprocs", "numprocs_start", "autorestart", "exitcodes", "killasgroup":
	case "directory":
		if !filepath.IsAbs(value) {
			p.note(k, "is taken from the directory of the file")
			value = filepath.Join(k.file.dir(), value)
		}
		s.set("cwd", value)
	case "environment":
		return p.environment(s, k, value)
	case "user":
		s.fill("uid", value)
	case "autostart":
		yes, ok := boolean(value)
		if !ok {
			return p.fail(k, "%q is not true or false", clip(value))
		}
		if !yes {
			s.set("autostart", false)
		}
	case "startsecs":
		return whole("min_uptime", 1000, 100)
	case "startretries":
		return whole("max_restarts", 1, 0)
	case "stopwaitsecs":
		return whole("kill_timeout", 1000, 0)
	case "stopsignal":
		return p.signal(s, k, value)
	case "priority":
		n, err := strconv.Atoi(value)
		if err != nil {
			return p.fail(k, "%q is no number", clip(value))
		}
		s.order = n
		p.note(k, "apps are written in this order; what must wait for another needs depends_on")
	case "umask":
		return p.umask(s, k, value)
	case "stopasgroup":
		if yes, ok := boolean(value); ok && !yes {
			s.set("treekill", false)
		}
	default:
		return p.log(s, k, value)
	}
	return nil
}

func (p *program) umask(s *service, k *setting, value string) error {
	if n, err := strconv.ParseUint(value, 8, 16); err != nil || n > 0o777 {
		return p.fail(k, "%q are no octal digits", clip(value))
	}
	s.set("umask", value)
	return nil
}

func (p *program) signal(s *service, k *setting, value string) error {
	name, ok := signalName(value)
	if !ok {
		return p.fail(k, "unknown signal %q", clip(value))
	}
	s.set("kill_signal", name)
	return nil
}

// log sets what a key says of the program's output. Any other key has no counterpart.
func (p *program) log(s *service, k *setting, value string) error {
	to := "out_file"
	if strings.HasPrefix(k.key, "stderr_") {
		to = "error_file"
	}
	switch k.key {
	case "stdout_logfile", "stderr_logfile":
		p.logFile(s, k, to, value)
	case "redirect_stderr":
		if yes, _ := boolean(value); !yes {
			return nil
		}
		if k, ok := p.get("stdout_logfile"); ok {
			out, err := p.expand(k)
			if err != nil {
				return err
			}
			p.logFile(s, k, "error_file", out)
			return nil
		}
		p.note(k, "weaver keeps standard error in a file of its own; weaver logs shows both")
	case "stdout_logfile_maxbytes", "stderr_logfile_maxbytes":
		size := strings.TrimSuffix(strings.ToUpper(value), "B")
		digits := strings.TrimRight(size, "KMG")
		n, err := strconv.ParseInt(digits, 10, 64)
		switch {
		case err != nil || n < 0 || len(size)-len(digits) > 1:
			return p.fail(k, "%q is no size", clip(value))
		case n == 0:
			p.note(k, "0: weaver's rotation is that of its settings")
		default:
			s.set("max_log_size", size)
		}
	case "stdout_logfile_backups", "stderr_logfile_backups":
		n, err := strconv.Atoi(value)
		switch {
		case err != nil || n < 0 || n > 1_000_000:
			return p.fail(k, "%q is no number", clip(value))
		case n == 0:
			p.note(k, "0: weaver keeps rotated files as its settings say")
		default:
			s.set("max_log_files", n)
		}
	default:
		p.note(k, "has no counterpart")
	}
	return nil
}

func (p *program) logFile(s *service, k *setting, key, value string) {
	switch lower := strings.ToLower(value); {
	case lower == "auto" || value == "":
	case lower == "none":
		s.set(key, "/dev/null")
	case lower == "syslog", strings.HasPrefix(value, "/dev/"):
		if value == "/dev/null" {
			s.set(key, value)
			return
		}
		p.note(k, "%s: weaver writes to its own file", clip(value))
	default:
		if !filepath.IsAbs(value) {
			value = filepath.Join(orElse(textOf(s.get("cwd")), k.file.dir()), value)
		}
		s.set(key, value)
		s.set("merge_logs", true) // by exactly this name
	}
}

func textOf(v any) string { s, _ := v.(string); return s }
