package pm2

import (
	"encoding/json"
	"fmt"

	"weaver/app"
)

// Setting is what a spec says under one key of PM2's, or of weaver's where PM2 has none.
type Setting struct {
	Key   string
	Value json.RawMessage
}

// Settings are all that a spec says, with the defaults that PM2 writes down, for comparing it with another. Its environment,
// the number of its instances, and where it is from are left out.
func Settings(spec *app.Spec) ([]Setting, error) {
	s := spec.Clone()
	s.Env, s.From, s.Version = nil, nil, ""
	s.Instances, s.InstancesGiven, s.InstancesUnknown = 1, false, false
	if s.WatchConfig != nil {
		w := *s.WatchConfig
		w.Sum = ""
		s.WatchConfig = &w
	}
	p := app.Process{Name: s.Name, Namespace: s.Namespace, Spec: &s, Mode: s.Mode, Watching: len(s.Watch) > 0}
	b := builder{dump: true}
	b.build(&p, EnvOptions{})
	if err := b.addOwn(&s); err != nil {
		return nil, fmt.Errorf("settings of %s: %w", s.Name, err)
	}
	var out []Setting
	for _, m := range b.record.members {
		switch {
		case m.Key == weaverKey && m.Value.kind == object:
			for _, own := range m.Value.object.members {
				out = append(out, Setting{own.Key, own.Value.AppendJSON(nil)})
			}
		case !lived(m.Key):
			out = append(out, Setting{m.Key, m.Value.AppendJSON(nil)})
		}
	}
	return out, nil
}

// lived reports that a key of a record is about a life, and not a setting.
func lived(key string) bool {
	switch key {
	case "env", "km_link", "vizion_running", "unique_id", "status", "pm_uptime", "axm_actions", "axm_monitor", "axm_options",
		"axm_dynamic", "created_at", "restart_time", "unstable_restarts", "_pm2_version", "version", "node_version", "exit_code",
		"pm_pid_path", "username":
		return true
	}
	return false
}
