//lint:file-ignore ST1005 these are the words of PM2 that clients compare

package wire

import (
	"context"
	"encoding/json"
	"errors"

	"weaver/app"
	"weaver/pm2/axon"
)

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
	id := arg(c, 0)
	p, ok := s.find(id)
	if !ok {
		return nil, errors.New("Unknown pm_id") //nolint:staticcheck // PM2's words
	}
	s.mark(p.ID, on)
	return json.RawMessage(`{"success":true,"pm_id":` + string(id.AppendJSON(nil)) + `}`), nil // as it was given
}
