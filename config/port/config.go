package port

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
	"weaver/config/source"
)

// Context is where something is translated: what a file may refer to besides itself.
type Context struct {
	Cwd  string
	Env  app.Env // the caller's
	Host string  // name of the machine
}

func (c *Context) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.Cwd, path)
}

// Config is what a file of another supervisor says, in weaver's words.
type Config struct {
	Notes []Note
	apps  []*service
}

// service is an app that comes to be: keys of an ecosystem file, in the order in which they are written.
type service struct {
	name    string
	comment string
	tree
	env   tree
	order int // lower ones first
}

func newService(name string) *service { return &service{name: name} }

// setenv gives a variable a value.
func (s *service) setenv(env ...app.Var) {
	for _, v := range env {
		s.env.set(v.Name, v.Value)
	}
}

// command has a program executed as it is, without a shell.
func (s *service) command(argv []string) {
	s.set("script", argv[0])
	if len(argv) > 1 {
		s.set("args", words(argv[1:]))
	}
	s.set("interpreter", "none")
}

// shell has a shell run a line.
func (s *service) shell(line string) {
	if strings.ContainsAny(line, " \t") {
		s.set("script", line) // what holds a blank is run by a shell
		return
	}
	s.set("script", "sh")
	s.set("args", []any{"-c", line})
	s.set("interpreter", "none")
}

// Formats are the names of what can be read.
func Formats() []string { return []string{"procfile", "supervisord", "systemd", "compose"} }

// Read translates files of a format. An error means that nothing came of it; a *source.Error is a place.
func Read(c Context, format string, files []string) (*Config, error) {
	r := &reader{Context: c}
	read, ok := map[string]func(*reader, []file) error{
		"procfile": (*reader).procfiles, "supervisord": (*reader).supervisord, "systemd": (*reader).systemd, "compose": (*reader).compose,
	}[format]
	if !ok {
		return nil, fmt.Errorf("unknown format %q", format)
	}
	var list []file
	for _, path := range files {
		data, err := source.Read(c.abs(path))
		if err != nil {
			return nil, readError(path, err)
		}
		list = append(list, file{path: path, abs: c.abs(path), data: data})
	}
	if err := read(r, list); err != nil {
		return nil, err
	}
	if err := r.finish(); err != nil {
		return &r.Config, err
	}
	return &r.Config, nil
}

// file is one that was read. Its path is as it was given, for messages.
type file struct {
	path, abs string
	data      []byte
}

func (f *file) dir() string { return filepath.Dir(f.abs) }

// check refuses what is no text: nothing that runs can have a NUL in its arguments or its environment.
func (f *file) check() error {
	if at := bytes.IndexByte(f.data, 0); at >= 0 {
		return &source.Error{File: f.path, Line: 1 + bytes.Count(f.data[:at], []byte("\n")), Message: "holds a NUL byte"}
	}
	return nil
}

func readError(path string, err error) error {
	if at, ok := err.(*fs.PathError); ok {
		return fmt.Errorf("read %s: %w", path, at.Err)
	}
	return err
}

// reader is a translation under way.
type reader struct {
	Context
	Config
}

func (r *reader) say(f *file, line int, app, format string, args ...any) {
	r.Notes = append(r.Notes, Note{f.path, line, app, fmt.Sprintf(format, args...)})
}

// maxApps bounds what a file can come to: numprocs=99999999 is a slip.
const maxApps = 10_000

func (r *reader) add(s *service) { r.apps = append(r.apps, s) }

// finish brings the apps into order, and checks what only all of them together tell.
func (r *reader) finish() error {
	if len(r.apps) == 0 {
		return fmt.Errorf("nothing in it can run under weaver")
	}
	if len(r.apps) > maxApps {
		return fmt.Errorf("%d apps: at most %d", len(r.apps), maxApps)
	}
	slices.SortStableFunc(r.apps, func(a, b *service) int { return a.order - b.order })
	seen := map[string]bool{}
	for _, s := range r.apps {
		if seen[s.name] {
			r.Notes = append(r.Notes, Note{App: s.name, Text: "there are several of that name: weaver takes them for instances of one app"})
		}
		seen[s.name] = true
	}
	return nil
}

// YAML is the config file.
func (c *Config) YAML() []byte {
	var list []any
	for _, s := range c.apps {
		t := tree{{key: "name", val: s.name, comment: s.comment}}
		t = append(t, s.tree...)
		t.fill("env", s.env)
		list = append(list, t)
	}
	return appendYAML(nil, tree{{key: "apps", val: list}}, 0)
}

// Names are the apps, in order.
func (c *Config) Names() []string {
	var names []string
	for _, s := range c.apps {
		names = append(names, s.name)
	}
	return names
}

// Secret names a variable whose value the file holds and should not be seen by others; "" is none.
func (c *Config) Secret() string {
	for _, s := range c.apps {
		for _, p := range s.env {
			if v, _ := p.val.(string); app.HoldsSecret(p.key, v) {
				return p.key
			}
		}
	}
	return ""
}

// isDir reports a directory that is there.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
