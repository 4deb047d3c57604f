//lint:file-ignore ST1005 these are the words of PM2 that clients compare

package wire

import (
	"context"
	"errors"
	"fmt"

	"weaver/app"
	"weaver/pm2/axon"
)

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
