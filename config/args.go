package config

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
)

// FromArgs is the app that "start TARGET flags -- scriptArgs" means: a script, a program in PATH, or a command line.
// Problems are warnings; *Invalid lists what is wrong with the flags, other errors are about the machine.
func FromArgs(c Context, target string, f Flags, scriptArgs []string) (app.Spec, []Problem, error) {
	in := f.object()
	in.set("script", target)
	vals, warnings, errs := check(in, c)
	if target == "" {
		errs = append(errs, Problem{Key: "script", Message: "No script path - aborting"})
	}
	if len(errs) > 0 {
		for i := range errs {
			errs[i].App = ""
		}
		return app.Spec{}, warnings, &Invalid{errs}
	}
	if f.Ext != "" {
		others, err := c.otherFiles(vals, f.Ext)
		if err != nil {
			return app.Spec{}, warnings, err
		}
		vals["ignore_watch"] = append(vals.words("ignore_watch"), others...)
	}
	if f.Env != "" {
		warnings = append(warnings, Problem{Key: "env", Message: "--env is for config files and is not used"})
	}
	s, problems, err := c.spec(request{in: in, vals: vals, scriptArgs: scriptArgs, scriptSet: len(scriptArgs) > 0})
	return s, append(warnings, problems...), err
}

func (v values) words(key string) []string {
	list, _ := v[key].([]string)
	return slices.Clone(list)
}

// otherFiles lists what --ext leaves out: every file below the app's directory that has none of the endings. It is
// what is there now; files that come later are watched. Hidden directories and node_modules are left out whole.
func (c Context) otherFiles(v values, endings string) ([]string, error) {
	const most = 100_000
	dir, err := c.directory(v)
	if err != nil {
		return nil, err
	}
	wanted := strings.FieldsFunc(endings, func(r rune) bool { return r == ',' || r == ' ' })
	var out []string
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || path == dir:
			return err
		case e.IsDir() && (strings.HasPrefix(e.Name(), ".") || e.Name() == "node_modules"):
			out = append(out, path)
			return filepath.SkipDir
		case e.IsDir():
			return nil
		}
		for _, w := range wanted {
			if strings.HasSuffix(e.Name(), w) {
				return nil
			}
		}
		if out = append(out, path); len(out) > most {
			return fmt.Errorf("--ext: more than %d other files below %s", most, dir)
		}
		return nil
	})
	return out, err
}
