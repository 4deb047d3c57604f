//go:build linux

package oracle

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
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
	frame := []byte{0x12} // version 1, two arguments
	for _, a := range []string{"j:" + string(request), "s:1:1"} {
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(a)))
		frame = append(frame, a...)
	}
	if _, err := conn.Write(frame); err != nil {
		return nil, err
	}
	var head [1]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	var first []byte
	for i := range int(head[0] & 15) {
		var size [4]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return nil, err
		}
		data := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(conn, data); err != nil {
			return nil, err
		}
		if i == 0 {
			first = data
		}
	}
	var reply struct {
		Args  []json.RawMessage
		Error string
	}
	if len(first) < 2 {
		return nil, errors.New("an empty reply")
	}
	if err := json.Unmarshal(first[2:], &reply); err != nil {
		return nil, err
	}
	if reply.Error != "" || len(reply.Args) == 0 {
		return nil, fmt.Errorf("%s: %q", method, reply.Error)
	}
	return reply.Args[0], nil
}

// empty deletes all processes of PM2's daemon.
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
