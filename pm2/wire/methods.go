//lint:file-ignore ST1005 these are the words of PM2 that clients compare

package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"weaver/app"
	"weaver/pm2"
	"weaver/pm2/axon"
)

// Server answers PM2's clients. Its Publisher serves pub.sock; New connects the two.
type Server struct {
	Backend Backend
	// Env says what records need to know besides the process.
	Env pm2.EnvOptions
	// Version is the PM2 that clients are told to have found: they compare it with their own.
	Version string

	pub       axon.Publisher
	feed      feed
	mu        sync.Mutex
	monitored map[app.ID]bool
}

// New returns a Server over b.
func New(b Backend, env pm2.EnvOptions) *Server {
	s := &Server{Backend: b, Env: env, Version: pm2.Compatible}
	s.Env.Monitored = s.marked
	s.pub.Active = s.listened
	return s
}

// method is one row of the table: what a client calls, and what answers.
type method struct {
	axon.Method
	serve func(s *Server, ctx context.Context, c axon.Call) (any, error)
}

// nothing is the result of methods whose callback gets no argument.
type nothing struct{}

// table is every method of PM2's daemon, in its order.
var table = []method{
	{axon.Method{Name: "killMe"}, (*Server).killMe},
	{axon.Method{Name: "profileCPU"}, (*Server).profile},
	{axon.Method{Name: "profileMEM"}, (*Server).profile},
	{axon.Method{Name: "prepare", Params: []string{"env", "cb"}}, (*Server).prepare},
	{axon.Method{Name: "getMonitorData", Params: []string{"env", "cb"}}, (*Server).getMonitorData},
	{axon.Method{Name: "getSystemData", Params: []string{"env", "cb"}}, (*Server).getSystemData},
	{axon.Method{Name: "startProcessId", Params: []string{"id", "cb"}}, (*Server).startProcess},
	{axon.Method{Name: "stopProcessId", Params: []string{"id", "cb"}}, (*Server).stopProcess},
	{axon.Method{Name: "restartProcessId", Params: []string{"opts", "cb"}}, (*Server).restartProcess},
	{axon.Method{Name: "deleteProcessId", Params: []string{"id", "cb"}}, (*Server).deleteProcess},
	{axon.Method{Name: "sendLineToStdin", Params: []string{"packet", "cb"}}, (*Server).sendLine},
	{axon.Method{Name: "softReloadProcessId", Params: []string{"opts", "cb"}}, (*Server).softReload},
	{axon.Method{Name: "reloadProcessId", Params: []string{"opts", "cb"}}, (*Server).reloadProcess},
	{axon.Method{Name: "duplicateProcessId", Params: []string{"id", "cb"}}, (*Server).duplicate},
	{axon.Method{Name: "resetMetaProcessId", Params: []string{"id", "cb"}}, (*Server).resetMeta},
	{axon.Method{Name: "stopWatch", Params: []string{"method", "value", "fn"}}, (*Server).stopWatch},
	{axon.Method{Name: "startWatch", Params: []string{"method", "value", "fn"}}, (*Server).startWatch},
	{axon.Method{Name: "toggleWatch", Params: []string{"method", "value", "fn"}}, (*Server).toggleWatch},
	{axon.Method{Name: "notifyByProcessId", Params: []string{"opts", "cb"}}, (*Server).notify},
	{axon.Method{Name: "notifyKillPM2"}, (*Server).notifyKill},
	{axon.Method{Name: "monitor", Params: []string{"pm_id", "cb"}}, (*Server).monitor},
	{axon.Method{Name: "unmonitor", Params: []string{"pm_id", "cb"}}, (*Server).unmonitor},
	{axon.Method{Name: "msgProcess", Params: []string{"cmd", "cb"}}, (*Server).msgProcess},
	{axon.Method{Name: "sendDataToProcessId", Params: []string{"packet", "cb"}}, (*Server).sendData},
	{axon.Method{Name: "sendSignalToProcessId", Params: []string{"opts", "cb"}}, (*Server).signalID},
	{axon.Method{Name: "sendSignalToProcessName", Params: []string{"opts", "cb"}}, (*Server).signalName},
	{axon.Method{Name: "ping", Params: []string{"env", "cb"}}, (*Server).ping},
	{axon.Method{Name: "getVersion", Params: []string{"env", "cb"}}, (*Server).getVersion},
	{axon.Method{Name: "getReport", Params: []string{"arg", "cb"}}, (*Server).getReport},
	{axon.Method{Name: "reloadLogs", Params: []string{"opts", "cb"}}, (*Server).reloadLogs},
}

var names = func() []axon.Method {
	out := make([]axon.Method, len(table))
	for i := range table {
		out[i] = table[i].Method
	}
	return out
}()

