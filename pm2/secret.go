package pm2

import "weaver/app"

// variable is v as it is shown.
func (b *builder) variable(v app.Var) app.Var {
	if !b.hide {
		return v
	}
	text, known := b.seen[v]
	if !known {
		text = app.RedactValue(v.Name, v.Value)
		if b.seen == nil {
			b.seen = make(map[app.Var]string)
		}
		b.seen[v] = text
	}
	if text != v.Value {
		v.Value, v.Bare = text, false
	}
	return v
}

// profile is the "env_NAME" section of a config file as it is shown.
func (b *builder) profile(v Value) Value {
	if !b.hide || v.kind != object {
		return v
	}
	for i := range v.object.members { // parsed for this record alone
		if m := &v.object.members[i]; m.Value.kind == text {
			m.Value.text = app.RedactValue(m.Key, m.Value.text)
		} else if app.LooksSecret(m.Key) {
			m.Value = String(app.Redacted)
		}
	}
	return v
}

// arguments are args as they are shown.
func (b *builder) arguments(args []string) []string {
	if !b.hide {
		return args
	}
	return app.RedactArgs(args)
}
