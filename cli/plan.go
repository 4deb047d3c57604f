package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
	"weaver/config"
	"weaver/pm2"
)

// What becomes of an app.
const (
	planAdd    = "add"
	planChange = "change"
	planRemove = "remove"
	planSame   = "unchanged"
)

// planned is what a config file means for one app.
type planned struct {
	Name    string    `json:"name"`
	Action  string    `json:"action"`
	Changes []changed `json:"changes,omitempty"`

	spec    *app.Spec // as it is to be; nil for what is removed
	count   int       // instances as they are to be
	current []app.Process
	respec  bool // the processes need the new spec
}

// changed is one key that is to have another value. Values are JSON, empty where there is none.
type changed struct {
	Key  string `json:"key"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// plan is the way from what runs to what a file says.
type plan struct {
	File   string    `json:"file"`
	Apps   []planned `json:"apps"`
	Others int       `json:"others"` // apps that have nothing to do with the file
}

func (p *plan) with(action string) (out []*planned) {
	for i := range p.Apps {
		if p.Apps[i].Action == action {
			out = append(out, &p.Apps[i])
		}
	}
	return out
}

// wished reads the file, all of which has to be fine.
func (c *call) wished(path string) (config.Loaded, error) {
	loaded, err := c.load(path)
	if err != nil || len(loaded.Failed) == 0 {
		return loaded, err
	}
	for _, f := range loaded.Failed {
		c.out.fail(fmt.Sprintf("[PM2][ERROR] %s: %v", f.Name, f.Err))
	}
	return loaded, errReported
}

// planFor compares what a file says with what runs.
func (c *call) planFor(loaded *config.Loaded) (*plan, error) {
	list, err := c.processes(true, nil)
	if err != nil {
		return nil, err
	}
	return compare(loaded, list, c.given("only"))
}

// compare makes the plan. A part of a file says nothing about what is missing in it.
func compare(loaded *config.Loaded, list []app.Process, part bool) (*plan, error) {
	p := &plan{File: loaded.File, Apps: []planned{}}
	running := map[string][]app.Process{}
	var names []string
	for i := range list {
		name := list[i].Name
		if running[name] == nil {
			names = append(names, name)
		}
		running[name] = append(running[name], list[i])
	}
	for i := range loaded.Apps {
		one, err := compareApp(&loaded.Apps[i], running[loaded.Apps[i].Name])
		if err != nil {
			return nil, err
		}
		p.Apps = append(p.Apps, one)
	}
	for _, name := range names {
		if slices.ContainsFunc(p.Apps, func(a planned) bool { return a.Name == name }) {
			continue
		}
		from := running[name][0].Spec.From
		if part || from == nil || from.File != loaded.File || loaded.File == "-" {
			p.Others++
			continue
		}
		p.Apps = append(p.Apps, planned{Name: name, Action: planRemove, current: running[name]})
	}
	return p, nil
}

func compareApp(want *app.Spec, current []app.Process) (planned, error) {
	out := planned{Name: want.Name, Action: planAdd, spec: want, count: max(want.Instances, 1), current: current}
	if len(current) == 0 {
		return out, nil
	}
	have := current[0].Spec
	spec := want.Clone()
	spec.Env = envFrom(have, want)
	out.spec = &spec
	var err error
	if out.Changes, err = settingChanges(have, want); err != nil {
		return out, err
	}
	out.Changes = append(out.Changes, envChanges(have.Env, spec.Env)...)
	for i := 1; i < len(current) && len(out.Changes) == 0; i++ { // one that a failed change has left as it was
		if out.Changes, err = settingChanges(current[i].Spec, want); err != nil {
			return out, err
		}
	}
	out.respec = len(out.Changes) > 0
	if n := len(current); n != out.count {
		out.Changes = append(out.Changes, changed{"instances", fmt.Sprint(n), fmt.Sprint(out.count)})
	}
	if app.IsTrue(want.AutoStart) {
		if p := idle(current); p != nil {
			out.Changes = append(out.Changes, changed{"status", inJSON(string(p.Status)), inJSON(string(app.Online))})
		}
	}
	out.Action = planSame
	if len(out.Changes) > 0 {
		out.Action = planChange
	}
	return out, nil
}

// idle is a process that is to run and does not mean to.
func idle(list []app.Process) *app.Process {
	for i := range list {
		if !list[i].Wanted || list[i].Status == app.Errored {
			return &list[i]
		}
	}
	return nil
}

// envFrom is the environment that a process is to have: that of whoever started it, with what the file sets now in place of
// what it set then.
func envFrom(have, want *app.Spec) app.Env {
	env := have.Env.Clone()
	if have.From != nil {
		env = slices.DeleteFunc(env, func(v app.Var) bool { return slices.Contains(have.From.Env, v.Name) })
	}
	for _, name := range want.From.Env { // those that it takes away
		if _, set := want.Env.Get(name); !set {
			env.Unset(name)
		}
	}
	for i := range want.Env {
		v := want.Env[i]
		if _, had := env.Get(v.Name); slices.Contains(want.From.Env, v.Name) || !had && strings.HasPrefix(v.Name, "PM2_") {
			env.Merge(app.Env{v})
		}
	}
	return env
}

// inJSON is a text as JSON has it.
func inJSON(s string) string { return string(pm2.String(s).AppendJSON(nil)) }

// settingChanges are the settings in which two specs differ.
func settingChanges(have, want *app.Spec) ([]changed, error) {
	old, err := pm2.Settings(have)
	if err != nil {
		return nil, err
	}
	wished, err := pm2.Settings(want)
	if err != nil {
		return nil, err
	}
	var out []changed
	for _, s := range wished {
		i := slices.IndexFunc(old, func(o pm2.Setting) bool { return o.Key == s.Key })
		switch {
		case i < 0:
			out = append(out, changed{Key: s.Key, To: string(s.Value)})
		case !bytes.Equal(old[i].Value, s.Value):
			out = append(out, changed{s.Key, string(old[i].Value), string(s.Value)})
		}
	}
	for _, o := range old {
		if !slices.ContainsFunc(wished, func(s pm2.Setting) bool { return s.Key == o.Key }) {
			out = append(out, changed{Key: o.Key, From: string(o.Value)})
		}
	}
	return out, nil
}

func envChanges(have, want app.Env) (out []changed) {
	for i := range want {
		name := want[i].Name
		old, had := have.Get(name)
		switch {
		case !had:
			out = append(out, changed{Key: "env." + name, To: inJSON(want[i].Value)})
		case old != want[i].Value:
			out = append(out, changed{"env." + name, inJSON(old), inJSON(want[i].Value)})
		}
	}
	for i := range have {
		if _, has := want.Get(have[i].Name); !has {
			out = append(out, changed{Key: "env." + have[i].Name, From: inJSON(have[i].Value)})
		}
	}
	return out
}

// hide strikes out secrets.
func (p *plan) hide() {
	for i := range p.Apps {
		for j := range p.Apps[i].Changes {
			ch := &p.Apps[i].Changes[j]
			name, isVar := strings.CutPrefix(ch.Key, "env.")
			for _, v := range []*string{&ch.From, &ch.To} {
				switch {
				case *v == "":
				case !isVar && holdsSecret(*v), isVar && app.HoldsSecret(name, fromJSON(*v)):
					*v = inJSON(app.Redacted)
				}
			}
		}
	}
}

// fromJSON is what a JSON string says; anything else is as it is.
func fromJSON(doc string) string {
	var text string
	if json.Unmarshal([]byte(doc), &text) != nil {
		return doc
	}
	return text
}

// holdsSecret reports that something in a setting's JSON looks like one: an argument, or a URL with a password.
func holdsSecret(doc string) bool {
	var words []string
	if json.Unmarshal([]byte(doc), &words) != nil {
		return app.Redact(doc) != doc
	}
	return app.Redact(strings.Join(words, " ")) != strings.Join(words, " ")
}

// text is the plan for people.
func (p *plan) text(color bool) string {
	paint := func(code, s string) string {
		if !color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[39m"
	}
	width := 0
	for i := range p.Apps {
		width = max(width, len(p.Apps[i].Name))
	}
	var b strings.Builder
	for i := range p.Apps {
		a := &p.Apps[i]
		name := fmt.Sprintf("%-*s", width, a.Name)
		switch a.Action {
		case planAdd:
			fmt.Fprintf(&b, "%s  %s, %s\n", paint("32", "+ "+name), instancesText(a.count), scriptText(a.spec))
		case planRemove:
			fmt.Fprintf(&b, "%s  %s, not in %s any more: deleted with --prune\n", paint("31", "- "+name), instancesText(len(a.current)), filepath.Base(p.File))
		case planChange:
			for j, ch := range a.Changes {
				lead := strings.Repeat(" ", width+2)
				if j == 0 {
					lead = paint("33", "~ "+name)
				}
				fmt.Fprintf(&b, "%s  %s: %s → %s\n", lead, ch.Key, valueText(ch.From), valueText(ch.To))
			}
		}
	}
	add, change, remove := len(p.with(planAdd)), len(p.with(planChange)), len(p.with(planRemove))
	if add+change+remove == 0 {
		b.WriteString("no changes")
	} else {
		fmt.Fprintf(&b, "%d to add, %d to change, %d to remove", add, change, remove)
	}
	fmt.Fprintf(&b, " (%d unchanged, %d not from this file)\n", len(p.with(planSame)), p.Others)
	return b.String()
}

func instancesText(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}

func scriptText(s *app.Spec) string {
	if s.Interpreter == "" || s.Interpreter == config.None {
		return s.Script
	}
	return filepath.Base(s.Interpreter) + " " + s.Script
}

// valueText keeps long values short: what is behind them is in --json.
func valueText(v string) string {
	const most = 60
	switch {
	case v == "":
		return "(none)"
	case len(v) > most:
		return strings.ToValidUTF8(v[:most], "") + "…"
	}
	return v
}

// runPlan shows what apply would do.
func runPlan(c *call) error {
	loaded, err := c.wished(c.args[0])
	if err != nil {
		return err
	}
	p, err := c.planFor(&loaded)
	if err != nil {
		return err
	}
	if !c.showSecrets() {
		p.hide()
	}
	if c.out.json {
		err = c.out.value(p)
	} else {
		c.out.data(p.text(c.out.color))
	}
	if err == nil && c.bool("exit-code") && len(p.with(planSame)) < len(p.Apps) {
		return exitCode(2)
	}
	return err
}
