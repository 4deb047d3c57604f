package port

import (
	"path/filepath"
	"strconv"
	"strings"
)

// service sets what a key of [Service] comes to.
func (u *unit) service(s *service, k *setting) error {
	value := u.specifiers(k, k.value)
	switch k.key {
	case "ExecStart", "Environment", "EnvironmentFile", "UnsetEnvironment", "Restart", "RestartPreventExitStatus", "SuccessExitStatus",
		"SyslogIdentifier":
	case "Type":
		u.kind(s, k, value)
	case "WorkingDirectory":
		path, _ := strings.CutPrefix(value, "-")
		if path == "~" {
			path, _ = u.specifier('h')
		}
		s.set("cwd", path)
	case "User":
		s.set("uid", value)
	case "Group":
		s.set("gid", value)
	case "UMask":
		if n, err := strconv.ParseUint(value, 8, 16); err != nil || n > 0o777 {
			return u.fail(k, "%q are no octal digits", clip(value))
		}
		s.set("umask", value)
	case "Nice":
		n, err := strconv.Atoi(value)
		if err != nil || n < -20 || n > 19 {
			return u.fail(k, "%q is not from -20 to 19", clip(value))
		}
		s.set("nice", n)
	case "KillSignal":
		name, ok := signalName(value)
		if !ok {
			u.note(k, "%s: weaver knows no such signal; it sends SIGTERM", clip(value))
			name = "SIGTERM"
		}
		s.set("kill_signal", name)
	case "KillMode":
		u.killMode(s, k, value)
	case "ExecReload":
		u.note(k, "weaver reload starts it anew; weaver sendSignal SIGHUP %s sends what a reload by signal needs", s.name)
	case "ExecStartPre", "ExecStartPost", "ExecCondition":
		u.note(k, "does not run: put %s into the command, or into an app of its own that depends_on waits for", clip(value))
	case "ExecStop", "ExecStopPost":
		u.note(k, "does not run: weaver ends programs by a signal")
	case "StandardOutput", "StandardError":
		u.output(s, k, value)
	default:
		return u.limit(s, k, value)
	}
	return nil
}

func (u *unit) kind(s *service, k *setting, value string) {
	switch value {
	case "simple", "exec":
	case "notify", "notify-reload":
		s.set("readiness", tree{{key: "type", val: "notify"}})
	case "forking":
		u.note(k, "forking: weaver watches the program that it starts: tell it to stay in the foreground")
	case "oneshot":
		s.set("autorestart", false)
		u.note(k, "oneshot: it is started once, and not waited for unless depends_on asks for completed")
	default:
		u.note(k, "%s: it counts as started as soon as it runs", clip(value))
	}
}

func (u *unit) killMode(s *service, k *setting, value string) {
	switch value {
	case "control-group":
	case "mixed":
		u.note(k, "mixed: weaver signals the whole tree")
	case "process":
		s.set("treekill", false)
	default:
		u.note(k, "%s: weaver ends what it has started", clip(value))
	}
}

func (u *unit) output(s *service, k *setting, value string) {
	key := "out_file"
	if k.key == "StandardError" {
		key = "error_file"
	}
	to := func(path string) {
		s.set(key, path)
		if e := u.last("StandardError"); key == "out_file" && (e == nil || e.value == "inherit") {
			s.set("error_file", path) // errors go where the rest goes, unless something else is said
		}
	}
	kind, path, _ := strings.Cut(value, ":")
	switch {
	case kind == "null":
		to("/dev/null")
	case (kind == "file" || kind == "append" || kind == "truncate") && filepath.IsAbs(path):
		if kind != "append" {
			u.note(k, "%s: weaver appends", clip(kind))
		}
		to(path)
		s.set("merge_logs", true) // by exactly this name
	case kind == "inherit" && u.last("StandardOutput") != nil:
	case kind == "journal" || kind == "inherit":
		u.note(k, "%s: weaver logs %s shows what weaver keeps", clip(kind), s.name)
	default:
		u.note(k, "%s: weaver writes to its own file", clip(value))
	}
}

// restarts is when the service is started again.
func (u *unit) restarts(s *service) error {
	codes := func(key string) []any {
		var list []any
		k := u.last(key)
		if k == nil {
			return nil
		}
		for w := range strings.FieldsSeq(k.value) {
			n, err := strconv.Atoi(w)
			if err != nil || n < 0 || n > 255 {
				u.note(k, "%s: weaver tells exits by their number", clip(w))
				continue
			}
			list = append(list, n)
		}
		return list
	}
	prevent, good := codes("RestartPreventExitStatus"), codes("SuccessExitStatus")
	k := u.last("Restart")
	word := "no"
	if k != nil {
		word = k.value
	}
	switch word {
	case "no":
		s.set("autorestart", false)
		return nil
	case "always":
		s.fill("stop_exit_codes", prevent)
		return nil
	case "on-failure":
	case "on-abnormal", "on-abort", "on-watchdog":
		u.note(k, "%s: it is restarted after any failure", word)
	case "on-success":
		u.note(k, "on-success: it is restarted whatever it ends with")
		s.fill("stop_exit_codes", prevent)
		return nil
	default:
		return u.fail(k, "unknown word %q", clip(word))
	}
	s.set("stop_exit_codes", append(append([]any{0}, good...), prevent...))
	return nil
}
