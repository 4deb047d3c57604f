package wire

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"weaver/app"
	"weaver/pm2"
	"weaver/pm2/axon"
)

// Serve answers calls on rpc and publishes on pub, until both are closed; connections end with ctx.
func (s *Server) Serve(ctx context.Context, rpc, pub net.Listener, warn func(error)) {
	var doors sync.WaitGroup
	defer doors.Wait()
	defer s.feed.stop()
	calls := &axon.Server{Handler: s, Warn: warn}
	open := func(serve func() error) {
		doors.Go(func() { // ends when its listener is closed
			if err := serve(); err != nil && warn != nil {
				warn(err)
			}
		})
	}
	open(s.pub.Listen(ctx, pub)) // before the first call
	open(func() error { return calls.Serve(ctx, rpc) })
	doors.Wait()
}

// feed is what takes news to the bus. It runs only while somebody listens.
type feed struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

func (f *feed) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil {
		f.cancel()
		f.cancel = nil
	}
	f.ended.Wait()
}

// listened starts or ends the feed. Calls come one after the other.
func (s *Server) listened(on bool) {
	if !on {
		s.feed.stop()
		return
	}
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	s.feed.cancel = cancel
	events, lines := s.Backend.Events(ctx), s.Backend.Lines(ctx)
	s.feed.ended.Go(func() { // ends with ctx
		s.lives = lives{}
		for e := range events {
			s.event(&e)
		}
	})
	s.feed.ended.Go(func() {
		for l := range lines {
			s.line(&l)
		}
	})
}

// Notify puts on the bus what somebody did to a process without PM2's clients, which tell it themselves.
func (s *Server) Notify(id app.ID, action string) {
	if s.pub.Subscribed() {
		s.Backend.Tell(id, action, true)
	}
}

func millis(t time.Time) pm2.Value {
	if t.IsZero() {
		t = time.Now()
	}
	return pm2.Number(t.UnixMilli())
}

// processEvent publishes something that happened to a process, with its record.
func (s *Server) processEvent(p *app.Process, event string, manually bool) {
	if !s.pub.Subscribed() {
		return
	}
	s.publishProcess(pm2.Public(p, s.Env), event, manually)
}

func (s *Server) publishProcess(record *pm2.Object, event string, manually bool) {
	o := &pm2.Object{}
	o.Set("event", pm2.String(event))
	o.Set("manually", pm2.Bool(manually))
	o.Set("process", pm2.Of(record))
	o.Set("at", millis(time.Now()))
	s.pub.Publish("process:event", o.AppendJSON(nil))
}

// console publishes a line that PM2's daemon would print.
func (s *Server) console(at time.Time, format string, args ...any) {
	process := &pm2.Object{}
	process.Set("pm_id", pm2.String("PM2"))
	process.Set("name", pm2.String("PM2"))
	process.Set("rev", pm2.Value{})
	o := &pm2.Object{}
	o.Set("process", pm2.Of(process))
	o.Set("at", millis(at))
	o.Set("data", pm2.String(fmt.Sprintf(format, args...)+"\n"))
	s.pub.Publish("log:PM2", o.AppendJSON(nil))
}

// who says which process something is about; logs have the revision too.
func who(id app.ID, name, namespace string, rev bool) pm2.Value {
	if namespace == "" {
		namespace = app.DefaultNamespace
	}
	o := &pm2.Object{}
	o.Set("pm_id", pm2.Number(int(id)))
	o.Set("name", pm2.String(name))
	if rev {
		o.Set("rev", pm2.Value{})
	}
	o.Set("namespace", pm2.String(namespace))
	return pm2.Of(o)
}

func (s *Server) line(l *app.Line) {
	if l.Missed > 0 {
		s.console(l.At, "%d lines of %s were too fast for the bus", l.Missed, l.Name)
	}
	o := &pm2.Object{}
	o.Set("process", who(l.ID, l.Name, l.Namespace, true))
	o.Set("at", millis(l.At))
	o.Set("data", pm2.String(l.Text+"\n"))
	topic := "log:out"
	if l.Stream == app.Err {
		topic = "log:err"
	}
	s.pub.Publish(topic, o.AppendJSON(nil))
}

