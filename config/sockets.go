package config

import (
	"fmt"
	"slices"

	"weaver/app"
)

// listen leaves the sockets to be held, each as app.ParseListen reads it: a port, "address:port", or a path.
func (v values) listen() error {
	given, ok := v["listen"]
	if idle, _ := v["idle"].(app.Duration); idle > 0 && !ok && v["script"] != nil {
		return fmt.Errorf("idle says when an app on demand ends, which needs listen: what has it started again")
	}
	if !ok {
		return nil
	}
	items, many := given.([]any)
	if !many {
		items = []any{given}
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		switch item.(type) {
		case []any, object, nil, bool:
			return fmt.Errorf("listen holds ports, addresses with ports, and paths, not %s", clip(text(item)))
		}
		l, err := app.ParseListen(text(item))
		if err != nil {
			return err
		}
		if slices.Contains(list, l.String()) {
			return fmt.Errorf("listen names %s twice", l)
		}
		list = append(list, l.String())
	}
	v["listen"] = list
	return nil
}

// clusterPolicies are the ways to hand out connections, in weaver's words, by all words for them.
var clusterPolicies = map[string]string{
	"": "", "slots": "slots", "reuseport": "slots", "sticky": "sticky", "rr": "rr", "round-robin": "rr", "shared": "shared", "none": "shared",
}

func (v values) clusterPolicy() error {
	word, ok := v["cluster_policy"].(string)
	if !ok {
		return nil
	}
	policy, known := clusterPolicies[word]
	if !known {
		return fmt.Errorf("%q is no way to hand out connections: use slots, sticky, rr or shared", clip(word))
	}
	v["cluster_policy"] = policy
	return nil
}

func (v values) serialization() error {
	switch word, _ := v["serialization"].(string); word {
	case "", "json", "advanced":
		return nil
	default:
		return fmt.Errorf("%q is no serialization of messages: use json or advanced", clip(word))
	}
}
