package pm2

import (
	"strings"

	"weaver/app"
)

// reported adds what the program told of itself. PM2 has the keys for every process, and describe of its front end fails
// without them.
func (b *builder) reported(r *app.Reported) {
	actions, monitor, options := Array(), &Object{}, &Object{}
	if r != nil && !b.dump {
		for _, a := range r.Actions {
			actions.list = append(actions.list, parseRaw(a))
		}
		monitor, options = fields(r.Metrics), fields(r.Options)
	}
	b.value("axm_actions", actions)
	b.value("axm_monitor", Of(monitor))
	b.value("axm_options", Of(options))
	b.value("axm_dynamic", Of(&Object{}))
}

func fields(list []app.Field) *Object {
	o := &Object{}
	for _, f := range list {
		o.Set(f.Key, parseRaw(f.Value))
	}
	return o
}

// nodeVersion is that of the interpreter, or of the program itself, without the v.
func nodeVersion(p *app.Process) string {
	v := p.NodeVersion
	if v == "" && p.Reported != nil {
		v = p.Reported.NodeVersion
	}
	return strings.TrimPrefix(v, "v")
}

// Action is something that can be triggered in a program.
type Action struct {
	Name string
	Type string // "custom", "internal" or "scoped"
}

// Actions lists what a program announced.
func Actions(p *app.Process) []Action {
	if p.Reported == nil {
		return nil
	}
	var out []Action
	for _, raw := range p.Reported.Actions {
		o, ok := parseRaw(raw).Object()
		if !ok {
			continue
		}
		name, _ := o.Get("action_name")
		kind, _ := o.Get("action_type")
		if name.text != "" {
			out = append(out, Action{name.text, kind.text})
		}
	}
	return out
}

// metricText is a figure with its unit, as describe shows it.
func metricText(v Value) string {
	unit := ""
	if o, ok := v.Object(); ok {
		u, _ := o.Get("unit")
		unit = u.text
		v, _ = o.Get("value")
	}
	text, ok := v.scalar()
	if !ok {
		text = string(v.AppendJSON(nil))
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}

// appendReported draws the tables of what can be triggered and of a program's own figures.
func (d *description) appendReported(dst []byte, p *app.Process, program string) []byte {
	if actions := Actions(p); len(actions) > 0 {
		dst = d.appendTitle(dst, " Actions available ")
		names := make([]styled, len(actions))
		for i, a := range actions {
			names[i].Name = a.Name
		}
		dst = d.appendNames(dst, names)
		dst = d.appendHint(dst, " Trigger via: "+program+" trigger "+p.Name+" <action_name>")
		dst = append(dst, '\n')
	}
	if p.Reported != nil && len(p.Reported.Metrics) > 0 {
		rows := make([]styled, 0, len(p.Reported.Metrics))
		for _, f := range p.Reported.Metrics {
			rows = append(rows, styled{Row{f.Key, metricText(parseRaw(f.Value))}, none})
		}
		dst = d.appendTitle(dst, " Code metrics value ")
		dst = d.appendRows(dst, rows)
	}
	return dst
}

// appendNames draws a table of one column.
func (d *description) appendNames(dst []byte, rows []styled) []byte {
	width := 1
	for _, r := range rows {
		width = max(width, textWidth(r.Name))
	}
	width = max(1, min(width, d.room(4)))
	d.t.columns = []column{{width: width + 2}}
	dst = d.t.appendBorder(dst, 0)
	for _, r := range rows {
		dst = d.t.appendBar(dst)
		dst = d.t.appendCell(dst, r.Name, width+2, heading)
		dst = append(d.t.appendBar(dst), '\n')
	}
	return d.t.appendBorder(dst, 2)
}
