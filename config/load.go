package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"

	"weaver/config/source"
)

// Loaded is what a config file asks for.
type Loaded struct {
	File string // absolute, or "-"
	Apps []app.Spec
	// Problems are warnings: unknown keys, an --env that no app has.
	Problems []Problem
	// Failed are the apps that cannot be started here: no script, no interpreter, no such user. The others can.
	Failed []AppError
	names  []string // of all apps, in the file's order
	// Deploy and Static are those sections as written, nil without them.
	Deploy, Static json.RawMessage
}

// Names are the names of all apps asked for, those that failed included, in order and each once.
func (l *Loaded) Names() []string {
	var names []string
	for _, name := range l.names {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Entries are the names of all apps of the file in its order, one as often as it is there.
func (l *Loaded) Entries() []string { return slices.Clone(l.names) }

// Load reads a config file, from the caller's directory, or "-" from c.Stdin. Of the flags, those count that count for
// a file with PM2: Only, Env, Namespace, Watch, IgnoreWatch, UID, GID and Cwd; about others there is a warning. An
// error means that nothing of the file can be started: *Invalid lists what is wrong in it, and a *SyntaxError within
// the error is the place that cannot be read. Warnings are returned with it.
func Load(ctx context.Context, c Context, path string, f Flags) (Loaded, error) {
	l := Loaded{File: path}
	if path != "-" {
		l.File = c.abs(c.Cwd, path)
	}
	tree, err := c.read(ctx, path, l.File, formatOf(path))
	if err != nil {
		return l, err
	}
	return c.apps(l, tree, f)
}

// apps makes the specs of what a file holds.
func (c Context) apps(l Loaded, tree any, f Flags) (Loaded, error) {
	apps, err := l.sections(c, tree)
	if err != nil {
		return l, err
	}
	used, unused := f.forFile()
	for _, key := range unused {
		l.Problems = append(l.Problems, Problem{Key: key, Message: fmt.Sprintf("the flag for %q is not used with a config file", key)})
	}
	var invalid Invalid
	var requests []request
	deployed := deployEnv(tree, f.Env)
	for _, in := range chosen(apps, f.Only) {
		in = slices.Clone(in)
		for _, m := range used {
			if _, own := in.get(m.key); m.key == "namespace" && own {
				continue // what the app says about itself counts, as with PM2
			}
			in.set(m.key, m.val) // under its key, which wins over other spellings
		}
		vals, warnings, errs := check(in, c)
		l.Problems = append(l.Problems, warnings...)
		invalid.Problems = append(invalid.Problems, errs...)
		requests = append(requests, request{in: in, vals: vals, envName: f.Env, deployed: deployed, fromFile: true})
	}
	if f.Only != "" && len(requests) == 0 {
		l.Problems = append(l.Problems, Problem{Message: fmt.Sprintf("no app of %s is named %s", filepath.Base(l.File), clip(f.Only))})
	}
	if len(invalid.Problems) > 0 {
		return l, &invalid
	}
	renamed := map[string]string{}
	for _, r := range requests {
		var s app.Spec
		var problems []Problem
		if script, _ := r.vals["script"].(string); script == "" {
			s.Name, err = nameForMessages(r.in), noScript(l.Problems)
		} else {
			s, problems, err = c.spec(r)
		}
		l.names = append(l.names, s.Name)
		l.Problems = append(l.Problems, problems...)
		if err != nil {
			l.Failed = append(l.Failed, AppError{s.Name, err})
			continue
		}
		if name, _ := r.vals["name"].(string); name != "" && name != s.Name {
			renamed[name] = s.Name
		}
		s.From.File = l.File
		l.Apps = append(l.Apps, s)
	}
	for _, s := range l.Apps { // a file names its apps as they are written in it
		for i, d := range s.DependsOn {
			if name, ok := renamed[d.Name]; ok {
				s.DependsOn[i].Name = name
			}
		}
	}
	if p := checkCycle(l.Apps); p != nil {
		return l, &Invalid{[]Problem{*p}}
	}
	return l, nil
}

// read turns the file into a tree, with errors in PM2's words.
func (c Context) read(ctx context.Context, path, abs string, kind format) (any, error) {
	var tree any
	var err error
	switch {
	case path == "-":
		tree, err = c.readStdin()
	case kind == notConfig:
		return nil, fmt.Errorf("read %s: its name is not that of a config (.json, .yaml, .toml, .config.js)", clip(path))
	default:
		var data []byte
		data, err = source.Read(abs)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, saidf("File %s not found", path)
		case err != nil:
			return nil, err
		case kind == jsFile:
			tree, err = evalJS(ctx, c, abs)
		default:
			tree, err = parseData(kind, path, data)
		}
	}
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		if syntax.File == abs {
			syntax.File = path
		}
		return nil, &said{message: fmt.Sprintf("File %s malformated", path), cause: err}
	}
	return tree, err
}

