package port

import (
	"slices"
	"strings"
)

// dependencies reads [Unit]: what it says of other services comes to depends_on where they are read together.
func (u *unit) dependencies(s *service, all []*unit) error {
	type need struct {
		name     string
		required bool
		ordered  bool
		key      *setting
	}
	var needs []*need
	for i := range u.keys["Unit"] {
		k := &u.keys["Unit"][i]
		switch k.key {
		case "Description":
			s.comment = clip(u.specifiers(k, k.value))
		case "Documentation":
		case "StartLimitBurst":
			if err := u.burst(s, k, k.value); err != nil {
				return err
			}
		case "StartLimitInterval", "StartLimitIntervalSec":
			if err := u.interval(s, k, k.value); err != nil {
				return err
			}
		case "After", "Requires", "Wants", "BindsTo", "Requisite":
			for _, name := range strings.Fields(u.specifiers(k, k.value)) {
				at := slices.IndexFunc(needs, func(n *need) bool { return n.name == name })
				if at < 0 {
					at = len(needs)
					needs = append(needs, &need{name: name, key: k})
				}
				n := needs[at]
				n.ordered = n.ordered || k.key == "After"
				n.required = n.required || k.key != "After" && k.key != "Wants"
			}
		default:
			u.note(k, "has no counterpart")
		}
	}
	depends := tree{}
	for _, n := range needs {
		name, isService := strings.CutSuffix(n.name, ".service")
		at := slices.IndexFunc(all, func(other *unit) bool { return other.name == name && other != u })
		switch {
		case isService && at >= 0 && u.reaches(all, all[at], map[*unit]bool{}):
			u.note(n.key, "%s depends on this one in turn: left out", clip(n.name))
		case isService && at >= 0:
			condition := "ready"
			if all[at].value("Type") == "oneshot" {
				condition = "completed"
			}
			d := tree{{key: "condition", val: condition}}
			if !n.required {
				d.set("required", false)
			}
			depends.set(strings.TrimSuffix(name, "@"), d)
		case isService:
			u.note(n.key, "%s is not among the files that are read: weaver does not wait for it", clip(n.name))
		case strings.HasSuffix(n.name, ".target"):
			if !slices.Contains([]string{"network.target", "basic.target", "sysinit.target", "multi-user.target"}, n.name) {
				u.note(n.key, "%s: weaver startup orders weaver itself after the network", clip(n.name))
			}
		default:
			u.note(n.key, "%s: weaver waits for apps only", clip(n.name))
		}
	}
	s.fill("depends_on", depends)
	return nil
}

// reaches reports that from depends on u, through others perhaps.
func (u *unit) reaches(all []*unit, from *unit, seen map[*unit]bool) bool {
	if from == u {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, k := range from.keys["Unit"] {
		switch k.key {
		case "After", "Requires", "Wants", "BindsTo", "Requisite":
			for name := range strings.FieldsSeq(k.value) {
				for _, other := range all {
					if other.name+".service" == name && other != from && u.reaches(all, other, seen) {
						return true
					}
				}
			}
		}
	}
	return false
}
