package port

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
	"weaver/config"
	"weaver/config/source"
)

// compose reads the services of compose files. Later files override earlier ones service by service, key by key.
func (r *reader) compose(files []file) error {
	p := &composer{reader: r}
	for i := range files {
		if err := p.readFile(&files[i]); err != nil {
			return err
		}
	}
	for i := range p.list {
		if c := p.list[i]; c.argv == nil {
			what := "nothing to run"
			for _, key := range []string{"image", "build"} {
				if c.def.has(key) {
					what = key + " " + flat(c.def.get(key))
				}
			}
			c.say(c.file, 0, c.name, "left out: %s without a command cannot run under weaver, which runs programs of this machine", what)
			continue
		}
		if err := p.list[i].translate(); err != nil {
			return err
		}
	}
	return nil
}

type composer struct {
	*reader
	list []*composed
}

// composed is one service of a compose file.
type composed struct {
	*composer
	file *file
	name string
	def  tree
	argv []string // nil cannot run
	s    *service
	dirs []mount
}

// mount is a directory of this machine that the container has elsewhere.
type mount struct{ here, there string }

func (p *composer) readFile(f *file) error {
	dot, err := p.beside(f)
	if err != nil {
		return err
	}
	env := dot.Clone()
	env.Merge(p.Env)
	data, err := config.YAMLToJSON(f.path, f.data)
	if err != nil {
		return err
	}
	v, err := decode(data)
	if err != nil {
		return &source.Error{File: f.path, Message: err.Error()}
	}
	told := map[string]bool{}
	v, err = p.values(v, env, func(name string) {
		if !told[name] {
			told[name] = true
			p.say(f, 0, "", "$%s is not set: it is empty", clip(name))
		}
	})
	if err != nil {
		return &source.Error{File: f.path, Message: err.Error()}
	}
	root, ok := v.(tree)
	services, isMap := root.get("services").(tree)
	if !ok || !isMap {
		return &source.Error{File: f.path, Message: "has no services"}
	}
	for _, m := range root {
		switch {
		case m.key == "services", m.key == "version", m.key == "name", strings.HasPrefix(m.key, "x-"):
		default:
			p.say(f, 0, "", "%s: services run on this machine: its own directories, network and files hold", clip(m.key))
		}
	}
	for _, m := range services {
		def, ok := m.val.(tree)
		if !ok || !isProcessType(m.key) {
			return &source.Error{File: f.path, Message: fmt.Sprintf("services.%s is no service", clip(m.key))}
		}
		at := slices.IndexFunc(p.list, func(c *composed) bool { return c.name == m.key })
		if at < 0 {
			at = len(p.list)
			p.list = append(p.list, &composed{composer: p, name: m.key})
		}
		c := p.list[at]
		c.file = f
		for _, k := range def {
			c.def.set(k.key, k.val)
		}
		if c.argv, err = c.command(); err != nil {
			return err
		}
	}
	return nil
}

// values interpolates every text.
func (p *composer) values(v any, env app.Env, missing func(string)) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			return nil, fmt.Errorf("%q holds a NUL byte", clip(v))
		}
		return interpolate(v, env, missing)
	case tree:
		for i := range v {
			if v[i].val, err = p.values(v[i].val, env, missing); err != nil {
				return nil, fmt.Errorf("%s: %w", clip(v[i].key), err)
			}
		}
		return v, nil
	case []any:
		for i := range v {
			if v[i], err = p.values(v[i], env, missing); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
	return v, nil
}

func (c *composed) note(key, format string, args ...any) {
	c.say(c.file, 0, c.name, "%s", clip(key)+": "+fmt.Sprintf(format, args...))
}

func (c *composed) fail(key, format string, args ...any) error {
	return &source.Error{File: c.file.path, Message: fmt.Sprintf("services.%s.%s: ", c.name, clip(key)) + fmt.Sprintf(format, args...)}
}

// command is entrypoint and command; nil where neither is given.
func (c *composed) command() ([]string, error) {
	var argv []string
	for _, key := range []string{"entrypoint", "command"} {
		list, err := c.words(key, c.def.get(key))
		if err != nil {
			return nil, err
		}
		argv = append(argv, list...)
	}
	if len(argv) > 0 && argv[0] == "" {
		return nil, c.fail("command", "names no program")
	}
	return argv, nil
}

// words is a list of texts, or a text that is split like a shell's.
func (c *composed) words(key string, v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		list, err := splitWords(v)
		if err != nil {
			return nil, c.fail(key, "%v", err)
		}
		return list, nil
	case []any:
		var list []string
		for _, e := range v {
			s, ok := text(e)
			if !ok {
				return nil, c.fail(key, "a list of texts is wanted")
			}
			list = append(list, s)
		}
		return list, nil
	}
	return nil, c.fail(key, "a text or a list is wanted")
}

