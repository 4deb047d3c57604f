package port

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"weaver/app"
	"weaver/config/source"
)

// dotenv reads NAME=VALUE lines as foreman, docker and systemd do where they agree: # comments, an optional "export",
// quotes around a value, escapes within double ones. Lines that are none of this are told to odd.
func dotenv(data []byte, odd func(line int, text string)) app.Env {
	var env app.Env
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		line = strings.TrimPrefix(line, "export ")
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || !isName(name) || strings.IndexByte(value, 0) >= 0 {
			odd(n, line)
			continue
		}
		env.Set(name, unquoteValue(strings.TrimSpace(value)))
	}
	return env
}

func unquoteValue(v string) string {
	if len(v) == 0 {
		return v
	}
	switch quote := v[0]; quote {
	case '\'', '"':
		var b strings.Builder
		for i := 1; i < len(v); i++ {
			switch {
			case v[i] == quote:
				return b.String()
			case v[i] == '\\' && quote == '"' && i+1 < len(v):
				i++
				switch v[i] {
				case 'n':
					b.WriteByte('\n')
				case 't':
					b.WriteByte('\t')
				case 'r':
					b.WriteByte('\r')
				case '"', '\\', '$':
					b.WriteByte(v[i])
				default:
					b.WriteByte('\\')
					b.WriteByte(v[i])
				}
			default:
				b.WriteByte(v[i])
			}
		}
		return v // the quote is never closed: it is a letter
	}
	if i := strings.Index(v, " #"); i >= 0 {
		v = strings.TrimSpace(v[:i])
	}
	return v
}

// isName reports what may be the name of a variable.
func isName(s string) bool {
	for i, c := range []byte(s) {
		if !(c == '_' || c == '.' || c == '-' && i > 0 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' && i > 0) {
			return false
		}
	}
	return s != ""
}

// beside reads the .env in the directory of a file, if there is one.
func (r *reader) beside(f *file) (app.Env, error) {
	path := filepath.Join(f.dir(), ".env")
	data, err := source.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	at := &file{path: path, abs: path, data: data}
	return dotenv(data, func(line int, _ string) { r.say(at, line, "", "is no NAME=VALUE: not read") }), nil
}
