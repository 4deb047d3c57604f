package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"weaver/api"
	"weaver/app"
	"weaver/config/home"
	"weaver/pm2"
	"weaver/supervisor"
)

// hotQuery is a request of the thin front end.
type hotQuery struct {
	args  []string
	width int
	color bool
	mini  bool
	json  bool
	flags []string // all of them, as they came: name or name=value
	// locked says that the locks of the apps named like the arguments came along.
	locked  bool
	persona string // by which name the front end was called
	op      string // its id, if it may be asked for again
}

// value is what a flag was given, "" if nothing.
func (h *hotQuery) value(flag string) string {
	for _, f := range h.flags {
		if v, ok := strings.CutPrefix(f, flag+"="); ok {
			return v
		}
	}
	return ""
}

// secrets reports that they may be shown: that was asked for, or PM2 was called, whose answers are the same.
func (h *hotQuery) secrets() bool { return h.has("show-secrets") || h.persona == string(home.PM2) }

// has reports a flag without a value.
func (h *hotQuery) has(flag string) bool { return slices.Contains(h.flags, flag) }

func readHot(q url.Values) hotQuery {
	h := hotQuery{args: q["a"], color: q.Get("c") == "1", flags: q["f"], locked: q.Get("l") == "1", persona: q.Get("p"), op: q.Get(api.QueryOp)}
	h.width, _ = strconv.Atoi(q.Get("w")) // 0 is no terminal
	h.width = min(max(h.width, 0), 1000)
	for _, f := range q["f"] {
		switch f {
		case "mini-list", "m":
			h.mini = true
		case "json":
			h.json = true
		}
	}
	return h
}

// hotAnswer is what the thin front end is told: with which code to exit, and what to print.
type hotAnswer struct {
	code        int
	out, errOut []byte
}

// errNotHot tells the thin front end to leave it to the full one.
var errNotHot = &api.Error{Kind: api.NotHot, Message: "not a hot form"}

// errOtherLocks says that the apps which a verb is about are not those whose locks came with it.
var errOtherLocks = &api.Error{Kind: api.Conflict, Message: "the locks are not those of these apps"}

// hotRead and hotAct are the hot door for whoever speaks HTTP in other ways than the thin front end.
func (d *daemon) hotRead(w http.ResponseWriter, r *http.Request) error {
	verb, q := r.PathValue("verb"), readHot(r.URL.Query())
	if err := d.need(r, hotNeed(verb), nameOf(r)); err != nil {
		return err
	}
	if answer := serviceReads[verb]; answer != nil {
		var s saying
		answer(d, r, q, &s)
		return s.respond(w)
	}
	a, err := d.hotTell(verb, q, roleOf(r))
	if err != nil {
		return err
	}
	respond(w, a)
	return nil
}

func (d *daemon) hotAct(w http.ResponseWriter, r *http.Request) error {
	verb, q := r.PathValue("verb"), readHot(r.URL.Query())
	if err := d.need(r, hotNeed(verb), nameOf(r), q.args...); err != nil {
		return err
	}
	if _, ok := serviceVerbs[verb]; ok {
		return d.serviceAct(w, r, verb, q)
	}
	op := d.operation(r, verb, q.args...)
	defer op.end()
	a, err := d.hotDo(op, verb, q)
	if err != nil {
		op.void()
		return err
	}
	op.done()
	respond(w, a)
	return nil
}

// respond sends the bytes for standard error, then those for standard output.
func respond(w http.ResponseWriter, a hotAnswer) {
	h := w.Header()
	h.Set(api.HeaderExit, strconv.Itoa(a.code))
	h.Set(api.HeaderErr, strconv.Itoa(len(a.errOut)))
	h.Set("Content-Length", strconv.Itoa(len(a.out)+len(a.errOut)))
	if len(a.errOut) > 0 {
		if _, err := w.Write(a.errOut); err != nil {
			return // the peer is gone
		}
	}
	w.Write(a.out)
}

// hotNeed is what a verb needs; what is none is answered as such to whoever may ask at all.
func hotNeed(verb string) role {
	if least, ok := hotRoles[verb]; ok {
		return least
	}
	return reader
}

// hotTell answers what changes nothing, as a peer of that role may see it.
func (d *daemon) hotTell(verb string, q hotQuery, to role) (hotAnswer, error) {
	if hotRoles[verb] == stranger {
		return hotAnswer{}, errNotHot
	}
	switch verb {
	case "list", "jlist", "prettylist":
		kind := verb
		if verb == "list" && q.json {
			kind = "json"
		} else if verb == "list" && q.mini {
			kind = "mini"
		}
		out, err := d.render(view{kind, q.width, q.color, q.value("sort"), verb != "list" && to < administrator, verb != "list" && !q.secrets()})
		return hotAnswer{out: out}, err
	case "pid":
		return hotAnswer{out: d.pids(q.args)}, nil
	case "id":
		return hotAnswer{out: d.ids(q.args)}, nil
	case "ping":
		self := d.self()
		switch {
		case !q.json && self.Problem != "":
			return hotAnswer{}, errNotHot // there is more to say
		case !q.json:
			return hotAnswer{out: []byte(self.Words(d.home.PM2))}, nil
		}
		out, err := json.Marshal(self)
		return hotAnswer{out: append(out, '\n')}, err
	case "resolve":
		return d.hotResolve(q)
	}
	return hotAnswer{}, errNotHot // describe compares with the environment of who asks, which the thin front end does not send
}

