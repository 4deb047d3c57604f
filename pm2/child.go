package pm2

import (
	"sync"

	"weaver/app"
)

// ChildEnv returns the variables that PM2 adds to the environment of a child it starts in fork mode: every text, number
// and boolean of the record. Merged over p.Spec.Env they are the whole environment. Variables of the app that have the
// name of a setting (`name`, `watch`, NODE_APP_INSTANCE, …) are left as they are, as in PM2; what tells one process
// from another (pm_id, unique_id, …) is always weaver's.
func ChildEnv(p *app.Process) app.Env {
	launching := *p
	launching.Status = app.Launching
	b := builders.Get().(*builder)
	defer b.giveBack()
	b.build(&launching, EnvOptions{})
	var given app.Env
	counter := ""
	if p.Spec != nil {
		given, counter = p.Spec.Env, p.Spec.IncrementVar
	}
	env := make(app.Env, 0, len(b.record.members))
	for _, m := range b.record.members {
		if m.Key == "version" && p.Gen <= 1 {
			continue // PM2 finds it out while the first one starts
		}
		if !ofTheProcess(m.Key) && m.Key != counter {
			if _, ok := given.Get(m.Key); ok {
				continue
			}
		}
		if s, ok := m.Value.scalar(); ok {
			env = append(env, app.Var{Name: m.Key, Value: s})
		}
	}
	return env
}

// builders are used again: a record is large, and of one that becomes an environment nothing stays.
var builders = sync.Pool{New: func() any { return new(builder) }}

func (b *builder) giveBack() {
	clear(b.record.members)
	clear(b.env.members)
	builders.Put(b)
}

// ofTheProcess reports that a key says which process this is: inherited from another one it would be a lie.
func ofTheProcess(key string) bool {
	switch key {
	case "unique_id", "status", "pm_uptime", "created_at", "pm_id", "restart_time", "unstable_restarts":
		return true
	}
	return false
}
