// Package remote talks to a PM2 that runs, over its rpc.sock, as PM2's own command line does.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"weaver/pm2/axon"
)

// maxMessage bounds an answer: jlist of a thousand processes has some 50 MB.
const maxMessage = 256 << 20

// Daemon is a PM2 that runs. Calls are made one after the other.
type Daemon struct {
	conn net.Conn
	in   *axon.Reader
	next atomic.Uint64
	self string
}

// Dial connects to the rpc.sock at path.
func Dial(ctx context.Context, path string) (*Daemon, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	in := axon.NewReader(conn)
	in.Max = maxMessage
	return &Daemon{conn: conn, in: in, self: strconv.FormatInt(time.Now().UnixNano(), 36)}, nil
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
	id := axon.Text(d.self + ":" + strconv.FormatUint(d.next.Add(1), 10))
	request, err := axon.AppendFrame(nil, axon.Message{axon.JSON(body), id})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { d.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := d.conn.Write(request); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("ask PM2 to %s: %w", method, err)
	}
	for {
		m, err := d.in.Read()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read PM2's answer to %s: %w", method, err)
		}
		if len(m) != 2 || !bytes.Equal(m[1], id) {
			continue // to somebody else
		}
		doc, ok := axon.JSONOf(m[0])
		if !ok {
			return fmt.Errorf("read PM2's answer to %s: not JSON: %.80q", method, m[0])
		}
		var answer struct {
			Error any               `json:"error"`
			Args  []json.RawMessage `json:"args"`
		}
		if err := json.Unmarshal(doc, &answer); err != nil {
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
