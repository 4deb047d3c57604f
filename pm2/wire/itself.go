package wire

import (
	"context"
	"encoding/json"
	"errors"

	"weaver/pm2/axon"
)

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