// event translates what happened, in the order in which PM2 tells it.
func (s *Server) event(e *app.Event) {
	label := fmt.Sprintf("[%s:%s]", e.Name, e.ID)
	switch e.Kind {
	case app.EventMessage:
		s.message(e)
	case app.EventTold:
		if p, ok := s.Backend.Get(e.ID); ok {
			s.processEvent(&p, e.Message, e.Manually)
		}
	case app.EventStart:
		s.ended(e, app.Stopped)
		s.lives.of(e.ID).begun = e.Gen
		mode := app.Fork
		if p, ok := s.Backend.Get(e.ID); ok && p.Mode != "" {
			mode = p.Mode
		}
		s.console(e.At, "App %s starting in -%s mode-", label, strings.TrimSuffix(string(mode), "_mode"))
	case app.EventOnline:
		s.about(e, "online", app.Launching)
		s.lives.of(e.ID).restarts = e.Restarts
		s.console(e.At, "App %s online", label)
		if e.Gen == 1 { // a new process: clients tell the rest themselves
			s.told(e, "start", app.Online, true)
		}
	case app.EventExit:
		code, signal := 0, "SIGINT" // what PM2 says when there was none
		if e.Exit != nil {
			code = e.Exit.Code
			if e.Exit.Signal != "" {
				code, signal = 0, e.Exit.Signal // PM2's choice of a code
			}
		}
		s.console(e.At, "App %s exited with code [%d] via signal [%s]", label, code, signal)
		s.exited(e)
	case app.EventRestart:
		s.ended(e, app.Stopped)
		s.lives.of(e.ID).waits = e.Delay > 0
	case app.EventDelete:
		s.ended(e, app.Stopped)
		delete(s.lives, e.ID)
	case app.EventStop:
		if s.asked(e) {
			s.console(e.At, "msg=process tree of %s killed", label)
		}
		s.ended(e, app.Stopped)
	case app.EventOverlimit:
		p, _ := s.Backend.Get(e.ID)
		script := e.Name
		if p.Spec != nil {
			script = p.Spec.Script
		}
		s.console(e.At, `Script %s had too many unstable restarts (%d). Stopped. "errored"`, script, p.Unstable)
		s.about(e, "restart overlimit", app.Errored)
		s.ended(e, app.Errored)
	case app.EventWarning, app.EventFailed:
		s.console(e.At, "%s %s", label, e.Message)
	}
}

// message publishes what a program sent: under its own topic if it named one.
func (s *Server) message(e *app.Event) {
	data, err := pm2.Parse(e.Data)
	if err != nil {
		return
	}
	s.owed.wait(e.ID)
	topic, key := e.Topic, "data"
	if topic == "" {
		topic, key = "process:msg", "raw"
	}
	switch topic {
	case "axm:action", "axm:monitor", "axm:option:setPID", "axm:option:configuration":
		return // they change the record, and nothing else
	}
	o := &pm2.Object{}
	o.Set("at", millis(e.At))
	o.Set(key, data)
	o.Set("process", who(e.ID, e.Name, e.Namespace, key == "data" && s.worker(e.ID)))
	s.pub.Publish(topic, o.AppendJSON(nil))
}

// worker reports a process in cluster mode, of which PM2 tells the revision with what it says.
func (s *Server) worker(id app.ID) bool {
	p, ok := s.Backend.Get(id)
	return ok && p.Spec.Mode == app.Cluster
}

// Dying tells the bus that the daemon is about to end.
func (s *Server) Dying(why string) {
	o := &pm2.Object{}
	o.Set("status", pm2.String("killed"))
	o.Set("msg", pm2.String(why))
	s.pub.Publish("pm2:kill", o.AppendJSON(nil))
}