// Methods lists what can be called.
func (s *Server) Methods() []axon.Method { return names }

// Call answers one call.
func (s *Server) Call(ctx context.Context, c axon.Call) ([]json.RawMessage, error) {
	for i := range table {
		if table[i].Name != c.Method {
			continue
		}
		result, err := table[i].serve(s, context.WithValue(ctx, callerKey{}, c.Conn), c)
		if err != nil {
			return nil, err
		}
		if _, none := result.(nothing); none {
			return nil, nil
		}
		raw, ok := result.(json.RawMessage)
		if !ok {
			if raw, err = json.Marshal(result); err != nil {
				return nil, fmt.Errorf("encode the answer of %s: %w", c.Method, err)
			}
		}
		return []json.RawMessage{raw}, nil
	}
	return nil, fmt.Errorf("method %q does not exist", c.Method)
}

// arg is the nth argument of a call; null if it has none.
func arg(c axon.Call, n int) pm2.Value {
	if n >= len(c.Args) {
		return pm2.Value{}
	}
	v, err := pm2.Parse(c.Args[n])
	if err != nil { // the arguments are JSON that was checked; only nesting too deep is left
		return pm2.Value{}
	}
	return v
}

// field is a member of an object, null if there is none.
func field(v pm2.Value, key string) pm2.Value {
	o, ok := v.Object()
	if !ok {
		return pm2.Value{}
	}
	f, _ := o.Get(key)
	return f
}

// word is what JavaScript makes of a value inside of a text.
func word(v pm2.Value) string {
	if s, ok := v.Text(); ok {
		return s
	}
	if _, ok := v.Object(); ok {
		return "[object Object]"
	}
	if v.IsNull() {
		return "undefined"
	}
	return string(v.AppendJSON(nil))
}

// find returns the process that v means: clients send ids as numbers or as the digits that a user typed.
func (s *Server) find(v pm2.Value) (app.Process, bool) {
	n, isNumber := v.Float()
	if text, ok := v.Text(); ok {
		i, err := strconv.Atoi(text)
		if err != nil {
			return app.Process{}, false
		}
		n, isNumber = float64(i), true
	}
	if !isNumber || n != float64(int(n)) || n < 0 {
		return app.Process{}, false
	}
	return s.Backend.Get(app.ID(n))
}

// id is the id that an argument means: itself, or the id in it.
func idOf(v pm2.Value) pm2.Value {
	if _, ok := v.Object(); ok {
		return field(v, "id")
	}
	return v
}

func raw(o *pm2.Object) json.RawMessage { return o.AppendJSON(nil) }

func (s *Server) formatted(p *app.Process) json.RawMessage { return raw(pm2.Formatted(p, s.Env)) }

func (s *Server) child(p *app.Process) json.RawMessage { return raw(pm2.Child(p, s.Env)) }

// all lists every process without its usage.
func (s *Server) all() json.RawMessage {
	out := []byte{'['}
	list := s.Backend.List()
	for i := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, s.formatted(&list[i])...)
	}
	return append(out, ']')
}

// now is what a process is after something was done to it.
func (s *Server) now(was app.Process) *app.Process {
	if p, ok := s.Backend.Get(was.ID); ok {
		return &p
	}
	was.PID, was.Status = 0, app.Stopped
	return &was
}

func (s *Server) ping(context.Context, axon.Call) (any, error) {
	return json.RawMessage(`{"msg":"pong"}`), nil
}

func (s *Server) getVersion(context.Context, axon.Call) (any, error) { return s.Version, nil }

func (s *Server) getMonitorData(context.Context, axon.Call) (any, error) {
	list := s.Backend.List()
	for i := range list {
		if list[i].Status != app.Online {
			list[i].Usage = app.Usage{}
		}
	}
	return json.RawMessage(pm2.AppendJList(nil, list, s.Env)), nil
}

func (s *Server) prepare(ctx context.Context, c axon.Call) (any, error) {
	if len(c.Args) == 0 {
		return nil, errors.New("prepare needs an app")
	}
	app, err := pm2.Prepare(c.Args[0], s.Backend.About().CPUs)
	if err != nil {
		return nil, err
	}
	ids, err := s.Backend.Add(ctx, app.Spec, app.Instances, !app.Stopped)
	if err != nil {
		return nil, err
	}
	out := []byte{'['}
	for _, id := range ids {
		p, ok := s.Backend.Get(id)
		if !ok {
			continue // somebody deleted it meanwhile
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, s.child(&p)...)
	}
	return json.RawMessage(append(out, ']')), nil
}

