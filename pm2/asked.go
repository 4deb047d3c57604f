package pm2

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"weaver/app"
)

// Prepared is an app as a client of PM2's asks for it.
type Prepared struct {
	Spec app.Spec
	// Instances is how many processes are to be made.
	Instances int
	// Stopped says that they are only to be listed: a record of what was stopped when it was saved.
	Stopped bool
}

// Prepare reads what PM2's front end and library send to have an app started: its whole configuration with absolute paths,
// or a record from a dump. cpus stands for "as many as there are".
func Prepare(conf json.RawMessage, cpus int) (Prepared, error) {
	v, err := Parse(conf)
	if err != nil {
		return Prepared{}, fmt.Errorf("read the app: %w", err)
	}
	o, ok := v.Object()
	if !ok {
		return Prepared{}, errors.New("read the app: it is not an object")
	}
	rec, err := record(o)
	if err != nil {
		return Prepared{}, fmt.Errorf("read the app: %w", err)
	}
	if rec.Module {
		return Prepared{}, fmt.Errorf("%s is a PM2 module, which weaver does not run", rec.Name)
	}
	p := Prepared{Spec: rec.Spec, Instances: 1}
	s := &p.Spec
	if s.Name == "" {
		return p, errors.New("read the app: it has no name")
	}
	if s.Cwd == "" {
		return p, fmt.Errorf("read the app %s: it has no pm_cwd", s.Name)
	}
	given, asked := o.Get("instances")
	if asked = asked && !given.IsNull(); asked {
		p.Instances = instances(given, cpus)
	} else {
		p.Stopped = rec.Status == app.Stopped
	}
	s.Instances = p.Instances
	s.InstancesGiven = asked && !s.MergeLogs
	return p, nil
}

// instances reads a number as PM2's daemon does: 0 and what is no number are all processors, negative ones count down
// from there.
func instances(v Value, cpus int) int {
	const most = 10_000
	n := whole(v)
	if v.kind == text && strings.TrimSpace(v.text) == "" {
		n = 1
	}
	if n <= 0 {
		n += cpus
	}
	return min(max(n, 1), most)
}

// Changed is the spec that a process has after a restart with what a client sent along: variables, and settings under
// "current_conf", of which the text "null" takes one away.
func Changed(p *app.Process, change json.RawMessage) (app.Spec, error) {
	old := specOf(p)
	v, err := Parse(change)
	if err != nil {
		return *old, fmt.Errorf("read the environment: %w", err)
	}
	given, ok := v.Object()
	if !ok {
		return *old, errors.New("read the environment: it is not an object")
	}
	b := builder{dump: true}
	b.build(p, EnvOptions{})
	if err := b.addOwn(old); err != nil {
		return *old, err
	}
	env := &Object{members: append([]Member(nil), b.env.members...)}
	for _, m := range given.members {
		if _, ok := m.Value.scalar(); ok && m.Key != "current_conf" {
			env.Set(m.Key, m.Value)
		}
	}
	b.record.Set("env", Of(env))
	if v, ok := given.Get("current_conf"); ok && v.kind == object {
		for _, m := range v.object.members {
			b.setting(env, m)
		}
	}
	rec, err := record(&b.record)
	if err != nil {
		return *old, err
	}
	s := rec.Spec
	// What belongs to the process, and what a record does not tell from its absence.
	s.OutFile, s.ErrorFile, s.LogFile, s.PIDFile, s.MergeLogs = old.OutFile, old.ErrorFile, old.LogFile, old.PIDFile, old.MergeLogs
	s.Instances, s.InstancesGiven, s.InstancesUnknown, s.Version = max(old.Instances, 1), old.InstancesGiven, old.InstancesUnknown, old.Version
	return s, nil
}

// setting changes one setting of the record.
func (b *builder) setting(env *Object, m Member) {
	switch {
	case m.Key == "env":
		if m.Value.kind == object {
			for _, v := range m.Value.object.members {
				if _, ok := v.Value.scalar(); ok {
					env.Set(v.Key, v.Value)
				}
			}
		}
	case m.Value.kind == text && m.Value.text == "null":
		b.record.Delete(m.Key)
	case m.Value.IsNull():
	default:
		b.record.Set(m.Key, m.Value)
	}
}

// Formatted makes a process as most of PM2's answers have it.
func Formatted(p *app.Process, o EnvOptions) *Object {
	out := &Object{}
	out.add("pid", Number(p.PID))
	out.add("name", String(p.Name))
	out.add("pm2_env", Of(Env(p, o)))
	out.add("pm_id", Number(int(p.ID)))
	return out
}

// Child makes a process in the form in which PM2 hands out its own child object: what clients read of it.
func Child(p *app.Process, o EnvOptions) *Object {
	process := &Object{}
	process.add("pid", Number(p.PID))
	out := &Object{}
	out.add("pid", Number(p.PID))
	out.add("name", String(p.Name))
	out.add("process", Of(process))
	out.add("pm2_env", Of(Env(p, o)))
	out.add("pm_id", Number(int(p.ID)))
	return out
}

// Public is the record of a process without its environment, which is what goes over the bus.
func Public(p *app.Process, o EnvOptions) *Object {
	var b builder
	b.build(p, o)
	b.record.Delete("env")
	return &b.record
}
