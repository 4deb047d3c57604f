//lint:file-ignore ST1005 these are the words of PM2 that clients compare

package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"weaver/app"
	"weaver/pm2"
	"weaver/pm2/axon"
	"weaver/skim"
)

func (s *Server) sendLine(_ context.Context, c axon.Call) (any, error) {
	id, line := field(arg(c, 0), "pm_id"), field(arg(c, 0), "line")
	text, isText := line.Text()
	if id.IsNull() || line.IsNull() || isText && text == "" {
		return nil, errors.New("pm_id or line field missing")
	}
	p, err := s.alive(id, func(p *app.Process) error {
		if p.Mode == app.Cluster {
			return errors.New("Cannot send line to processes in cluster mode") //nolint:staticcheck // PM2's words
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.Backend.SendLine(p.ID, word(line)); err != nil {
		return nil, err
	}
	out := &pm2.Object{}
	out.Set("pm_id", id)
	out.Set("line", line)
	return raw(out), nil
}

// alive finds a process that can be sent something.
func (s *Server) alive(id pm2.Value, also func(*app.Process) error) (app.Process, error) {
	p, ok := s.find(id)
	if !ok {
		return p, fmt.Errorf("Process with ID <%s> unknown.", word(id)) //nolint:staticcheck // PM2's words
	}
	if also != nil {
		if err := also(&p); err != nil {
			return p, err
		}
	}
	if p.Status != app.Online && p.Status != app.Launching || p.PID == 0 {
		return p, fmt.Errorf("Process with ID <%s> offline.", word(id)) //nolint:staticcheck // PM2's words
	}
	return p, nil
}

// sendData sends the packet as it is: programs look for topic and data in it.
func (s *Server) sendData(_ context.Context, c axon.Call) (any, error) {
	var packet, id, data, topic json.RawMessage
	if len(c.Args) > 0 {
		packet = c.Args[0]
	}
	skim.Members(packet, func(key string, value []byte) {
		switch key {
		case "id":
			id = value
		case "data":
			data = value
		case "topic":
			topic = value
		}
	})
	to, err := pm2.Parse(id)
	if err != nil || data == nil || !skim.Truthy(topic) { // any data will do, null too
		return nil, errors.New("ID, DATA or TOPIC field is missing") //nolint:staticcheck // PM2's words
	}
	if to.IsNull() {
		return nil, errors.New("Process with ID <null> unknown.") //nolint:staticcheck // PM2's words
	}
	p, err := s.alive(to, nil)
	if err != nil {
		return nil, err
	}
	s.owed.answer(c, p.ID, false)
	if err := s.send(c, p.ID, packet); err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(packet)+32)
	out = append(out, `{"success":true,"data":`...)
	return json.RawMessage(append(append(out, packet...), '}')), nil
}

// send has a message be on its way before the call is answered.
func (s *Server) send(c axon.Call, id app.ID, message json.RawMessage) error {
	f, err := s.Backend.Send(id, message)
	switch {
	case err != nil:
		return err
	case c.First != nil:
		c.First(f)
	default:
		f.Flush()
	}
	return nil
}

// truthy is JavaScript's idea of what is there.
func truthy(v pm2.Value) bool {
	if s, ok := v.Text(); ok {
		return s != ""
	}
	if n, ok := v.Float(); ok {
		return n != 0
	}
	if b, ok := v.Bool(); ok {
		return b
	}
	return !v.IsNull()
}

// msgProcess triggers an action in the processes that announced it.
func (s *Server) msgProcess(_ context.Context, c axon.Call) (any, error) {
	cmd := arg(c, 0)
	msg := field(cmd, "msg")
	if id := field(cmd, "id"); !id.IsNull() {
		p, ok := s.find(id)
		if !ok {
			return nil, fmt.Errorf("%s id unknown", word(id))
		}
		switch {
		case !pm2.Offers(&p, word(msg)):
			return nil, fmt.Errorf("Action doesn't exist %s for %s", word(msg), p.Name) //nolint:staticcheck // PM2's words
		case p.PID == 0 || p.Status != app.Online && p.Status != app.Launching:
			return nil, fmt.Errorf("%s : id offline", word(id))
		}
		s.owed.answer(c, p.ID, true)
		if err := s.trigger(c, &p, cmd, truthy(field(cmd, "uuid"))); err != nil {
			return nil, err
		}
		return json.RawMessage(`{"process_count":1,"success":true}`), nil
	}
	target := field(cmd, "name")
	if target.IsNull() {
		return nil, errors.New("method requires name or id field")
	}
	n := 0
	for _, p := range s.Backend.List() {
		if !pm2.Triggers(word(target), &p) || p.PID == 0 || !pm2.Offers(&p, word(msg)) {
			continue
		}
		s.owed.answer(c, p.ID, true)
		if err := s.trigger(c, &p, cmd, false); err != nil {
			return nil, err
		}
		n++
	}
	return json.RawMessage(fmt.Sprintf(`{"process_count":%d,"success":true}`, n)), nil
}

// trigger sends an action the way programs expect it.
func (s *Server) trigger(c axon.Call, p *app.Process, cmd pm2.Value, whole bool) error {
	return s.send(c, p.ID, pm2.Trigger(p, cmd, whole))
}

// notify puts on the bus what a client did to a process.
func (s *Server) notify(_ context.Context, c axon.Call) (any, error) {
	id := field(arg(c, 0), "id")
	if id.IsNull() {
		return nil, errors.New("process id missing")
	}
	p, ok := s.find(id)
	if !ok {
		return nil, errors.New("process id doesnt exists")
	}
	s.Backend.Tell(p.ID, word(field(arg(c, 0), "action_name")), truthy(field(arg(c, 0), "manually")))
	return nothing{}, nil
}
