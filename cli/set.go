package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/config"
	"weaver/lock"
)

// PM2's settings are texts under "key" and "section:key". A section that has the name of an app or a module is given to it
// in its environment. Those of weaver's own (config.OwnSetting) and of pm2-logrotate act on weaver itself.

// runSet sets one setting; without arguments it opens the file in an editor, as PM2 does.
func runSet(c *call) error {
	switch len(c.args) {
	case 0:
		return c.editConf()
	case 1:
		return &usageError{"missing required argument `value'", program(c.env) + " set KEY VALUE"}
	}
	return c.set([][2]string{{c.args[0], strings.Join(c.args[1:], " ")}}, c.out.talk)
}

// runMultiSet sets several, given as one text.
func runMultiSet(c *call) error {
	words := config.SplitArgs(strings.Join(c.args, " "))
	var pairs [][2]string
	for i := 0; i+1 < len(words); i += 2 {
		pairs = append(pairs, [2]string{words[i], words[i+1]})
	}
	if len(words)%2 != 0 {
		return &usageError{"missing value of `" + words[len(words)-1] + "'", program(c.env) + ` multiset "KEY VALUE KEY VALUE"`}
	}
	return c.set(pairs, func(string, ...any) {}) // PM2 does not say it here
}

// runConfig gets or sets, as PM2's `config` does.
func runConfig(c *call) error {
	if len(c.args) < 2 {
		return runGet(c)
	}
	return runSet(c)
}

