//go:build linux

package oracle

import (
	"encoding/json"
	"fmt"
	"net"
	"time"

	"weaver/pm2/axon"
)

// call asks PM2's daemon directly. A front end of PM2's costs half a second of processor; a session asks for the list
// many times.
func (s *stage) call(method string, arg any) (json.RawMessage, error) {
	conn, err := net.DialTimeout("unix", s.path("h/rpc.sock"), patience)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	request, err := json.Marshal(map[string]any{"type": "call", "method": method, "args": []any{arg}})
	if err != nil {
		return nil, err
	}
	frame, err := axon.AppendFrame(nil, axon.Message{axon.JSON(request), axon.Text("1:1")})
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(frame); err != nil {
		return nil, err
	}
	m, err := axon.NewReader(conn).Read()
	if err != nil {
		return nil, err
	}
	var reply struct {
		Args  []json.RawMessage
		Error string
	}
	doc, ok := axon.JSONOf(m[0])
	if !ok {
		return nil, fmt.Errorf("not JSON: %.80q", m[0])
	}
	if err := json.Unmarshal(doc, &reply); err != nil {
		return nil, err
	}
	if reply.Error != "" || len(reply.Args) == 0 {
		return nil, fmt.Errorf("%s: %q", method, reply.Error)
	}
	return reply.Args[0], nil
}

// empty deletes all processes of the daemon.
func (s *stage) empty() error {
	list, err := s.entries()
	if err != nil {
		return err
	}
	for _, e := range list {
		if _, err := s.call("deleteProcessId", e.ID); err != nil {
			return err
		}
	}
	return nil
}
