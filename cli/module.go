package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"weaver/api"
	"weaver/app"
	"weaver/config"
)

// A module is an npm package that runs as a service of the supervisor's own: "all" does not mean it, dumps do not hold it,
// and it finds its settings in its environment.

// manifest is what matters of a package.json.
type manifest struct {
	Name    string                     `json:"name"`
	Version string                     `json:"version"`
	Main    string                     `json:"main"`
	Bin     json.RawMessage            `json:"bin"`
	Apps    json.RawMessage            `json:"apps"`
	PM2     json.RawMessage            `json:"pm2"`
	Config  map[string]json.RawMessage `json:"config"`
	Deps    map[string]string          `json:"dependencies"`
}

func readManifest(dir string) (manifest, error) {
	var m manifest
	path := filepath.Join(dir, "package.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("read %s: %w", path, err)
	}
	return m, nil
}

// script is the program of a package without a section of its own for it: its first command, else its main file.
func (m *manifest) script() string {
	var one string
	var many map[string]string
	switch {
	case json.Unmarshal(m.Bin, &one) == nil && one != "":
		return one
	case json.Unmarshal(m.Bin, &many) == nil && len(many) > 0:
		if s, ok := many[m.Name]; ok {
			return s
		}
		return many[sortedKeys(many)[0]]
	}
	return first(m.Main, "index.js")
}

func (c *call) moduleSay(format string, args ...any) {
	c.out.say("[PM2][Module] " + fmt.Sprintf(format, args...) + "\n")
}

func moduleError(format string, args ...any) error {
	return &failure{text: "[PM2][Module][ERROR] " + fmt.Sprintf(format, args...)}
}

// runInstall installs modules and starts them: from npm, an archive, or as they are in a directory of the developer's.
func runInstall(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	for _, t := range c.args {
		if err := c.install(t); err != nil {
			return err
		}
	}
	return c.after(nil)
}

func (c *call) install(what string) error {
	name, _, _ := strings.Cut(what, "@")
	if name == config.LogRotate {
		c.moduleSay("%s is built in: %s set %s:max_size 10M", config.LogRotate, program(c.env), config.LogRotate)
		return nil
	}
	if info, err := os.Stat(c.abs(what)); err == nil && info.IsDir() && (what == "." || strings.HasPrefix(what, "./") || strings.HasPrefix(what, "../") || filepath.IsAbs(what)) {
		c.moduleSay("Installing local module in DEVELOPMENT MODE with WATCH auto restart")
		m, err := readManifest(c.abs(what))
		if err != nil {
			return moduleError("%v", err)
		}
		return c.launchModule(c.abs(what), m, true)
	}
	c.moduleSay("Installing NPM %s module", what)
	dir := filepath.Join(c.home.Modules(), moduleDir(what))
	c.moduleSay("Calling [NPM] to install %s ...", what)
	fresh := dir + ".new"
	if err := c.npmInstall(what, fresh); err != nil {
		os.RemoveAll(fresh)
		return pm2Error("what was there before is as it was", "Installation failed via NPM: %v", err)
	}
	c.moduleSay("Module downloaded")
	if err := swap(fresh, dir); err != nil {
		return c.cannot("", "put the module into "+dir, err)
	}
	top, err := readManifest(dir)
	if err != nil || len(top.Deps) == 0 {
		return moduleError("npm installed nothing that can be found in %s: %v", dir, err)
	}
	pkg := filepath.Join(dir, "node_modules", filepath.FromSlash(sortedKeys(top.Deps)[0]))
	m, err := readManifest(pkg)
	if err != nil {
		return moduleError("%v", err)
	}
	if err := c.launchModule(pkg, m, false); err != nil {
		return err
	}
	c.moduleSay("Module successfully installed and launched")
	c.moduleSay("Checkout module options: `$ %s conf`", program(c.env))
	return nil
}

// moduleDir is the directory of a module below modules/: its name, without a version, as the name of a file.
func moduleDir(what string) string {
	if strings.ContainsAny(what, "/\\") && !strings.HasPrefix(what, "@") {
		what = filepath.Base(what)
	}
	what = strings.TrimSuffix(strings.TrimSuffix(what, ".tgz"), ".tar.gz")
	if i := strings.LastIndexByte(what, '@'); i > 0 {
		what = what[:i]
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.@", r) {
			return r
		}
		return '-'
	}, strings.TrimLeft(what, "."))
}