// set changes settings, and says so of each section.
func (c *call) set(pairs [][2]string, say func(format string, args ...any)) error {
	if err := c.findHome(); err != nil {
		return err
	}
	if c.home.Shared() {
		return c.setShared(pairs)
	}
	sections := map[string]bool{}
	var order []string
	err := c.changeConf(func(m *config.ModuleConf) error {
		for _, p := range pairs {
			section, key := config.SplitKey(p[0])
			if config.OwnSetting(section, key) {
				if err := c.setOwn(map[string]string{section + "." + key: p[1]}); err != nil {
					return err
				}
				continue
			}
			if section == config.LogRotate {
				change, err := config.Rotate(key, p[1])
				if err != nil {
					return pm2Error("", "%v", err)
				}
				if err := c.setOwn(change); err != nil {
					return err
				}
			}
			c.alters(p[0] + "=" + app.RedactValue(key, p[1]))
			if err := m.Set(section, key, p[1]); err != nil {
				return pm2Error("", "%v", err)
			}
			if section != "" && !sections[section] {
				sections[section] = true
				order = append(order, section)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	m, err := config.LoadModuleConf(c.home)
	if err != nil {
		return err
	}
	for _, section := range order {
		if err := c.tellApp(m, section); err != nil {
			return err
		}
		say("Setting changed")
		c.showSection(m, section)
	}
	if c.out.json {
		return c.out.value(map[string]any{"ok": true})
	}
	return nil
}

// setShared changes settings of another user's supervisor: those that it has itself. Those of apps are in its owner's files.
func (c *call) setShared(pairs [][2]string) error {
	change := map[string]string{}
	for _, p := range pairs {
		section, key := config.SplitKey(p[0])
		if !config.OwnSetting(section, key) {
			return c.cannot("become that user", "set "+p[0], errors.New("the home "+c.home.Dir+" is another user's"))
		}
		change[section+"."+key] = p[1]
	}
	if _, err := c.client.Settings(c.ctx, change); err != nil {
		return answered(err)
	}
	if c.out.json {
		return c.out.value(map[string]any{"ok": true})
	}
	return nil
}

// setOwn changes settings of weaver's: at once where a supervisor runs.
func (c *call) setOwn(change map[string]string) error {
	if len(change) == 0 {
		return nil
	}
	up, err := c.daemonUp()
	if err != nil {
		return err
	}
	if up {
		_, err := c.client.Settings(c.ctx, change)
		return answered(err)
	}
	s, err := config.LoadSettings(c.home)
	if err != nil {
		return err
	}
	for name, value := range change {
		c.alters(name + "=" + app.RedactValue(name, value))
		if err := s.Set(name, value); err != nil {
			return pm2Error("", "%v", err)
		}
	}
	return config.SaveSettings(c.home, s)
}

// answered words what a daemon refused.
func answered(err error) error {
	var answer *api.Error
	if errors.As(err, &answer) {
		return pm2Error(answer.Hint, "%s", answer.Message)
	}
	return err
}

// changeConf changes the file, alone.
func (c *call) changeConf(change func(*config.ModuleConf) error) error {
	if err := c.prepareHome(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, confTimeout)
	defer cancel()
	l, err := lock.Acquire(ctx, filepath.Join(c.home.Dir, "conf.lock"), lock.Holder{PID: os.Getpid(), Command: c.line, Since: time.Now()})
	if err != nil {
		return c.cannot("", "change the settings", err)
	}
	defer l.Release()
	m, err := config.LoadModuleConf(c.home)
	if err != nil {
		return c.cannot("repair "+c.home.ModuleConf()+", or remove it", "change the settings", err)
	}
	if err := change(&m); err != nil {
		return err
	}
	return config.SaveModuleConf(c.home, m)
}

const confTimeout = 10 * time.Second

// tellApp restarts the app or module that a section is about, with its settings in its environment.
func (c *call) tellApp(m config.ModuleConf, section string) error {
	up, err := c.daemonUp()
	if !up {
		return err
	}
	list, err := c.client.List(c.ctx, true, "")
	if err != nil {
		return err
	}
	specs := map[app.ID]app.Spec{}
	for i := range list {
		if list[i].Name == section && list[i].Spec != nil {
			spec := list[i].Spec.Clone()
			m.Tell(section, &spec.Env)
			specs[list[i].ID] = spec
		}
	}
	if len(specs) == 0 {
		return nil
	}
	r, err := c.request(app.VerbRestart, []app.Selector{app.Selector(section)})
	if err != nil {
		return err
	}
	r.Specs = specs
	talk := c.out.json
	c.out.json = true // PM2 says less of it
	err = c.applyLocked(r)
	c.out.json = talk
	if err != nil {
		return err
	}
	c.out.talk("Module %s restarted", section)
	return nil
}

// renew has the apps that a request means start with what is set for them now.
func (c *call) renew(r *api.ActRequest, cwd string) error {
	m, err := config.LoadModuleConf(c.home)
	if err != nil {
		c.out.warn("%v", err)
		return nil
	}
	list, err := c.client.List(c.ctx, true, cwd, r.Targets...)
	if isAnswer(err) {
		return nil // the daemon will say so when it is asked for more
	} else if err != nil {
		return err
	}
	for i := range list {
		p := &list[i]
		if p.Spec == nil {
			continue
		}
		spec, ok := r.Specs[p.ID]
		if !ok {
			spec = *p.Spec
		}
		if !m.Untold(p.Name, spec.Env) {
			continue
		}
		spec = spec.Clone()
		m.Tell(p.Name, &spec.Env)
		if r.Specs == nil {
			r.Specs = map[app.ID]app.Spec{}
		}
		r.Specs[p.ID] = spec
	}
	return nil
}

// withConf gives apps what is set under their names.
func (c *call) withConf(specs []app.Spec) {
	m, err := config.LoadModuleConf(c.home)
	if err != nil {
		c.out.warn("%v", err)
		return
	}
	for i := range specs {
		if env, ok := m.Env(specs[i].Name); ok {
			specs[i].Env.Merge(env)
		}
	}
}

// showSection lists the settings of a section as lines that set them, as PM2 does.
func (c *call) showSection(m config.ModuleConf, name string) {
	settings, ok := m.Section(name)
	if !ok {
		return
	}
	c.out.say("Module: " + name + "\n")
	for _, s := range settings {
		c.out.say("$ " + program(c.env) + " set " + s.Section + ":" + s.Key + " " + s.Value + "\n")
	}
}

func (c *call) showConf(m config.ModuleConf) {
	for _, name := range m.Sections() {
		c.showSection(m, name)
	}
	own, err := config.LoadSettings(c.home)
	if err != nil {
		c.out.warn("%v", err)
	}
	given := own.Given()
	for _, name := range sortedKeys(given) {
		c.out.say("$ " + program(c.env) + " set " + name + " " + given[name] + "\n")
	}
}

// runGet shows one setting, a section, or everything.
func runGet(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	m, err := config.LoadModuleConf(c.home)
	if err != nil {
		return err
	}
	if len(c.args) == 0 {
		c.showConf(m)
		return nil
	}
	section, key := config.SplitKey(c.args[0])
	if config.OwnSetting(section, key) {
		own, err := config.LoadSettings(c.home)
		if err != nil {
			c.out.warn("%v", err)
		}
		value, ok := own.Get(section + "." + key)
		return c.gotten(section, key, value, ok)
	}
	if section != "" {
		value, ok := m.Get(section, key)
		return c.gotten(section, key, value, ok)
	}
	value, scalar := m.Get("", key)
	_, nested := m.Section(key)
	switch {
	case !scalar && !nested:
		return errReported // without a word, as PM2
	case scalar && c.out.json:
		return c.out.value(value)
	}
	c.showSection(m, key)
	c.out.say("Modules configuration. Copy/Paste line to edit values.\n")
	return nil
}

func (c *call) gotten(section, key, value string, ok bool) error {
	switch {
	case !ok:
		return errReported
	case c.out.json:
		return c.out.value(value)
	}
	c.out.say("Value for module " + section + " key " + key + ": " + value + "\n")
	return nil
}

// runConf shows everything, whatever its arguments are, as PM2.
func runConf(c *call) error {
	c.args = nil
	return runGet(c)
}

// runUnset takes settings away, "all" for every one.
func runUnset(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	section, key := config.SplitKey(c.args[0])
	if config.OwnSetting(section, key) {
		own := config.DefaultSettings()
		standard, ok := own.Get(section + "." + key)
		if !ok {
			return pm2Error("", "unknown setting %s", c.args[0])
		}
		return c.setOwn(map[string]string{section + "." + key: standard})
	}
	c.alters(c.args[0])
	err := c.changeConf(func(m *config.ModuleConf) error {
		if c.args[0] == "all" {
			installed := m.Modules()
			m.Clear()
			for _, name := range installed {
				m.Register(name)
			}
			return nil
		}
		m.Unset(section, key)
		return nil
	})
	if err != nil {
		return err
	}
	m, err := config.LoadModuleConf(c.home)
	if err == nil {
		c.showConf(m)
	}
	return err
}

// editConf opens the file in the user's editor.
func (c *call) editConf() error {
	if err := c.findHome(); err != nil {
		return err
	}
	if _, tty := c.env.IsTerminal(c.env.Stdout); !tty {
		return &usageError{"missing required argument `key'", program(c.env) + " set KEY VALUE"}
	}
	if err := c.changeConf(func(*config.ModuleConf) error { return nil }); err != nil {
		return err
	}
	editor := first(c.env.Getenv("VISUAL"), c.env.Getenv("EDITOR"), "vi")
	words := append(config.SplitArgs(editor), c.home.ModuleConf())
	cmd := exec.CommandContext(c.ctx, words[0], words[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.env.Environ, c.env.Stdin, c.env.Stdout, c.env.Stderr
	if err := cmd.Run(); err != nil {
		return c.cannot("set EDITOR", "edit "+c.home.ModuleConf(), err)
	}
	_, err := config.LoadModuleConf(c.home)
	return err
}