func parseData(kind format, path string, data []byte) (any, error) {
	switch kind {
	case yamlFile:
		return parseYAML(path, data)
	case tomlFile:
		return parseTOML(path, data)
	}
	return parseJSONish(path, data)
}

// readStdin reads what begins like JSON as PM2 does, and other text as YAML.
func (c Context) readStdin() (any, error) {
	if c.Stdin == nil {
		return nil, errors.New("read stdin: there is none")
	}
	data, err := source.ReadAll(c.Stdin, "stdin")
	if err != nil {
		return nil, err
	}
	if start := strings.TrimLeft(string(data), "\ufeff \t\r\n"); start == "" || strings.ContainsRune("{[(/", rune(start[0])) {
		return parseJSONish("stdin", data)
	}
	return parseYAML("stdin", data)
}

// sections finds the apps in the shapes that PM2 takes: {apps: […]}, {apps: {…}}, {pm2: …}, an array, or one app.
func (l *Loaded) sections(c Context, tree any) ([]object, error) {
	var servers []object
	if root, ok := tree.(object); ok {
		if v, ok := root.get("deploy"); ok {
			l.Deploy = raw(v)
		}
		if v, ok := root.get("static"); ok {
			l.Static = raw(v)
			var err error
			if servers, err = c.staticApps(v); err != nil {
				return nil, err
			}
		}
		apps, hasApps := root.get("apps")
		pm2, hasPM2 := root.get("pm2")
		switch {
		case hasApps:
			tree = apps
		case hasPM2:
			tree = pm2
			if inner, ok := pm2.(object); ok {
				if apps, ok := inner.get("apps"); ok {
					tree = apps
				}
			}
		case l.Static != nil:
			tree = []any{}
		case l.Deploy != nil:
			tree = object{} // to PM2 the file is an app, and has no script
		case filepath.Base(l.File) == "package.json":
			name, _ := root.get("name")
			tree = object{{"name", name}} // it has no script, which is said of it by this name
		}
	}
	list, ok := tree.([]any)
	if !ok {
		list = []any{tree}
	}
	apps := make([]object, 0, len(list))
	for i, e := range list {
		one, ok := e.(object)
		if !ok {
			return nil, saidf("No script path - aborting: app %d of %s is %s, not an object", i, filepath.Base(l.File), typeName(e))
		}
		apps = append(apps, one)
	}
	return append(apps, servers...), nil
}

// chosen are the apps that --only names.
func chosen(apps []object, only string) []object {
	if only == "" {
		return apps
	}
	names := strings.FieldsFunc(only, func(r rune) bool { return r == ',' || r == ' ' })
	return slices.DeleteFunc(slices.Clone(apps), func(in object) bool {
		v, _ := in.get("name")
		if v == nil {
			for _, key := range []string{"script", "exec", "cmd", "command"} {
				if script, ok := in.get(key); ok {
					v = defaultName(text(script))
					break
				}
			}
		}
		return v == nil || !slices.Contains(names, text(v)) && text(v) != only
	})
}

// deployEnv is the section "env" of a deploy target.
func deployEnv(tree any, name string) any {
	root, _ := tree.(object)
	deploy, _ := root.get("deploy")
	targets, _ := deploy.(object)
	target, _ := targets.get(name)
	settings, _ := target.(object)
	env, _ := settings.get("env")
	return env
}

// noScript says that an app has none, and which of its unknown keys may be meant for it.
func noScript(warnings []Problem) error {
	err := saidf("No script path - aborting")
	for _, w := range warnings {
		if near := Nearest(w.Key, []string{"script"}); near != "" {
			return err.try("did you mean %q by %q?", near, w.Key)
		}
	}
	return err
}
