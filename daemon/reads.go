package daemon

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/logs"
	"weaver/procstat"
	"weaver/supervisor"
	"weaver/supervisor/spawn"
)

func (d *daemon) ping(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, d.self())
}

func (d *daemon) self() api.Ping {
	p := api.Ping{
		PID: os.Getpid(), AnchorPID: d.link.pid(), Version: d.opts.Version, API: api.Version, Home: d.home.Dir,
		Started: d.started, UptimeMS: time.Since(d.started).Milliseconds(), Processes: d.sup.Count(), Durable: true,
		Restarts: d.link.hello.Restarts, LastEnd: d.link.hello.Last,
	}
	p.Problem = d.skipped
	if err := d.journal.Problem(); err != nil {
		p.Durable, p.Problem = false, err.Error()
	}
	return p
}

// selected returns the processes that the targets mean, all without targets. A target that means nothing is an error.
func (d *daemon) selected(targets []app.Selector, cwd string) ([]app.Process, error) {
	return d.pick(d.sup.List(), targets, cwd)
}

// pick returns those of list that the targets mean, in the same place.
func (d *daemon) pick(list []app.Process, targets []app.Selector, cwd string) ([]app.Process, error) {
	if len(targets) == 0 {
		return list, nil
	}
	picked := make([]bool, len(list))
	for _, t := range targets {
		at, err := t.Match(list, cwd)
		if err != nil {
			return nil, &api.Error{Kind: api.Invalid, Message: err.Error()}
		}
		if len(at) == 0 && !t.Many() {
			e := &api.Error{Kind: api.NotFound, Message: fmt.Sprintf("Process or Namespace %s not found", t)}
			e.Hint = d.hint(string(t))
			return nil, e
		}
		for _, i := range at {
			picked[i] = true
		}
	}
	out := list[:0]
	for i := range list {
		if picked[i] {
			out = append(out, list[i])
		}
	}
	return out, nil
}

func (d *daemon) processes(w http.ResponseWriter, r *http.Request) error {
	list, err := d.selected(selectors(r), r.URL.Query().Get("cwd"))
	if err != nil {
		return err
	}
	if r.URL.Query().Get("spec") == "" {
		for i := range list {
			list[i].Spec = nil
		}
	}
	return answer(w, shown(list, roleOf(r)))
}

func (d *daemon) describe(w http.ResponseWriter, r *http.Request) error {
	list, err := d.described(selectors(r))
	if err != nil {
		return err
	}
	list = shown(list, roleOf(r))
	out := make([]api.Description, len(list))
	pasts := d.pasts(list)
	for i := range list {
		out[i] = d.description(list[i], pasts[list[i].ID])
		if roleOf(r) < administrator {
			for j := range out[i].Tree {
				out[i].Tree[j].Command = app.Redact(out[i].Tree[j].Command)
			}
		}
	}
	return answer(w, out)
}

// described are the processes that are to be described: of a number, what has that id and what has that name.
func (d *daemon) described(targets []app.Selector) ([]app.Process, error) {
	list := d.sup.List()
	if len(targets) == 1 && targets[0].Numeric() {
		text := string(targets[0])
		other := func(p app.Process) bool { return p.Name != text && p.ID.String() != text }
		if !slices.ContainsFunc(list, func(p app.Process) bool { return !other(p) }) {
			return d.pick(list, targets, "")
		}
		return slices.DeleteFunc(list, other), nil
	}
	return d.pick(list, targets, "")
}

// description gathers what is known of one process, of which past is what happened. What the system does not tell is left out.
func (d *daemon) description(p app.Process, past []app.Event) api.Description {
	desc := api.Description{Process: p, Events: past, Next: supervisor.Next(&p, time.Now())}
	if p.Spec.Warm > 0 {
		desc.Spares = d.sup.Spares(&p)
	}
	if w := p.Spec.WatchConfig; w != nil {
		desc.Config = d.configs.state(p.Name, w.File)
	}
	for _, s := range []app.Stream{app.Out, app.Err} {
		desc.Recent = append(desc.Recent, d.logs.Recent(p.ID, s, 10)...)
	}
	if p.PID == 0 {
		return desc
	}
	for _, pid := range d.sup.Tree(p.ID) {
		info, err := procstat.Inspect(pid)
		if err != nil {
			continue // it ended meanwhile
		}
		if pid == p.PID && info.Stopped && !restsByTurns(&p) {
			desc.Process.Reason = "stopped by a signal: SIGCONT has it go on"
		}
		desc.Tree = append(desc.Tree, treeProcess(pid, &info))
		desc.OpenFiles += info.OpenFiles
		desc.Connections += info.Connections
		desc.Ports = append(desc.Ports, info.Listening...)
	}
	return desc
}

// restsByTurns says that a process may be stopped since its CPU ceiling is held so.
func restsByTurns(p *app.Process) bool {
	return slices.ContainsFunc(p.Ceilings, func(c app.Ceiling) bool { return c.By == spawn.BySignals })
}

func (d *daemon) host(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, d.hostStats())
}

func (d *daemon) events(w http.ResponseWriter, r *http.Request) error {
	since, _ := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64) // none is 0
	send := lines[app.Event](w)
	http.NewResponseController(w).Flush()
	ctx := d.streaming(r)
	for e := range d.sup.Events(ctx, since) {
		if e.Kind == app.EventTold { // PM2's bus needs it: whoever reads this has seen what was done
			continue
		}
		if send(e) != nil {
			return nil
		}
	}
	return nil
}

func (d *daemon) follow(w http.ResponseWriter, r *http.Request) error {
	targets, stream := selectors(r), app.Stream(r.URL.Query().Get("stream"))
	send := lines[app.Line](w)
	http.NewResponseController(w).Flush()
	ctx := d.streaming(r)
	for l := range d.logs.Follow(ctx, logs.FollowOptions{Match: follows(targets, stream)}) {
		if send(l) != nil {
			return nil
		}
	}
	return nil
}

// follows matches a process's output against targets as they are written, so that a process started later is followed too.
func follows(targets []app.Selector, stream app.Stream) func(app.ID, string, string, app.Stream) bool {
	return func(id app.ID, name, namespace string, s app.Stream) bool {
		if stream != "" && s != stream {
			return false
		}
		one := []app.Process{{ID: id, Name: name, Namespace: namespace}}
		for _, t := range targets {
			if at, err := t.Match(one, ""); err == nil && len(at) > 0 {
				return true
			}
		}
		return len(targets) == 0
	}
}

func (d *daemon) recent(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.Atoi(r.URL.Query().Get("id"))
	if err != nil {
		return &api.Error{Kind: api.Invalid, Message: "id: " + err.Error()}
	}
	n, _ := strconv.Atoi(r.URL.Query().Get("n")) // 0 is the default below
	if n <= 0 {
		n = 20
	}
	out := d.logs.Recent(app.ID(id), app.Out, n)
	return answer(w, append(out, d.logs.Recent(app.ID(id), app.Err, n)...))
}

// treeProcess is one line of a process tree.
func treeProcess(pid int, info *procstat.Details) api.TreeProcess {
	command := strings.Join(info.Cmdline, " ")
	if command == "" {
		command = info.Name
	}
	return api.TreeProcess{PID: pid, Parent: info.Parent, Command: command, Memory: app.Bytes(info.RSS)}
}
