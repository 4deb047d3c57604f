package port

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
	"weaver/config/source"
)

// systemd reads .service units, with the drop-ins beside them.
func (r *reader) systemd(files []file) error {
	var units []*unit
	for i := range files {
		f := &files[i]
		name, ok := strings.CutSuffix(filepath.Base(f.path), ".service")
		if !ok {
			return &source.Error{File: f.path, Message: "its name does not end in .service: only services can run under weaver"}
		}
		u := &unit{reader: r, file: f, name: name}
		if err := u.read(); err != nil {
			return err
		}
		units = append(units, u)
	}
	for _, u := range units {
		if err := u.translate(units); err != nil {
			return err
		}
	}
	return nil
}

// unit is one .service.
type unit struct {
	*reader
	file *file
	name string // without its ending
	// keys are the settings of each section, in order, with those that an empty value took back gone.
	keys map[string][]setting
	env  app.Env
}

// read reads the unit and its drop-ins.
func (u *unit) read() error {
	files := []*file{u.file}
	drops, _ := filepath.Glob(globEscape(u.file.abs) + ".d/*.conf") // the pattern is sound
	for _, path := range drops {
		if len(files) > maxIncluded {
			break
		}
		data, err := source.Read(path)
		if err != nil {
			return readError(path, err)
		}
		files = append(files, &file{path: path, abs: path, data: data})
	}
	u.keys = map[string][]setting{}
	for _, f := range files {
		list, err := parseUnit(f)
		if err != nil {
			return err
		}
		for _, s := range list {
			for _, k := range s.keys {
				if k.value == "" {
					u.keys[s.name] = slices.DeleteFunc(u.keys[s.name], func(old setting) bool { return old.key == k.key })
					continue
				}
				u.keys[s.name] = append(u.keys[s.name], k)
			}
		}
	}
	return nil
}

func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// last returns the last setting of a key of [Service], or nil.
func (u *unit) last(key string) *setting {
	keys := u.keys["Service"]
	for i := len(keys) - 1; i >= 0; i-- {
		if keys[i].key == key {
			return &keys[i]
		}
	}
	return nil
}

func (u *unit) value(key string) string {
	if k := u.last(key); k != nil {
		return k.value
	}
	return ""
}

func (u *unit) note(k *setting, format string, args ...any) {
	u.say(k.file, k.line, u.name, "%s", clip(k.key)+": "+fmt.Sprintf(format, args...))
}

func (u *unit) fail(k *setting, format string, args ...any) error {
	return &source.Error{File: k.file.path, Line: k.line, Message: k.key + ": " + fmt.Sprintf(format, args...)}
}

func (u *unit) translate(all []*unit) error {
	if u.name == "" || len(u.name) > 200 {
		return &source.Error{File: u.file.path, Message: "its name cannot be that of an app"}
	}
	s := newService(strings.TrimSuffix(u.name, "@"))
	if strings.HasSuffix(u.name, "@") {
		u.say(u.file, 0, s.name, "a template: read without an instance; name the file of an instance, such as %s1.service, for one", u.name)
	}
	if err := u.environment(s); err != nil {
		return err
	}
	ok, err := u.execStart(s)
	if !ok || err != nil {
		return err
	}
	u.defaults(s)
	if err := u.restarts(s); err != nil {
		return err
	}
	for i := range u.keys["Service"] {
		if err := u.service(s, &u.keys["Service"][i]); err != nil {
			return err
		}
	}
	if err := u.dependencies(s, all); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(u.keys)) {
		keys := u.keys[name]
		if len(keys) == 0 || name == "Unit" || name == "Service" || name == "Install" || strings.HasPrefix(name, "X-") {
			continue
		}
		u.say(keys[0].file, keys[0].line, s.name, "[%s] is no section of a service", clip(name))
	}
	for _, k := range u.keys["Install"] {
		u.note(&k, "weaver save and weaver startup have it started at boot")
	}
	u.add(s)
	return nil
}

// environment collects Environment= and EnvironmentFile=.
func (u *unit) environment(s *service) error {
	for i := range u.keys["Service"] {
		k := &u.keys["Service"][i]
		switch k.key {
		case "Environment":
			list, err := unitWords(u.specifiers(k, k.value))
			if err != nil {
				return u.fail(k, "%v", err)
			}
			for _, w := range list {
				name, value, ok := strings.Cut(w.text, "=")
				if !ok || !isName(name) {
					return u.fail(k, "%q is no NAME=VALUE", clip(name))
				}
				u.env.Set(name, value)
			}
		case "EnvironmentFile":
			path, optional := strings.CutPrefix(u.specifiers(k, k.value), "-")
			if err := u.environmentFile(k, path, optional); err != nil {
				return err
			}
		case "UnsetEnvironment":
			for _, name := range strings.Fields(k.value) {
				u.env.Unset(name)
			}
			s.set("filter_env", words(strings.Fields(k.value)))
		}
	}
	s.setenv(u.env...)
	return nil
}

