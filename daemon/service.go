package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/service"
	"weaver/supervisor"
)

// saying is the answer to a service command: both outputs and the exit code.
type saying struct {
	code        int
	out, errOut []byte
}

// complain adds a line to standard error, and makes it a failure.
func (s *saying) complain(format string, args ...any) {
	s.code = max(s.code, 1)
	s.errOut = fmt.Appendf(s.errOut, "weaver: "+format+"\n", args...)
}

func (s *saying) hint(text string) {
	if text != "" {
		s.errOut = append(s.errOut, "hint: "+text+"\n"...)
	}
}

// value answers with one line of JSON.
func (s *saying) value(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.complain("internal: encode the result: %v", err)
		return
	}
	s.out = append(append(s.out, data...), '\n')
}

func (s *saying) respond(w http.ResponseWriter) error {
	respond(w, hotAnswer{s.code, s.out, s.errOut})
	return nil
}

// serviceReads are the service commands that change nothing, by their verb at the hot door.
var serviceReads = map[string]func(*daemon, *http.Request, hotQuery, *saying){
	api.HotServiceStatus:  (*daemon).serviceStatus,
	api.HotServiceList:    (*daemon).serviceList,
	api.HotServiceStats:   (*daemon).serviceStats,
	api.HotServiceMetrics: (*daemon).serviceMetrics,
	api.HotServiceHealth:  (*daemon).serviceHealth,
	api.HotServiceAlerts:  (*daemon).serviceAlerts,
	api.HotServiceStarted: (*daemon).serviceStarted,
}

// serviceVerbs are those that change something, with the word for what they did.
var serviceVerbs = map[string]struct {
	verb app.Verb
	done string
}{
	api.HotServiceStop:    {app.VerbStop, "stopped"},
	api.HotServiceRestart: {app.VerbRestart, "restarted"},
	api.HotServiceReload:  {app.VerbReload, "reloaded"},
	api.HotServiceDelete:  {app.VerbDelete, "deleted"},
}

// services is every service as it is now, or the one that is named. A name that nobody has is complained of.
func (d *daemon) services(q hotQuery, s *saying) (list []service.Service, ok bool) {
	all := d.sup.List()
	if len(q.args) == 0 {
		return service.Group(all), true
	}
	one, ok := service.Find(all, q.args[0])
	if !ok {
		d.noService(q.args[0], s)
		return nil, false
	}
	return []service.Service{one}, true
}

func (d *daemon) noService(name string, s *saying) {
	s.complain("service %s not found", name)
	s.hint(d.hint(name))
}

func (d *daemon) serviceStatus(_ *http.Request, q hotQuery, s *saying) {
	if len(q.args) == 0 {
		d.serviceList(nil, q, s)
		return
	}
	list, ok := d.services(q, s)
	if !ok {
		return
	}
	st := list[0].Status(time.Now())
	if q.has("verbose") {
		st.Processes = withoutSpecs(list[0].Instances)
	}
	if q.json {
		s.value(st)
		return
	}
	s.out = service.AppendStatus(s.out, &st)
}

// withoutSpecs are processes as they may be shown: the environment in a spec is nobody's business.
func withoutSpecs(list []app.Process) []app.Process {
	for i := range list {
		list[i].Spec = nil
	}
	return list
}

// statuses is every service's.
func (d *daemon) statuses() []service.Status {
	now := time.Now()
	groups := service.Group(d.sup.List())
	list := make([]service.Status, len(groups))
	for i := range groups {
		list[i] = groups[i].Status(now)
	}
	return list
}

func (d *daemon) serviceList(_ *http.Request, q hotQuery, s *saying) {
	list := d.statuses()
	if q.json {
		s.value(list)
		return
	}
	s.out = service.AppendTable(s.out, list)
}

func (d *daemon) serviceStats(_ *http.Request, q hotQuery, s *saying) {
	list := d.statuses()
	if by := q.value("sort-by"); by != "" && !service.Sort(list, by) {
		s.complain("cannot sort by %q: cpu, memory, uptime or restarts", by)
		return
	}
	if q.json || q.value("format") == "json" {
		s.value(list)
		return
	}
	s.out = service.AppendTable(s.out, list)
}

// serviceAct does a verb to all instances of one service.
func (d *daemon) serviceAct(w http.ResponseWriter, r *http.Request, verb string, q hotQuery) error {
	v := serviceVerbs[verb]
	if len(q.args) != 1 {
		return errNotHot
	}
	name := q.args[0]
	if err := d.need(r, needOfService(verb, q), "service "+verb, name); err != nil {
		return err
	}
	op := d.operation(r, "service "+strings.TrimPrefix(verb, "service-"), name)
	defer op.end()
	var s saying
	a := supervisor.Action{Verb: v.verb, KillNow: q.has("force"), Targets: op.again()}
	if a.Targets == nil {
		if !d.locksFit(q) {
			op.void()
			return errOtherLocks
		}
		one, ok := service.Find(d.sup.Views(), name)
		if !ok {
			d.noService(name, &s)
			op.note(app.Progress{Step: app.StepFailed, Message: "there is no service " + name})
			return s.respond(w)
		}
		for i := range one.Instances { // by id: a name may be a namespace too
			a.Targets = append(a.Targets, app.Selector(one.Instances[i].ID.String()))
		}
	}
	if ms := q.value("timeout"); ms != "" {
		t, ok := parseMS(ms)
		if !ok {
			return &api.Error{Kind: api.Invalid, Message: fmt.Sprintf("option `--timeout' needs milliseconds, not %q", ms)}
		}
		a.KillTimeout, a.KillNow = t.D(), a.KillNow || t == 0
	}
	if q.has("zero-downtime") {
		a.Verb = app.VerbReload
	}
	if v.verb == app.VerbRestart || v.verb == app.VerbReload {
		a.Parallel = 1 // rolling
	}
	if path := q.value("state-file"); path != "" {
		if err := d.sup.WriteState(name, path); err != nil {
			s.complain("%v", op.failed(err))
			return s.respond(w)
		}
	}
	d.sup.Do(op.ctx, a, func(p app.Progress) {
		op.note(p)
		switch p.Step {
		case app.StepFailed:
			s.complain("cannot %s %s: %s", v.verb, name, p.Message)
		case app.StepWarn:
			s.errOut = append(s.errOut, "weaver: "+p.Message+"\n"...)
		}
	})
	if s.code == 0 && v.verb == app.VerbDelete {
		if err := d.history.Forget(name); err != nil {
			s.errOut = fmt.Appendf(s.errOut, "weaver: %v\n", err)
		}
	}
	if s.code == 0 {
		s.out = service.AppendDone(s.out, name, v.done, len(a.Targets))
	}
	return s.respond(w)
}

// parseMS reads a number of milliseconds, or a duration in words.
func parseMS(s string) (app.Duration, bool) {
	d, err := app.ParseDuration(strings.TrimSpace(s))
	return d, err == nil && d >= 0
}
