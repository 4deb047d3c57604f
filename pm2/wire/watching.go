package wire

import (
	"context"
	"encoding/json"
	"strings"

	"weaver/app"
	"weaver/pm2/axon"
)

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
