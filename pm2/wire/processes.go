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
)

func (s *Server) prepare(ctx context.Context, c axon.Call) (any, error) {
	if len(c.Args) == 0 {
		return nil, errors.New("prepare needs an app")
	}
	app, err := pm2.Prepare(c.Args[0], s.Backend.About().CPUs)
	if err != nil {
		return nil, err
	}
	ids, err := s.Backend.Add(ctx, app.Spec, app.Instances, !app.Stopped, c.Begun)
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
	gone := *p
	gone.Status, gone.PID = app.Stopped, 0
	old := pm2.Formatted(&gone, s.Env)
	if err := s.renew(ctx, app.VerbReload, p, c); err != nil {
		return nil, err
	}
	if p.Mode != app.Cluster {
		return s.child(s.now(*p)), nil
	}
	was := pm2.String(oldID(p.ID))
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
