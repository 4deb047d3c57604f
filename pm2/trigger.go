package pm2

import (
	"encoding/json"
	"path/filepath"

	"weaver/app"
)

// Offers reports that a program announced an action.
func Offers(p *app.Process, action string) bool {
	for _, a := range Actions(p) {
		if a.Name == action {
			return true
		}
	}
	return false
}

// Triggers reports that target means p to PM2's trigger: all, a name, a namespace or the file of a script.
func Triggers(target string, p *app.Process) bool {
	return target == "all" || target == p.Name || target == namespace(p, specOf(p)) || target == filepath.Base(specOf(p).Script)
}

// Inner is the mark of messages to what weaver has put into a Node program. Node hands them to nobody else.
const Inner = "NODE_WEAVER"

// Trigger makes the message that triggers an action in a program, of a command that PM2's clients send: its bare name, or
// the whole command where there is more to say. What weaver itself announced in the program's name it alone is told.
func Trigger(p *app.Process, cmd Value, whole bool) json.RawMessage {
	o, ok := cmd.Object()
	if !ok {
		return json.RawMessage("null")
	}
	msg, _ := o.Get("msg")
	opts, _ := o.Get("opts")
	if text, _ := msg.Text(); ours(p, text) {
		inner := &Object{}
		inner.add("cmd", String(Inner))
		inner.add("msg", msg)
		inner.add("opts", opts)
		return inner.AppendJSON(nil)
	}
	if whole || !opts.IsNull() {
		return cmd.AppendJSON(nil)
	}
	return msg.AppendJSON(nil)
}

// LookedInto reports that weaver's own script watches over a Node program, and nobody else instruments it.
func LookedInto(p *app.Process) bool {
	if p.Reported == nil {
		return false
	}
	apm, _ := fields(p.Reported.Options).Get("apm")
	o, ok := apm.Object()
	if !ok {
		return false
	}
	kind, _ := o.Get("type")
	return kind.text == "weaver"
}

// ours reports that an action is one of weaver's.
func ours(p *app.Process, action string) bool {
	if !LookedInto(p) {
		return false
	}
	for _, a := range Actions(p) {
		if a.Name == action {
			return a.Type == "internal"
		}
	}
	return false
}
