package port

import (
	"fmt"
	"strconv"
	"strings"

	"weaver/config/source"
)

// procfiles reads NAME: COMMAND lines, with the ports and the .env that foreman gives them.
func (r *reader) procfiles(files []file) error {
	for i := range files {
		if err := r.procfile(&files[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) procfile(f *file) error {
	if err := f.check(); err != nil {
		return err
	}
	env, err := r.beside(f)
	if err != nil {
		return err
	}
	port := 5000
	if p, ok := env.Get("PORT"); ok {
		if n, err := strconv.Atoi(p); err == nil && n > 0 && n < 65536 {
			port = n
		}
		env.Unset("PORT")
	}
	n := 0
	for line := range strings.Lines(string(f.data)) {
		n++
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		name, command, ok := strings.Cut(line, ":")
		name, command = strings.TrimSpace(name), strings.TrimSpace(command)
		if !ok || command == "" || !isProcessType(name) {
			return &source.Error{File: f.path, Line: n, Message: fmt.Sprintf("want NAME: COMMAND, not %q", clip(line))}
		}
		s := newService(name)
		s.shell(command)
		s.set("cwd", f.dir())
		if name == "release" {
			s.set("autorestart", false)
			r.say(f, n, name, "is taken for a task that ends: it is started with the others, and not restarted")
		}
		if port > 65535 {
			return &source.Error{File: f.path, Line: n, Message: "there are more processes than ports"}
		}
		s.set("port", port)
		port += 100
		s.set("kill_signal", "SIGTERM")
		s.setenv(env...)
		r.add(s)
	}
	return nil
}

func isProcessType(s string) bool {
	for _, c := range []byte(s) {
		if !(c == '_' || c == '-' || c == '.' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return s != "" && s != "." && s != ".." && len(s) <= 100
}
