package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/config/home"
)

// configSource is what the supervisor needs to have this command's file applied again.
func (c *call) configSource(spec *app.Spec) *app.ConfigSource {
	s := &app.ConfigSource{File: c.abs(c.str("config")), Sum: c.sum, Dir: c.env.Cwd, Flags: c.overriding()}
	s.Leave(app.ParseEnviron(c.env.Environ), spec.Env)
	return s
}

// sumOf is that of a file, empty if it cannot be read.
func sumOf(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// overriding are the words of this command that win over its file.
func (c *call) overriding() (out []string) {
	for _, set := range [][]flag{c.cmd.flags, specFlags} {
		for i := range set {
			f := &set[i]
			if c.cmd.flag(f.name) != f || !c.given(f.name) {
				continue
			}
			switch f.name {
			case "config", "watch-config", "lazy-init", "home":
				continue
			}
			switch {
			case f.arity == none:
				if c.bool(f.name) {
					out = append(out, long(f))
				}
			case f.arity == one && !f.repeats:
				out = append(out, long(f)+"="+c.str(f.name))
			default:
				for _, v := range c.list(f.name) {
					out = append(out, long(f)+"="+v)
				}
			}
		}
	}
	if len(c.rest) > 0 {
		out = append(append(out, "--"), c.rest...)
	}
	return out
}

func applyFlags() []flag {
	return append(serviceStart().flags, flag{name: "home", arity: one, meta: "DIR", help: "home of the supervisor"})
}

// runApplyConfig applies the config file of a service that runs, as `service start` would start it, without downtime where
// that can be. The supervisor calls it when the file has changed.
func runApplyConfig(c *call) error {
	name := c.args[0]
	if dir := c.str("home"); dir != "" {
		c.home = home.At(dir)
		c.client.Socket = c.home.Socket()
	}
	spec, err := c.serviceSpec(name)
	if err != nil {
		return err
	}
	return c.locked([]string{name}, func(fds []int) error {
		list, err := c.client.List(c.ctx, true, "")
		if err != nil {
			return err
		}
		count, wanted, changed := 0, false, false
		for i := range list {
			p := &list[i]
			if p.Name != name {
				continue
			}
			if p.Spec.WatchConfig == nil || p.Spec.WatchConfig.File != spec.WatchConfig.File {
				return nil // it was started in another way meanwhile
			}
			count++
			wanted = wanted || p.Wanted
			changed = changed || !meansTheSame(p.Spec, &spec)
		}
		if !wanted { // it will be when it is started
			return nil
		}
		if changed {
			r := api.StartRequest{Specs: []app.Spec{spec}, IfExists: app.Reload}
			if err := c.quietly("apply "+spec.WatchConfig.File+" to", name, func(report func(app.Progress)) error {
				return c.client.Start(c.ctx, r, fds, report)
			}); err != nil {
				return err
			}
		}
		if n := max(spec.Instances, 1); spec.InstancesGiven && n != count {
			return c.quietly("scale", name, func(report func(app.Progress)) error {
				return c.client.Scale(c.ctx, api.ScaleRequest{Name: name, N: n}, fds, report)
			})
		}
		return nil
	})
}

// meansTheSame reports that a process with one spec need not be replaced for the other.
func meansTheSame(a, b *app.Spec) bool {
	changes, err := settingChanges(a, b)
	return err == nil && len(changes) == 0 && len(envChanges(a.Env, b.Env)) == 0
}

// configText says how it stands with a config file that is watched.
func configText(s *api.ConfigState) string {
	if s.Problem == "" {
		return s.File + ", applied again when it changes"
	}
	return "NOT APPLIED since " + s.Since.Local().Format(time.DateTime) + ", the former one is in force: " + s.Problem
}
