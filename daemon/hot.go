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

// has reports a flag without a value.
func (h *hotQuery) has(flag string) bool { return slices.Contains(h.flags, flag) }

func readHot(q url.Values) hotQuery {
	h := hotQuery{args: q["a"], color: q.Get("c") == "1", flags: q["f"]}
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

// respond sends the bytes for standard error, then those for standard output.
func respond(w http.ResponseWriter, code int, out, errOut []byte) error {
	h := w.Header()
	h.Set(api.HeaderExit, strconv.Itoa(code))
	h.Set(api.HeaderErr, strconv.Itoa(len(errOut)))
	h.Set("Content-Length", strconv.Itoa(len(out)+len(errOut)))
	h["Date"] = nil // saves the thin end some parsing
	if len(errOut) > 0 {
		if _, err := w.Write(errOut); err != nil {
			return nil //nolint:nilerr // the peer is gone
		}
	}
	w.Write(out)
	return nil
}

// notHot tells the thin front end to leave it to the full one.
func notHot(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNotImplemented)
	return nil
}

func (d *daemon) hotRead(w http.ResponseWriter, r *http.Request) error {
	q := readHot(r.URL.Query())
	switch verb := r.PathValue("verb"); verb {
	case "list", "jlist", "prettylist":
		kind := verb
		if verb == "list" && q.json {
			kind = "json"
		} else if verb == "list" && q.mini {
			kind = "mini"
		}
		out, err := d.render(kind, q.width, q.color)
		if err != nil {
			return err
		}
		return respond(w, 0, out, nil)
	case "pid":
		return respond(w, 0, d.pids(q.args), nil)
	case "id":
		return respond(w, 0, d.ids(q.args), nil)
	case "ping":
		if !q.json {
			return respond(w, 0, []byte("{ msg: 'pong' }\n"), nil)
		}
		out, err := json.Marshal(d.self())
		if err != nil {
			return err
		}
		return respond(w, 0, append(out, '\n'), nil)
	case "resolve":
		return d.hotResolve(w, q)
	}
	if answer := serviceReads[r.PathValue("verb")]; answer != nil {
		var s saying
		answer(d, r, q, &s)
		return s.respond(w)
	}
	return notHot(w) // describe compares with the environment of who asks, which the thin front end does not send
}

// pids lists main processes, one a line: 0 for what does not run, an empty line for a name that nobody has.
func (d *daemon) pids(args []string) []byte {
	var out []byte
	n := 0
	for _, p := range d.sup.Views() {
		if len(args) == 0 || slices.Contains(args, p.Name) || slices.Contains(args, p.ID.String()) {
			out = strconv.AppendInt(out, int64(p.PID), 10)
			out = append(out, '\n')
			n++
		}
	}
	if n == 0 && len(args) > 0 {
		out = append(out, '\n')
	}
	return out
}

// ids lists the ids of a name as a JavaScript array.
func (d *daemon) ids(args []string) []byte {
	var list []string
	for _, p := range d.sup.Views() {
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
func (d *daemon) hotResolve(w http.ResponseWriter, q hotQuery) error {
	var targets []app.Selector
	for _, a := range q.args {
		targets = append(targets, app.Selector(a))
	}
	if len(targets) == 0 {
		return notHot(w)
	}
	list, err := d.selected(targets, "")
	if err != nil {
		return err // the full front end words it
	}
	names := make([]string, 0, len(list))
	for i := range list {
		names = append(names, list[i].Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, n := range names {
		if strings.ContainsAny(n, "\n\r") {
			return notHot(w)
		}
	}
	return respond(w, 0, []byte(strings.Join(names, "\n")+"\n"), nil)
}

// verbs that the hot door applies. A start of something known is a restart in PM2's eyes.
var hotVerbs = map[string]app.Verb{
	"start": app.VerbRestart, "restart": app.VerbRestart, "stop": app.VerbStop, "reload": app.VerbReload, "delete": app.VerbDelete,
}

func (d *daemon) hotAct(w http.ResponseWriter, r *http.Request) error {
	verb, ok := hotVerbs[r.PathValue("verb")]
	q := readHot(r.URL.Query())
	if _, ok := serviceVerbs[r.PathValue("verb")]; ok {
		return d.serviceAct(w, r, r.PathValue("verb"), q)
	}
	if !ok || len(q.args) == 0 {
		return notHot(w)
	}
	start := r.PathValue("verb") == "start"
	if start && len(q.args) != 1 {
		return notHot(w) // what is said comes after each
	}
	a := supervisor.Action{Verb: verb}
	for _, t := range q.args {
		a.Targets = append(a.Targets, app.Selector(t))
	}
	ctx, done := d.operation(r)
	defer done()
	var out, errOut []byte
	if !start && (verb == app.VerbRestart || verb == app.VerbReload) {
		out = append(out, pm2.UpdateEnvHint...)
	}
	failures := 0
	d.sup.Do(ctx, a, func(p app.Progress) {
		out, errOut = pm2.AppendProgress(out, errOut, d.hinted(p), pm2.ProgressOptions{Color: q.color})
		if p.Step == app.StepEnd {
			failures = p.Failures
		}
	})
	if failures > 0 {
		return respond(w, 1, out, errOut)
	}
	if start {
		out, _ = pm2.AppendProgress(out, nil, app.Progress{Step: app.StepInfo, Message: pm2.Started}, pm2.ProgressOptions{Color: q.color})
	}
	if verb != app.VerbReload {
		kind := "list"
		if q.mini {
			kind = "mini"
		}
		table, err := d.render(kind, q.width, q.color)
		if err != nil {
			return fmt.Errorf("render the table: %w", err)
		}
		out = append(out, table...)
	}
	return respond(w, 0, out, errOut)
}