func (u *unit) environmentFile(k *setting, path string, optional bool) error {
	paths, err := filepath.Glob(path)
	if err != nil || len(paths) == 0 {
		paths = []string{path}
	}
	for _, path := range paths[:min(len(paths), maxIncluded)] {
		data, err := source.Read(path)
		if err != nil {
			if !optional {
				u.note(k, "%v: its variables are missing", readError(path, err))
			}
			continue
		}
		u.note(k, "the variables of %s are copied; weaver does not read it again", clip(path))
		at := &file{path: path, abs: path}
		for _, v := range dotenv(data, func(line int, _ string) { u.say(at, line, u.name, "is no NAME=VALUE: not read") }) {
			u.env.Set(v.Name, v.Value)
		}
	}
	return nil
}

// defaults are systemd's, where weaver's are others.
func (u *unit) defaults(s *service) {
	s.set("cwd", "/")
	s.set("kill_signal", "SIGTERM")
	s.set("kill_timeout", 90_000)
}

// execStart sets what runs. ok is false where nothing does.
func (u *unit) execStart(s *service) (ok bool, err error) {
	var lines []*setting
	for i := range u.keys["Service"] {
		if k := &u.keys["Service"][i]; k.key == "ExecStart" {
			lines = append(lines, k)
		}
	}
	if len(lines) == 0 {
		u.say(u.file, 0, s.name, "has no ExecStart: nothing of it can run under weaver")
		return false, nil
	}
	var argvs [][]string
	for _, k := range lines {
		argv, err := u.command(k)
		if err != nil {
			return false, err
		}
		argvs = append(argvs, argv)
	}
	if len(argvs) == 1 {
		s.command(argvs[0])
		return true, nil
	}
	u.note(lines[1], "several commands: a shell runs one after the other")
	var quoted []string
	for _, argv := range argvs {
		quoted = append(quoted, shellQuote(argv))
	}
	s.shell(strings.Join(quoted, " && "))
	return true, nil
}

func shellQuote(argv []string) string {
	out := make([]string, len(argv))
	for i, w := range argv {
		if out[i] = w; !plain(w) || strings.ContainsAny(w, " #") {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// command is one line of ExecStart as a vector.
func (u *unit) command(k *setting) ([]string, error) {
	line, expand, other := k.value, true, false
	for ; line != "" && strings.IndexByte("-@:+!", line[0]) >= 0; line = line[1:] {
		switch line[0] {
		case '-':
			u.note(k, "-: an exit with an error counts as one here")
		case '@':
			other = true
		case ':':
			expand = false
		case '+', '!':
			u.note(k, "%c: runs as the user of the app", line[0])
		}
	}
	list, err := unitWords(u.specifiers(k, line))
	if err != nil {
		return nil, u.fail(k, "%v", err)
	}
	if len(list) == 0 || list[0].text == "" {
		return nil, u.fail(k, "there is no command")
	}
	argv := []string{list[0].text}
	list = list[1:]
	if other && len(list) > 0 {
		u.note(k, "@: the program's own name is left as it is")
		list = list[1:]
	}
	for _, w := range list {
		switch {
		case w.text == ";" && !w.quoted:
			return nil, u.fail(k, "several commands in one line are not read: write an ExecStart for each")
		case !expand:
			argv = append(argv, w.text)
		default:
			argv = append(argv, u.expand(k, w)...)
		}
	}
	return argv, nil
}

// expand replaces ${NAME} within a word, and $NAME that is a word by the words of its value.
func (u *unit) expand(k *setting, w unitWord) []string {
	if name, ok := strings.CutPrefix(w.text, "$"); ok && isName(name) && !w.quoted {
		return strings.Fields(u.variable(k, name))
	}
	var b strings.Builder
	for i := 0; i < len(w.text); i++ {
		rest := w.text[i:]
		if strings.HasPrefix(rest, "$$") {
			b.WriteByte('$')
			i++
			continue
		}
		if strings.HasPrefix(rest, "${") {
			if end := strings.IndexByte(rest, '}'); end > 0 && isName(rest[2:end]) {
				b.WriteString(u.variable(k, rest[2:end]))
				i += end
				continue
			}
		}
		b.WriteByte(w.text[i])
	}
	return []string{b.String()}
}

func (u *unit) variable(k *setting, name string) string {
	value, ok := u.env.Get(name)
	if !ok {
		u.note(k, "$%s is not in the unit's environment: it is empty", clip(name))
	}
	return value
}
