// Package remote talks to a PM2 that runs, over its rpc.sock, as PM2's own command line does.
package remote

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// A message has a byte with the version (1) and the number of parts, then each part with its length before it. A part
// begins with what it is: "j:" is JSON, "s:" a text.
const (
	version  = 1
	maxParts = 15
	maxPart  = 256 << 20 // jlist of a thousand processes has some 50 MB
)

func appendMessage(b []byte, parts ...string) []byte {
	b = append(b, version<<4|byte(len(parts)))
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

func readMessage(r io.Reader) ([]string, error) {
	var head [1]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	if head[0]>>4 != version {
		return nil, fmt.Errorf("message of version %d", head[0]>>4)
	}
	parts := make([]string, head[0]&maxParts)
	for i := range parts {
		var size [4]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return nil, unexpected(err)
		}
		n := binary.BigEndian.Uint32(size[:])
		if n > maxPart {
			return nil, fmt.Errorf("message part of %d bytes", n)
		}
		// Grown as it comes: a length alone costs nothing.
		part, err := io.ReadAll(io.LimitReader(r, int64(n)))
		if err == nil && len(part) < int(n) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, unexpected(err)
		}
		parts[i] = string(part)
	}
	return parts, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Daemon is a PM2 that runs. Calls are made one after the other.
type Daemon struct {
	conn net.Conn
	next atomic.Uint64
	self string
}

// Dial connects to the rpc.sock at path.
func Dial(ctx context.Context, path string) (*Daemon, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return &Daemon{conn: conn, self: strconv.FormatInt(time.Now().UnixNano(), 36)}, nil
}

// Close ends the connection.
func (d *Daemon) Close() error { return d.conn.Close() }

// Error is what PM2 answered instead of a result.
type Error struct{ Method, Message string }

func (e *Error) Error() string { return e.Method + ": " + e.Message }

// call calls a method with one argument, and decodes its result into result unless that is nil.
func (d *Daemon) call(ctx context.Context, method string, arg, result any) error {
	body, err := json.Marshal(map[string]any{"type": "call", "method": method, "args": []any{arg}})
	if err != nil {
		return err
	}
	id := "s:" + d.self + ":" + strconv.FormatUint(d.next.Add(1), 10)
	stop := context.AfterFunc(ctx, func() { d.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := d.conn.Write(appendMessage(nil, "j:"+string(body), id)); err != nil {
		return fmt.Errorf("ask PM2 to %s: %w", method, err)
	}
	for {
		parts, err := readMessage(d.conn)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read PM2's answer to %s: %w", method, err)
		}
		if len(parts) != 2 || parts[1] != id || len(parts[0]) < 2 {
			continue // to somebody else
		}
		var answer struct {
			Error any               `json:"error"`
			Args  []json.RawMessage `json:"args"`
		}
		if err := json.Unmarshal([]byte(parts[0][2:]), &answer); err != nil {
			return fmt.Errorf("read PM2's answer to %s: %w", method, err)
		}
		if answer.Error != nil {
			return &Error{method, fmt.Sprint(answer.Error)}
		}
		if result == nil || len(answer.Args) == 0 {
			return nil
		}
		return json.Unmarshal(answer.Args[len(answer.Args)-1], result)
	}
}

// Version is PM2's.
func (d *Daemon) Version(ctx context.Context) (string, error) {
	var v string
	return v, d.call(ctx, "getVersion", struct{}{}, &v)
}

// Process is one process of PM2's. Env is its whole record, which a dump has too.
type Process struct {
	ID   int             `json:"pm_id"`
	PID  int             `json:"pid"`
	Name string          `json:"name"`
	Env  json.RawMessage `json:"pm2_env"`
}

// List returns all processes.
func (d *Daemon) List(ctx context.Context) ([]Process, error) {
	var list []Process
	return list, d.call(ctx, "getMonitorData", struct{}{}, &list)
}

// Stop stops a process: it is gone, and what it listened on free, when this returns.
func (d *Daemon) Stop(ctx context.Context, id int) error {
	return d.call(ctx, "stopProcessId", id, nil)
}

// Start starts a process that is stopped.
func (d *Daemon) Start(ctx context.Context, id int) error {
	return d.call(ctx, "startProcessId", id, nil)
}

// Delete stops and forgets a process.
func (d *Daemon) Delete(ctx context.Context, id int) error {
	return d.call(ctx, "deleteProcessId", id, nil)
}

// Prepare starts a new process from a record as a dump has it.
func (d *Daemon) Prepare(ctx context.Context, record json.RawMessage) error {
	return d.call(ctx, "prepare", record, nil)
}