func (c *composed) translate() error {
	c.s = newService(c.name)
	c.s.command(c.argv)
	c.mounts()
	dir := c.file.dir()
	if build, ok := c.def.get("build").(string); ok && isDir(filepath.Join(dir, build)) {
		dir = filepath.Join(dir, build)
	} else if build, ok := c.def.get("build").(tree); ok {
		if context, _ := text(build.get("context")); isDir(filepath.Join(dir, context)) {
			dir = filepath.Join(dir, context)
		}
	}
	c.s.set("cwd", dir)
	c.s.set("kill_signal", "SIGTERM")
	c.s.set("kill_timeout", 10_000)
	if !c.def.has("restart") {
		deploy, _ := c.def.get("deploy").(tree)
		if !deploy.has("restart_policy") {
			c.s.set("autorestart", false)
		}
	}
	if err := c.environment(); err != nil {
		return err
	}
	for _, m := range c.def {
		if err := c.key(m.key, m.val); err != nil {
			return err
		}
	}
	c.add(c.s)
	return nil
}

// mounts are the bind mounts among the volumes.
func (c *composed) mounts() {
	list, _ := c.def.get("volumes").([]any)
	for _, e := range list {
		switch e := e.(type) {
		case string:
			here, rest, ok := strings.Cut(e, ":")
			there, _, _ := strings.Cut(rest, ":")
			if ok && (strings.HasPrefix(here, ".") || strings.HasPrefix(here, "/")) && strings.HasPrefix(there, "/") {
				c.dirs = append(c.dirs, mount{c.onDisk(here), filepath.Clean(there)})
			}
		case tree:
			here, there := textOf(e.get("source")), textOf(e.get("target"))
			if textOf(e.get("type")) == "bind" && here != "" && strings.HasPrefix(there, "/") {
				c.dirs = append(c.dirs, mount{c.onDisk(here), filepath.Clean(there)})
			}
		}
	}
}

func (c *composed) onDisk(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.file.dir(), path)
}

// here is a path of the container's on this machine, if a mount says so.
func (c *composed) here(path string) (string, bool) {
	path = filepath.Clean(path)
	for _, m := range c.dirs {
		if path == m.there {
			return m.here, true
		}
		if rest, ok := strings.CutPrefix(path, strings.TrimSuffix(m.there, "/")+"/"); ok {
			return filepath.Join(m.here, rest), true
		}
	}
	return "", false
}

// environment collects env_file and environment.
func (c *composed) environment() error {
	var files []any
	switch v := c.def.get("env_file").(type) {
	case nil:
	case []any:
		files = v
	default:
		files = []any{v}
	}
	for _, e := range files {
		path, required := textOf(e), true
		if t, ok := e.(tree); ok {
			path, required = textOf(t.get("path")), t.get("required") != false
		}
		if path == "" {
			return c.fail("env_file", "names no file")
		}
		data, err := source.Read(c.onDisk(path))
		if err != nil {
			if required {
				return c.fail("env_file", "%v", readError(path, err))
			}
			continue
		}
		c.note("env_file", "the variables of %s are copied; weaver does not read it again", clip(path))
		at := &file{path: path}
		c.s.setenv(dotenv(data, func(line int, _ string) { c.say(at, line, c.name, "is no NAME=VALUE: not read") })...)
	}
	switch v := c.def.get("environment").(type) {
	case nil:
	case tree:
		for _, m := range v {
			value, ok := text(m.val)
			if !ok {
				return c.fail("environment", "%s is no text", clip(m.key))
			}
			if m.val != nil { // else it is that of whoever starts it, here as there
				c.s.setenv(app.Var{Name: m.key, Value: value})
			}
		}
	case []any:
		for _, e := range v {
			name, value, ok := strings.Cut(textOf(e), "=")
			if name == "" {
				return c.fail("environment", "a variable has no name")
			}
			if ok {
				c.s.setenv(app.Var{Name: name, Value: value})
			}
		}
	default:
		return c.fail("environment", "a mapping or a list is wanted")
	}
	for _, v := range c.s.env {
		if !isName(v.key) {
			return c.fail("environment", "%q cannot be the name of a variable", clip(v.key))
		}
		for _, other := range c.list {
			if namesHost(textOf(v.val), other.name) {
				c.note("environment", "%s names the host %s, which is a container's: programs of this machine are at localhost", v.key, other.name)
			}
		}
	}
	return nil
}

// namesHost reports that a value is, or holds, the address of a host.
func namesHost(value, host string) bool {
	for _, before := range []string{"@", "//", ""} {
		_, after, ok := strings.Cut(value, before+host)
		if before == "" {
			after, ok = strings.CutPrefix(value, host)
			if ok && !strings.HasPrefix(after, ":") {
				continue
			}
		}
		if ok && (after == "" || after[0] == ':' || after[0] == '/') {
			return true
		}
	}
	return false
}

var errNumber = errors.New("a number is wanted")