// pids lists main processes, one a line: 0 for what does not run, an empty line for a name that nobody has.
func (d *daemon) pids(args []string) []byte {
	list := d.sup.Look()
	byID := func(p *app.Process) bool {
		id := p.ID.String()
		return slices.Contains(args, id) && !slices.ContainsFunc(list, func(p *app.Process) bool { return p.Name == id })
	}
	var out []byte
	for _, p := range list {
		if len(args) == 0 || slices.Contains(args, p.Name) || byID(p) {
			out = strconv.AppendInt(out, int64(p.PID), 10)
			out = append(out, '\n')
		}
	}
	if len(out) == 0 {
		out = append(out, '\n')
	}
	return out
}

// ids lists the ids of a name as a JavaScript array.
func (d *daemon) ids(args []string) []byte {
	var list []string
	for _, p := range d.sup.Look() {
		if len(args) == 1 && p.Name == args[0] {
			list = append(list, p.ID.String())
		}
	}
	if len(list) == 0 {
		return []byte("[]\n")
	}
	return []byte("[ " + strings.Join(list, ", ") + " ]\n")
}

// hotResolve answers the names whose locks a mutating verb needs.
func (d *daemon) hotResolve(q hotQuery) (hotAnswer, error) {
	names, err := d.namesOf(q.args)
	if err != nil {
		return hotAnswer{}, err
	}
	for _, n := range names {
		if strings.ContainsAny(n, "\n\r") {
			return hotAnswer{}, errNotHot
		}
	}
	return hotAnswer{out: []byte(strings.Join(names, "\n") + "\n")}, nil
}

// namesOf returns the names of the apps that the arguments mean, sorted and each once.
func (d *daemon) namesOf(args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, errNotHot
	}
	var names []string
	list := d.sup.Look()
	for _, t := range selectorsOf(args) {
		at, err := t.MatchEach(len(list), func(i int) *app.Process { return list[i] }, "")
		if err != nil || len(at) == 0 && !t.Many() {
			return nil, &api.Error{Kind: api.NotFound, Message: fmt.Sprintf("Process or Namespace %s not found", t)} // the full front end words it
		}
		for _, i := range at {
			names = append(names, list[i].Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func selectorsOf(args []string) []app.Selector {
	targets := make([]app.Selector, len(args))
	for i, a := range args {
		targets[i] = app.Selector(a)
	}
	return targets
}

// locksFit reports that the locks that came along, if any did, are those of the apps that the arguments mean.
func (d *daemon) locksFit(q hotQuery) bool {
	if !q.locked {
		return true
	}
	names, err := d.namesOf(q.args)
	args := slices.Clone(q.args)
	slices.Sort(args)
	return err == nil && slices.Equal(names, slices.Compact(args))
}

// verbs that the hot door applies. A start of something known is a restart in PM2's eyes.
var hotVerbs = map[string]app.Verb{
	"start": app.VerbRestart, "restart": app.VerbRestart, "stop": app.VerbStop, "reload": app.VerbReload, "delete": app.VerbDelete,
}

// hotDo does what changes something, and answers with how it went and the list after it.
func (d *daemon) hotDo(op *operation, word string, q hotQuery) (hotAnswer, error) {
	verb, ok := hotVerbs[word]
	if !ok || len(q.args) == 0 || hotRoles[word] == stranger {
		return hotAnswer{}, errNotHot
	}
	start := word == "start"
	if start && len(q.args) != 1 {
		return hotAnswer{}, errNotHot // what is said comes after each
	}
	again := verb == app.VerbRestart || verb == app.VerbReload
	if op.again() == nil {
		if !d.locksFit(q) {
			return hotAnswer{}, errOtherLocks
		}
		if again && d.untold(q.args) {
			return hotAnswer{}, errNotHot
		}
	}
	var a hotAnswer
	hints := again && !start
	if hints {
		a.out = append(a.out, pm2.UpdateEnvHint...)
	}
	failures, targets := 0, 0
	d.sup.Do(op.ctx, supervisor.Action{Verb: verb, Targets: selectorsOf(q.args)}, func(p app.Progress) {
		op.note(p)
		if p.Step == app.StepApplying || p.Step == app.StepFailed && p.ID < 0 { // the next target, known or not
			if targets++; hints && targets > 1 {
				a.out = append(a.out, pm2.UpdateEnvHint...)
			}
		}
		a.out, a.errOut = pm2.AppendProgress(a.out, a.errOut, d.hinted(p), pm2.ProgressOptions{Color: q.color})
		if p.Step == app.StepEnd {
			failures = p.Failures
		}
	})
	if failures > 0 {
		a.code = 1
		return a, nil
	}
	if start {
		a.out, _ = pm2.AppendProgress(a.out, nil, app.Progress{Step: app.StepInfo, Message: pm2.Started}, pm2.ProgressOptions{Color: q.color})
	}
	if verb != app.VerbReload {
		kind := "list"
		if q.mini {
			kind = "mini"
		}
		table, err := d.render(view{kind: kind, width: q.width, color: q.color})
		if err != nil {
			return a, fmt.Errorf("render the table: %w", err)
		}
		a.out = append(a.out, table...)
	}
	return a, nil
}
