package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/pm2"
)

// triggerTime is how long a trigger waits for answers unless it says so itself, and at most.
const (
	triggerTime = time.Minute
	triggerMost = time.Hour
)

// trigger has programs do something, and answers with what they say.
func (d *daemon) trigger(w http.ResponseWriter, r *http.Request) error {
	var req api.TriggerRequest
	if err := read(r, &req); err != nil {
		return err
	}
	if req.Action == "" {
		return &api.Error{Kind: api.Invalid, Message: "a trigger needs an action"}
	}
	if req.Inner { // profiles and snapshots: all that is in a program's memory
		if err := d.need(r, administrator, "trigger "+req.Action, req.Target); err != nil {
			return err
		}
	}
	targets, err := d.triggered(&req)
	if err != nil {
		return err
	}
	op := d.operation(r, "trigger "+req.Action, req.Target)
	defer op.end()
	wait := req.Wait.D()
	if wait <= 0 {
		wait = triggerTime
	}
	ctx, cancel := context.WithTimeout(d.streaming(r), min(wait, triggerMost))
	defer cancel()
	events := d.sup.Events(ctx, 0) // before anybody can answer
	open := map[app.ID]*app.Process{}
	for i := range targets {
		p := &targets[i]
		if err := d.sup.Send(p.ID, triggerMessage(p, &req)); err != nil {
			return op.failed(err)
		}
		open[p.ID] = p
	}
	send := lines[api.TriggerLine](w)
	if send(api.TriggerLine{Count: len(open)}) != nil {
		return nil // the peer is gone
	}
	for len(open) > 0 {
		e, ok := <-events
		if !ok {
			for _, p := range open {
				send(api.TriggerLine{ID: p.ID, Name: p.Name, Namespace: p.Namespace, Error: "no answer within " + wait.String()}) // the peer may be gone
			}
			return nil
		}
		line, done := answered(open[e.ID], &e, req.Action)
		if !done {
			continue
		}
		delete(open, e.ID)
		if send(line) != nil {
			return nil
		}
	}
	return nil
}

// triggered returns the processes that a trigger is for; none is no error, as in PM2, but for one that was named by number.
func (d *daemon) triggered(req *api.TriggerRequest) ([]app.Process, error) {
	if id, err := strconv.Atoi(req.Target); err == nil {
		p, ok := d.sup.Get(app.ID(id))
		switch {
		case !ok:
			return nil, &api.Error{Kind: api.NotFound, Message: req.Target + " id unknown"}
		case p.PID == 0:
			return nil, &api.Error{Kind: api.Conflict, Message: req.Target + " : id offline"}
		case !offers(&p, req):
			return nil, &api.Error{Kind: api.NotFound, Message: fmt.Sprintf("Action doesn't exist %s for %s", req.Action, p.Name)}
		}
		return []app.Process{p}, nil
	}
	var out []app.Process
	for _, p := range d.sup.List() {
		if pm2.Triggers(req.Target, &p) && p.PID != 0 && offers(&p, req) {
			out = append(out, p)
		}
	}
	return out, nil
}

func offers(p *app.Process, req *api.TriggerRequest) bool {
	if req.Inner {
		return pm2.LookedInto(p)
	}
	return pm2.Offers(p, req.Action)
}

func triggerMessage(p *app.Process, req *api.TriggerRequest) json.RawMessage {
	o := &pm2.Object{}
	o.Set("msg", pm2.String(req.Action))
	if len(req.Opts) > 0 {
		if v, err := pm2.Parse(req.Opts); err == nil { // it came as JSON
			o.Set("opts", v)
		}
	}
	if req.Inner {
		o.Set("cmd", pm2.String(pm2.Inner))
		return o.AppendJSON(nil)
	}
	o.Set("id", pm2.Number(int(p.ID)))
	return pm2.Trigger(p, pm2.Of(o), false)
}

