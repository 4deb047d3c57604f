package wire

import (
	"context"
	"encoding/json"

	"weaver/app"
	"weaver/pm2"
	"weaver/pm2/axon"
)

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
