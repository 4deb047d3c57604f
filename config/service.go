package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"

	"weaver/config/source"
)

// ServiceFile is the service that a file of any name describes: JSON unless the name says otherwise. Of a file with
// several it is the one called name, and it is called name in any case. All flags win over the file.
func ServiceFile(ctx context.Context, c Context, path, name string, f Flags) (app.Spec, []Problem, error) {
	l := Loaded{File: c.abs(c.Cwd, path)}
	kind := formatOf(path)
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case kind != notConfig:
	case slices.Contains([]string{".js", ".cjs", ".mjs", ".ts"}, ext):
		kind = jsFile
	default:
		kind = jsonFile
	}
	tree, err := c.read(ctx, path, l.File, kind)
	var syntax *SyntaxError
	switch {
	case errors.As(err, &syntax):
		return app.Spec{}, nil, fmt.Errorf("invalid configuration: %w", syntax)
	case err != nil:
		return app.Spec{}, nil, err
	}
	apps, err := l.sections(c, tree)
	if err != nil {
		return app.Spec{}, nil, fmt.Errorf("invalid configuration: %s: %w", path, err)
	}
	one, err := pick(apps, name)
	if err != nil {
		return app.Spec{}, nil, fmt.Errorf("invalid configuration: %s: %w", path, err)
	}
	one = slices.Clone(one)
	if _, has := (&attribute{key: "script", aliases: "exec cmd command"}).find(one, false); !has {
		line, col := beginning(l.File, kind)
		return app.Spec{}, nil, &SyntaxError{File: path, Line: line, Col: col, Message: "missing required field: script"}
	}
	one.set("name", name)
	if env := f.vars(); env != nil {
		under, _ := one.get("env")
		all, _ := under.(object)
		all = slices.Clone(all)
		for _, m := range env.(object) {
			all.set(m.key, m.val)
		}
		one.set("env", all)
	}
	f.OverFile, f.Only, f.Name = true, "", name
	l, err = c.apps(l, one, f)
	if err == nil && len(l.Failed) > 0 {
		err = l.Failed[0].Err
	}
	var invalid *Invalid
	if errors.As(err, &invalid) {
		line, col := beginning(l.File, kind)
		err = fmt.Errorf("invalid configuration: %s:%d:%d: %w", path, line, col, err)
	}
	if err != nil {
		return app.Spec{}, l.Problems, err
	}
	return l.Apps[0], l.Problems, nil
}

// pick is the app that is meant: the one of that name, or the only one there is.
func pick(apps []object, name string) (object, error) {
	for _, in := range apps {
		if v, _ := in.get("name"); v != nil && text(v) == name {
			return in, nil
		}
	}
	if len(apps) != 1 {
		return nil, fmt.Errorf("%d services, and none is called %s", len(apps), clip(name))
	}
	return apps[0], nil
}

// beginning is the place in a file where what it describes begins.
func beginning(file string, kind format) (line, col int) {
	data, err := os.ReadFile(file)
	if err != nil || kind != jsonFile {
		return 1, 1
	}
	return place(string(data), max(strings.IndexByte(string(data), '{'), 0))
}

// vars are the variables given one by one, nil without any.
func (f *Flags) vars() any {
	var o object
	for _, kv := range f.Vars {
		if name, value, ok := strings.Cut(kv, "="); ok {
			o.set(name, value)
		}
	}
	if o == nil {
		return nil
	}
	return o
}

// Vars reads the values of --env: KEY=VALUE, or the path of a file with one of them a line. Comments, blank lines,
// "export " and quotes are understood in files.
func Vars(c Context, words []string) ([]string, error) {
	var out []string
	for _, w := range words {
		if strings.Contains(w, "=") {
			name, _, _ := strings.Cut(w, "=")
			if name == "" {
				return nil, fmt.Errorf("--env %s: no name before the =", clip(w))
			}
			out = append(out, w)
			continue
		}
		data, err := source.Read(c.abs(c.Cwd, w))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("--env %s: neither KEY=VALUE nor a file", clip(w))
		}
		if err != nil {
			return nil, fmt.Errorf("--env: %w", err)
		}
		lines, err := envFile(w, string(data))
		if err != nil {
			return nil, err
		}
		out = append(out, lines...)
	}
	return out, nil
}

func envFile(path, data string) ([]string, error) {
	var out []string
	for i, line := range strings.Split(strings.TrimPrefix(data, "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t\x00") {
			return nil, &SyntaxError{File: path, Line: i + 1, Col: 1, Message: "want KEY=VALUE"}
		}
		out = append(out, name+"="+unquoted(strings.TrimSpace(value)))
	}
	return out, nil
}

// unquoted takes matching quotes off a value; without quotes a comment after a blank is none of it.
func unquoted(v string) string {
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') {
		if end := strings.IndexByte(v[1:], v[0]); end >= 0 {
			inner := v[1 : 1+end]
			if v[0] == '"' {
				inner = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(inner)
			}
			return inner
		}
	}
	if i := strings.Index(v, " #"); i >= 0 {
		v = strings.TrimSpace(v[:i])
	}
	return v
}
