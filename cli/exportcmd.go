package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
	"weaver/config"
	"weaver/config/port"
)

func exportFlags() []flag {
	return append(secretsFlag(), []flag{
		{name: "out", arity: one, meta: "DIR", help: "write the files into a directory"},
		{name: "config", arity: one, meta: "FILE", help: "export what a config file describes, not what runs"},
		{name: "force", alias: "f", help: "replace files that are there"},
	}...)
}

// runExport describes apps to another supervisor: on standard output, or in files. What has no counterpart there is said on
// standard error; secrets are not written.
func runExport(c *call) error {
	format := c.args[0]
	if known := port.Targets(); !slices.Contains(known, format) {
		err := &usageError{fmt.Sprintf("unknown format `%s'", format), "it is one of " + strings.Join(known, ", ")}
		if near := nearest(format, known); near != "" {
			err.hint = "did you mean " + near + "? It is one of " + strings.Join(known, ", ")
		}
		return err
	}
	var items []port.Item
	var err error
	if c.given("config") {
		items, err = c.itemsOf(c.str("config"), c.args[1:])
	} else {
		items, err = c.itemsRunning(c.args[1:])
	}
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return c.cannot("", "export", errors.New("there are no apps"))
	}
	files, notes, err := port.Write(port.Options{ShowSecrets: c.bool("show-secrets"), Home: c.home.Dir}, format, items)
	if err != nil {
		return c.cannot("", "export", err)
	}
	for _, n := range notes {
		c.out.warned = append(c.out.warned, n.String())
		c.out.note("note: %s", n)
	}
	if c.given("out") {
		return c.writeExport(c.abs(c.str("out")), files)
	}
	if c.out.json {
		made := map[string]string{}
		for _, f := range files {
			made[f.Name] = string(f.Data)
		}
		return c.out.value(map[string]any{"files": made, "notes": c.out.warned})
	}
	var b bytes.Buffer
	for i, f := range files {
		if len(files) > 1 {
			between := ""
			if i > 0 {
				between = "\n"
				if strings.HasSuffix(f.Name, ".yaml") {
					between = "---\n"
				}
			}
			fmt.Fprintf(&b, "%s# %s\n", between, f.Name)
		}
		b.Write(f.Data)
	}
	c.out.bytes(b.Bytes())
	return nil
}

// itemsRunning are the apps of the list, as many of each as there are processes.
func (c *call) itemsRunning(targets []string) ([]port.Item, error) {
	up, err := c.daemonUp()
	if err != nil {
		return nil, err
	}
	if !up {
		return nil, c.cannot("--config FILE exports what a config file describes", "export", fmt.Errorf("no supervisor runs in %s", c.home.Dir))
	}
	list, err := c.client.List(c.ctx, true, c.env.Cwd, selectors(targets)...)
	if err != nil {
		return nil, answered(err)
	}
	var items []port.Item
	at := map[string]int{}
	caller, shared := app.ParseEnviron(c.env.Environ), map[string]bool{}
	for i := range list {
		p := &list[i]
		if p.Spec == nil || p.Spec.Module {
			continue
		}
		key := p.Spec.NamespaceOrDefault() + "\x00" + p.Name
		if n, seen := at[key]; seen {
			items[n].Count++
			continue
		}
		spec := p.Spec.Clone()
		spec.Name = p.Name
		var left []string
		spec.Env, left = port.OwnEnv(spec.Env, caller)
		for _, name := range left {
			shared[name] = true
		}
		at[key] = len(items)
		items = append(items, port.Item{Spec: spec, Count: 1})
	}
	if len(shared) > 0 {
		c.out.note("note: variables that your own environment has too, with the same values, are left out: %s", strings.Join(sortedKeys(shared), ", "))
	}
	return items, nil
}

// itemsOf are the apps of a config file, with what the file gives them and nothing of the caller's but the path.
func (c *call) itemsOf(path string, names []string) ([]port.Item, error) {
	cc := c.fileContext()
	cc.Env = nil
	if p := c.env.Getenv("PATH"); p != "" {
		cc.Env.Set("PATH", p)
	}
	loaded, err := config.Load(c.ctx, cc, path, c.appFlags())
	c.problems(loaded.Problems)
	if err != nil {
		return nil, c.configError(err)
	}
	for _, f := range loaded.Failed {
		return nil, c.cannot("", "export "+f.Name, f.Err)
	}
	for _, name := range names {
		if name != string(app.All) && !slices.Contains(loaded.Names(), name) {
			return nil, c.cannot("", "export "+name, fmt.Errorf("%s describes no app of that name", path))
		}
	}
	var items []port.Item
	for i := range loaded.Apps {
		s := &loaded.Apps[i]
		if len(names) > 0 && !slices.Contains(names, s.Name) && !slices.Contains(names, string(app.All)) {
			continue
		}
		s.Env, _ = port.OwnEnv(s.Env, nil)
		items = append(items, port.Item{Spec: *s, Count: s.Instances})
	}
	return items, nil
}

// writeExport writes all files, or none if one is there already. Those with secrets are for their owner alone.
func (c *call) writeExport(dir string, files []port.File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return c.cannot("", "write into "+dir, err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if _, err := os.Lstat(path); err == nil && !c.bool("force") {
			return c.cannot("--force replaces what is there", "write "+path, os.ErrExist)
		}
	}
	mode := os.FileMode(0o644)
	if c.bool("show-secrets") {
		mode = 0o600
	}
	for _, f := range files {
		if err := c.replaceFile(filepath.Join(dir, f.Name), f.Data, mode); err != nil {
			return err
		}
	}
	return nil
}
