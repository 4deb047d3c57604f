package config

import (
	"fmt"
	"slices"
	"strings"

	"weaver/app"
	"weaver/order"
)

// dependencies brings depends_on and wait_for together, under the key depends_on. Both take a name, a list of names and of
// objects, or an object by name, as docker-compose has it. A name in wait_for says how long depends_on waits for it.
func (v values) dependencies() error {
	var list []app.Dependency
	for _, key := range []string{"depends_on", "wait_for"} {
		given, ok := v[key]
		if !ok || falsy(given) {
			continue
		}
		more, err := dependencyList(key, given)
		if err != nil {
			return err
		}
		for _, d := range more {
			at := slices.IndexFunc(list, func(other app.Dependency) bool { return other.Name == d.Name })
			switch {
			case at < 0:
				list = append(list, d)
			case key == "depends_on":
				return fmt.Errorf("depends_on names %s twice", clip(d.Name))
			default:
				list[at].Timeout = d.Timeout
				if d.Condition != "" {
					list[at].Condition = d.Condition
				}
				list[at].Optional = list[at].Optional || d.Optional
			}
		}
	}
	if _, given := v["depends_on"]; given || list != nil {
		v["depends_on"] = list
	}
	delete(v, "wait_for")
	if name, _ := v["name"].(string); name != "" {
		for i := range list {
			if list[i].Name == name {
				return fmt.Errorf("dependency cycle: %s", order.Arrows([]string{name, name}))
			}
		}
	}
	return nil
}

func dependencyList(key string, given any) ([]app.Dependency, error) {
	var list []app.Dependency
	switch given := given.(type) {
	case string:
		for word := range strings.FieldsFuncSeq(given, func(r rune) bool { return r == ',' || r == ' ' }) {
			d, err := app.ParseDependency(word)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			list = append(list, d)
		}
	case []any:
		for _, e := range given {
			d, err := dependencyElement(key, e)
			if err != nil {
				return nil, err
			}
			list = append(list, d)
		}
	case object:
		if _, one := nameOfDependency(given); one {
			d, err := dependencyElement(key, given)
			return []app.Dependency{d}, err
		}
		for _, m := range given {
			d := app.Dependency{Name: m.key}
			if err := fillDependency(&d, key, m.val); err != nil {
				return nil, err
			}
			list = append(list, d)
		}
	}
	for i := range list {
		if list[i].Name == "" {
			return nil, fmt.Errorf("%s names a dependency without a name", key)
		}
		if err := checkName(key, list[i].Name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// nameOfDependency is what an object that describes one dependency names, if it is such an object and not one by name.
func nameOfDependency(o object) (string, bool) {
	for _, key := range []string{"service", "name", "app"} {
		if val, _ := o.get(key); val != nil {
			if name, ok := val.(string); ok && name != "" {
				return name, true
			}
		}
	}
	return "", false
}

func dependencyElement(key string, e any) (app.Dependency, error) {
	switch e := e.(type) {
	case string:
		d, err := app.ParseDependency(e)
		if err != nil {
			return d, fmt.Errorf("%s: %w", key, err)
		}
		return d, nil
	case object:
		name, ok := nameOfDependency(e)
		if !ok {
			return app.Dependency{}, fmt.Errorf("%s holds an object that names no service", key)
		}
		d := app.Dependency{Name: name}
		rest := slices.DeleteFunc(slices.Clone(e), func(m member) bool { return slices.Contains([]string{"service", "name", "app"}, m.key) })
		return d, fillDependency(&d, key, rest)
	}
	return app.Dependency{}, fmt.Errorf("%s holds names and objects, not %s", key, clip(text(e)))
}

// fillDependency reads what is said of a dependency: nothing, a condition, or {condition, timeout, required, restart}.
func fillDependency(d *app.Dependency, key string, given any) error {
	if word, ok := given.(string); ok {
		given = object{{"condition", word}}
	}
	o, ok := given.(object)
	if !ok {
		if given == nil || given == true {
			return nil
		}
		return fmt.Errorf("%s.%s is a condition or an object, not %s", key, clip(d.Name), clip(text(given)))
	}
	for _, m := range o {
		switch m.key {
		case "condition":
			if d.Condition, ok = app.ParseCondition(text(m.val)); !ok {
				return fmt.Errorf("%s.%s: a condition is started, ready, healthy or completed, but now is %s", key, clip(d.Name), clip(text(m.val)))
			}
		case "timeout":
			t, err := app.ParseDuration(text(m.val))
			if err != nil || t < 0 {
				return fmt.Errorf("%s.%s: timeout has to be milliseconds or a duration, but now is %s", key, clip(d.Name), clip(text(m.val)))
			}
			d.Timeout = t
		case "required":
			required, isBool := m.val.(bool)
			if !isBool {
				return fmt.Errorf("%s.%s: required is true or false, but now is %s", key, clip(d.Name), clip(text(m.val)))
			}
			d.Optional = !required
		case "restart": // docker-compose: restart it with its dependency
			if m.val != false {
				return fmt.Errorf("%s.%s: restart is not done by weaver: restart both, which is done in order", key, clip(d.Name))
			}
		default:
			err := saidf("%s.%s: unknown key %s", key, clip(d.Name), clip(m.key))
			if near := Nearest(m.key, []string{"condition", "timeout", "required", "restart"}); near != "" {
				err.try("did you mean %q?", near)
			}
			return err
		}
	}
	return nil
}

// checkCycle says which apps of a file depend on each other in turn, nil if none do.
func checkCycle(apps []app.Spec) *Problem {
	g := order.Graph{}
	for i := range apps {
		for _, d := range apps[i].DependsOn {
			g.Add(apps[i].Name, d.Name)
		}
	}
	if cycle := g.Cycle(); cycle != nil {
		return &Problem{Key: "depends_on", Message: "dependency cycle: " + order.Arrows(cycle)}
	}
	return nil
}