func (s *Server) startProcess(ctx context.Context, c axon.Call) (any, error) {
	p, ok := s.find(arg(c, 0))
	if !ok {
		return nil, fmt.Errorf("%s id unknown", word(arg(c, 0)))
	}
	switch p.Status {
	case app.Online:
		return nil, errors.New("process already online")
	case app.Launching:
		return nil, errors.New("process already started")
	}
	if err := s.Backend.Act(ctx, app.VerbStart, p.ID, nil, ""); err != nil {
		return nil, err
	}
	return s.child(s.now(p)), nil
}

func (s *Server) stopProcess(ctx context.Context, c axon.Call) (any, error) {
	p, ok := s.find(idOf(arg(c, 0)))
	if !ok {
		return nil, fmt.Errorf("%s : id unknown", word(idOf(arg(c, 0))))
	}
	if err := s.Backend.Act(ctx, app.VerbStop, p.ID, nil, ""); err != nil {
		return nil, err
	}
	return s.formatted(s.now(p)), nil
}

func (s *Server) deleteProcess(ctx context.Context, c axon.Call) (any, error) {
	p, ok := s.find(idOf(arg(c, 0)))
	if !ok {
		return nil, fmt.Errorf("%s : id unknown", word(idOf(arg(c, 0))))
	}
	if err := s.Backend.Act(ctx, app.VerbDelete, p.ID, nil, ""); err != nil {
		return nil, err
	}
	s.forget(p.ID)
	return s.formatted(s.now(p)), nil
}

// renew restarts or reloads with what the client sent along.
func (s *Server) renew(ctx context.Context, verb app.Verb, p *app.Process, c axon.Call) error {
	var spec *app.Spec
	if env := field(arg(c, 0), "env"); !env.IsNull() {
		changed, err := pm2.Changed(p, env.AppendJSON(nil))
		if err != nil {
			return err
		}
		spec = &changed
	}
	return s.Backend.Act(ctx, verb, p.ID, spec, "")
}

func (s *Server) restartProcess(ctx context.Context, c axon.Call) (any, error) {
	id := field(arg(c, 0), "id")
	if id.IsNull() {
		return nil, errors.New("opts.id not passed to restartProcessId")
	}
	p, ok := s.find(id)
	if !ok {
		return nil, errors.New("God db process id unknown")
	}
	if err := s.renew(ctx, app.VerbRestart, &p, c); err != nil {
		return nil, err
	}
	return s.child(s.now(p)), nil
}

func (s *Server) reloadProcess(ctx context.Context, c axon.Call) (any, error) {
	p, ok := s.find(field(arg(c, 0), "id"))
	if !ok {
		return nil, errors.New("PM2 ID unknown")
	}
	return s.reload(ctx, &p, c)
}

func (s *Server) softReload(ctx context.Context, c axon.Call) (any, error) {
	id := field(arg(c, 0), "id")
	p, ok := s.find(id)
	if !ok {
		return nil, fmt.Errorf("pm_id %s not available in %s", word(id), word(id))
	}
	return s.reload(ctx, &p, c)
}

// reload answers with the process that went, as PM2 does in cluster mode.
func (s *Server) reload(ctx context.Context, p *app.Process, c axon.Call) (any, error) {
	old := pm2.Formatted(p, s.Env)
	if err := s.renew(ctx, app.VerbReload, p, c); err != nil {
		return nil, err
	}
	if p.Mode != app.Cluster {
		return s.child(s.now(*p)), nil
	}
	was := pm2.String("_old_" + p.ID.String())
	old.Set("pm_id", was)
	if env, ok := field(pm2.Of(old), "pm2_env").Object(); ok {
		env.Set("pm_id", was)
	}
	return raw(old), nil
}