// npmInstall installs a package into a directory of its own.
func (c *call) npmInstall(what, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte("{}\n"), 0o600); err != nil {
		return err
	}
	if _, err := os.Stat(c.abs(what)); err == nil {
		what = c.abs(what) // an archive
	}
	cmd := exec.CommandContext(c.ctx, "npm", "install", what, "--loglevel=error", "--no-audit", "--no-fund", "--prefix", dir)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, c.env.Environ, c.env.Stderr, c.env.Stderr
	return cmd.Run()
}

// swap puts fresh in the place of dir.
func swap(fresh, dir string) error {
	old := dir + ".old"
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return os.RemoveAll(old)
}

// launchModule gives a module its settings and starts it, anew if it runs.
func (c *call) launchModule(dir string, m manifest, local bool) error {
	if m.Name == "" {
		return moduleError("%s has no name", filepath.Join(dir, "package.json"))
	}
	c.alters(m.Name)
	err := c.changeConf(func(conf *config.ModuleConf) error {
		for _, key := range sortedKeys(m.Config) {
			var text string
			if json.Unmarshal(m.Config[key], &text) != nil {
				text = string(m.Config[key])
			}
			if err := conf.Default(m.Name, key, text); err != nil {
				return err
			}
		}
		if !local {
			conf.Register(m.Name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	specs, err := c.moduleSpecs(dir, m)
	if err != nil {
		return err
	}
	for i := range specs {
		s := &specs[i]
		s.Name = m.Name
		s.Module = true
		if local && len(s.Watch) == 0 {
			s.Watch = json.RawMessage("true")
		}
	}
	return c.startSpecs(api.StartRequest{Specs: specs, File: filepath.Join(dir, "package.json"), IfExists: app.Restart})
}

func (c *call) moduleSpecs(dir string, m manifest) ([]app.Spec, error) {
	cc := c.fileContext()
	cc.Cwd = dir
	if len(m.Apps) > 0 || len(m.PM2) > 0 {
		loaded, err := config.Load(c.ctx, cc, "package.json", config.Flags{})
		if err != nil {
			return nil, c.configError(err)
		}
		if len(loaded.Failed) > 0 {
			return nil, moduleError("%v", loaded.Failed[0])
		}
		return loaded.Apps[:min(1, len(loaded.Apps))], nil
	}
	spec, problems, err := config.FromArgs(cc, m.script(), config.Flags{Name: m.Name, Cwd: dir}, nil)
	c.problems(problems)
	if err != nil {
		return nil, c.configError(err)
	}
	return []app.Spec{spec}, nil
}

// runUninstall ends modules and removes them. Their settings are kept.
func runUninstall(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	conf, err := config.LoadModuleConf(c.home)
	if err != nil {
		return err
	}
	names := []string{c.args[0]}
	if c.args[0] == string(app.All) {
		names = conf.Modules()
	}
	for _, name := range names {
		c.moduleSay("Uninstalling module %s", name)
		known := false
		c.alters(name)
		err := c.changeConf(func(m *config.ModuleConf) error {
			known = m.Unregister(name)
			return nil
		})
		if err != nil {
			return err
		}
		if !known {
			return moduleError("Unknown module")
		}
		if err := c.endModule(name); err != nil {
			return err
		}
		if err := c.removeModule(name); err != nil {
			return c.cannot("", "remove the module "+name, err)
		}
	}
	list, err := c.processes(false, nil)
	if err == nil {
		c.render(list)
	}
	return err
}

func (c *call) endModule(name string) error {
	up, err := c.daemonUp()
	if !up {
		return err
	}
	r := api.ActRequest{Verb: app.VerbDelete, Targets: []app.Selector{app.Selector(name)}}
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	return c.client.Act(ctx, r, nil, func(p app.Progress) {
		if p.Step == app.StepFailed && p.Kind != string(api.NotFound) {
			c.out.progress(p)
		}
	})
}

// removeModule removes the directory that holds a package of that name.
func (c *call) removeModule(name string) error {
	dirs, err := os.ReadDir(c.home.Modules())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range dirs {
		dir := filepath.Join(c.home.Modules(), d.Name())
		if m, err := readManifest(dir); err == nil {
			if _, ok := m.Deps[name]; ok {
				if err := os.RemoveAll(dir); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