// answered reads an event as what a process says to an action: its answer, or its end.
func answered(p *app.Process, e *app.Event, action string) (line api.TriggerLine, done bool) {
	if p == nil {
		return line, false
	}
	line = api.TriggerLine{ID: p.ID, Name: p.Name, Namespace: p.Namespace}
	switch {
	case e.Kind == app.EventMessage && e.Topic == "axm:reply":
		var reply struct {
			Action string          `json:"action_name"`
			Return json.RawMessage `json:"return"`
		}
		if json.Unmarshal(e.Data, &reply) != nil || reply.Action != action {
			return line, false
		}
		if line.Return = reply.Return; line.Return == nil {
			line.Return = json.RawMessage("null")
		}
		return line, true
	case e.Kind == app.EventExit && e.Gen == p.Gen:
		line.Error = "it ended without an answer"
		return line, true
	}
	return line, false
}

// sendText writes to a process's standard input.
func (d *daemon) sendText(w http.ResponseWriter, r *http.Request) error {
	var req api.SendRequest
	if err := read(r, &req); err != nil {
		return err
	}
	p, ok := d.sup.Get(req.ID)
	switch {
	case !ok:
		return &api.Error{Kind: api.NotFound, Message: fmt.Sprintf("Process with ID <%s> unknown.", req.ID)}
	case p.PID == 0:
		return &api.Error{Kind: api.Conflict, Message: fmt.Sprintf("Process with ID <%s> offline.", req.ID)}
	case p.Mode == app.Cluster: // as in PM2: workers have messages
		return &api.Error{Kind: api.Invalid, Message: "Cannot send line to processes in cluster mode"}
	}
	op := d.operation(r, "send", p.Name)
	defer op.end()
	if err := d.sup.SendLine(req.ID, req.Text); err != nil {
		return op.failed(err)
	}
	return op.answer(w, struct{}{})
}

// profileMost bounds a profile of the daemon itself.
const profileMost = 10 * time.Minute

// heapProfileRate is after how many bytes a profile of the heap takes note of an allocation.
const heapProfileRate = 4096

// heapProfiles is held by the one that is taken: the rate is the whole process's.
var heapProfiles sync.Mutex

// profile answers with a profile of the daemon itself, in pprof's format: of the heap, what was allocated meanwhile and lives.
func (d *daemon) profile(w http.ResponseWriter, r *http.Request) error {
	ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
	if err != nil || ms < 0 || time.Duration(ms)*time.Millisecond > profileMost {
		return &api.Error{Kind: api.Invalid, Message: "a profile takes 0 to " + profileMost.String()}
	}
	op := d.operation(r, "profile")
	defer op.end()
	var out bytes.Buffer
	switch r.URL.Query().Get("kind") {
	case "cpu":
		if err := pprof.StartCPUProfile(&out); err != nil {
			return op.failed(&api.Error{Kind: api.Conflict, Message: err.Error()})
		}
		d.pause(r, ms)
		pprof.StopCPUProfile()
	case "heap":
		heapProfiles.Lock()
		defer heapProfiles.Unlock()
		before := runtime.MemProfileRate
		runtime.MemProfileRate = heapProfileRate
		d.pause(r, ms)
		runtime.MemProfileRate = before
		runtime.GC() // what is garbage is no news
		if err := pprof.Lookup("heap").WriteTo(&out, 0); err != nil {
			return op.failed(fmt.Errorf("write the heap profile: %w", err))
		}
	case "goroutine": // in words
		if err := pprof.Lookup("goroutine").WriteTo(&out, 1); err != nil {
			return op.failed(fmt.Errorf("write the profile of goroutines: %w", err))
		}
	default:
		return &api.Error{Kind: api.Invalid, Message: "a profile is of cpu, heap or goroutine"}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(out.Bytes()) // the peer may be gone
	return nil
}

// pause waits, unless who asked or the daemon goes.
func (d *daemon) pause(r *http.Request, ms int) {
	ctx, cancel := context.WithTimeout(d.streaming(r), time.Duration(ms)*time.Millisecond)
	defer cancel()
	<-ctx.Done()
}