func (s *Server) duplicate(ctx context.Context, c axon.Call) (any, error) {
	p, ok := s.find(idOf(arg(c, 0)))
	if !ok {
		return nil, fmt.Errorf("%s id unknown", word(idOf(arg(c, 0))))
	}
	id, err := s.Backend.Duplicate(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	if p, ok = s.Backend.Get(id); !ok {
		return nil, fmt.Errorf("%s was deleted meanwhile", id)
	}
	return s.child(&p), nil
}

func (s *Server) resetMeta(ctx context.Context, c axon.Call) (any, error) {
	p, ok := s.find(arg(c, 0))
	if !ok {
		return nil, fmt.Errorf("%s id unknown", word(arg(c, 0)))
	}
	if err := s.Backend.Act(ctx, app.VerbReset, p.ID, nil, ""); err != nil {
		return nil, err
	}
	return s.all(), nil
}

func (s *Server) signalID(ctx context.Context, c axon.Call) (any, error) {
	id := field(arg(c, 0), "process_id")
	p, ok := s.find(id)
	if !ok {
		return nil, fmt.Errorf("%s id unknown", word(id))
	}
	if p.PID == 0 { // as PM2, which says nothing
		return s.all(), nil
	}
	if err := s.Backend.Act(ctx, app.VerbSignal, p.ID, nil, word(field(arg(c, 0), "signal"))); err != nil {
		return nil, errors.New("Error when sending signal (signal unknown)") //nolint:staticcheck // PM2's words
	}
	return s.all(), nil
}

func (s *Server) signalName(ctx context.Context, c axon.Call) (any, error) {
	name := word(field(arg(c, 0), "process_name"))
	found := false
	for _, p := range s.Backend.List() {
		if p.Name != name {
			continue
		}
		found = true
		if p.PID == 0 {
			continue
		}
		if err := s.Backend.Act(ctx, app.VerbSignal, p.ID, nil, word(field(arg(c, 0), "signal"))); err != nil {
			return nil, errors.New("Error when sending signal (signal unknown)") //nolint:staticcheck // PM2's words
		}
	}
	if !found {
		return nil, errors.New("Unknown process name") //nolint:staticcheck // PM2's words
	}
	return s.all(), nil
}

func (s *Server) reloadLogs(context.Context, axon.Call) (any, error) {
	if err := s.Backend.ReloadLogs(); err != nil {
		return nil, err
	}
	return json.RawMessage("{}"), nil
}

// profile refuses: what PM2 writes is the profile of a JavaScript engine, and its front end says "done" whatever comes back.
func (s *Server) profile(context.Context, axon.Call) (any, error) {
	return nil, errors.New("weaver's daemon is no Node program; use `weaver profile:cpu` or `profile:mem`, of an app or of the daemon")
}

// notifyKill is the news that killMe comes. There is nothing to do, and no answer.
func (s *Server) notifyKill(context.Context, axon.Call) (any, error) { return nil, axon.ErrNoReply }

// killMe is answered by a signal.
func (s *Server) killMe(ctx context.Context, c axon.Call) (any, error) {
	pid, _ := field(arg(c, 0), "pid").Float()
	s.pub.Publish("pm2:kill", []byte(`{"status":"killed","msg":"pm2 has been killed via CLI"}`))
	s.Backend.Kill(ctx, c.Conn, int(pid))
	return nil, axon.ErrNoReply
}

// mark remembers which processes somebody asked to monitor.
func (s *Server) mark(id app.ID, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.monitored == nil {
		s.monitored = map[app.ID]bool{}
	}
	s.monitored[id] = on
}

// forget drops what is remembered of a process.
func (s *Server) forget(id app.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.monitored, id)
}

// marked is what mark remembers, and whether it remembers anything.
func (s *Server) marked(id app.ID) (on, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	on, ok = s.monitored[id]
	return on, ok
}

func (s *Server) monitor(_ context.Context, c axon.Call) (any, error) { return s.setMonitored(c, true) }

func (s *Server) unmonitor(_ context.Context, c axon.Call) (any, error) {
	return s.setMonitored(c, false)
}

func (s *Server) setMonitored(c axon.Call, on bool) (any, error) {
	p, ok := s.find(arg(c, 0))
	if !ok {
		return nil, errors.New("Unknown pm_id") //nolint:staticcheck // PM2's words
	}
	s.mark(p.ID, on)
	return json.RawMessage(`{"success":true,"pm_id":` + p.ID.String() + `}`), nil
}

var success = json.RawMessage(`{"success":true}`)

// stopWatch comes before every stop, which ends watching by itself until the next start.
func (s *Server) stopWatch(context.Context, axon.Call) (any, error) { return success, nil }

// startWatch has a process watched whose spec says nothing of it.
func (s *Server) startWatch(ctx context.Context, c axon.Call) (any, error) {
	p, ok := s.find(idOf(arg(c, 1)))
	if !ok || p.Spec == nil || name(arg(c, 0)) != "restartProcessId" {
		return success, nil
	}
	if watches(p.Spec) {
		return json.RawMessage(`{"success":true,"notrestarted":true}`), nil
	}
	return success, s.setWatch(ctx, &p, true)
}

func (s *Server) toggleWatch(ctx context.Context, c axon.Call) (any, error) {
	p, ok := s.find(idOf(arg(c, 1)))
	if !ok || p.Spec == nil {
		return success, nil
	}
	return success, s.setWatch(ctx, &p, !watches(p.Spec))
}

func (s *Server) setWatch(ctx context.Context, p *app.Process, on bool) error {
	spec := p.Spec.Clone()
	spec.Watch = nil
	if on {
		spec.Watch = json.RawMessage("true")
	}
	return s.Backend.Respec(ctx, p.ID, spec)
}

func watches(s *app.Spec) bool {
	text := strings.TrimSpace(string(s.Watch))
	return text != "" && text != "false" && text != "null"
}

func name(v pm2.Value) string {
	s, _ := v.Text()
	return s
}
