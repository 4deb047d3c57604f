package pm2

import (
	"encoding/json"
	"strconv"
	"strings"

	"weaver/app"
)

// environment adds "env": the variables, an empty object under the app's name, which PM2 puts there for module
// settings, and unique_id.
func (b *builder) environment(p *app.Process, s *app.Spec, o EnvOptions) {
	b.env.members = b.env.members[:0]
	home := o.Home == ""
	for _, v := range s.Env {
		home = home || v.Name == "PM2_HOME"
		b.env.add(v.Name, variable(s, b.variable(v)))
	}
	if !home {
		b.env.add("PM2_HOME", String(o.Home))
	}
	if b.env.find(p.Name) < 0 {
		settings := Of(&Object{})
		if fromFile(s) {
			settings = String("{}") // PM2 writes what is no text in a file's environments out
		}
		b.env.add(p.Name, settings)
	}
	if p.UniqueID != "" {
		b.env.Set("unique_id", String(p.UniqueID))
	}
	if name, n, ok := increment(s); ok {
		b.env.Set(name, Number(n))
	}
	b.value("env", Of(&b.env))
}

// variable is a string, but for PORT where the app has a port, which PM2 sets as the number it is.
func variable(s *app.Spec, v app.Var) Value {
	if s.Port != nil && v.Name == "PORT" && v.Value == strconv.Itoa(*s.Port) {
		return Number(*s.Port)
	}
	if v.Bare {
		return parseRaw(json.RawMessage(v.Value))
	}
	return String(v.Value)
}

// increment returns the variable that counts up per instance, and this instance's number, which its own environment has.
func increment(s *app.Spec) (string, int, bool) {
	if s.IncrementVar == "" {
		return "", 0, false
	}
	own, _ := s.Env.Get(s.IncrementVar)
	n, err := strconv.Atoi(strings.TrimSpace(own))
	if err != nil {
		n = 0
	}
	return s.IncrementVar, n, true
}

// variables copies the environment to the top, after the two variables that differ between instances.
func (b *builder) variables(p *app.Process, s *app.Spec) {
	b.num(instanceVar(s), int64(p.Instance))
	name, n, counts := increment(s)
	if counts {
		b.num(name, int64(n))
	}
	for i := range b.env.members {
		m := &b.env.members[i]
		if m.Value.kind == object || internal(m.Key) || m.Key == instanceVar(s) || counts && m.Key == name {
			continue
		}
		if _, moves := index(m.Key); moves {
			continue // added below, because it goes to the front
		}
		b.record.members = append(b.record.members, *m)
	}
	for _, m := range b.env.members {
		if _, moves := index(m.Key); !moves {
			break
		}
		if m.Value.kind != object {
			b.record.add(m.Key, m.Value)
		}
	}
}
