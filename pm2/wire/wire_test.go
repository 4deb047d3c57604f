package wire

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weaver/app"
	"weaver/pm2"
	"weaver/pm2/axon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keeper is a fake of who keeps processes.
type keeper struct {
	mu     sync.Mutex
	list   []app.Process
	next   app.ID
	did    []string
	events chan app.Event
	lines  chan app.Line
	feeds  int
}

func (k *keeper) note(format string, args ...any) {
	k.did = append(k.did, fmt.Sprintf(format, args...))
}

func (k *keeper) List() []app.Process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.list)
}

func (k *keeper) at(id app.ID) *app.Process {
	for i := range k.list {
		if k.list[i].ID == id {
			return &k.list[i]
		}
	}
	return nil
}

func (k *keeper) Get(id app.ID) (app.Process, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.at(id); p != nil {
		return *p, true
	}
	return app.Process{}, false
}

func (k *keeper) Add(_ context.Context, spec app.Spec, n int, up bool, _ func()) ([]app.ID, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var ids []app.ID
	for range n {
		p := app.Process{ID: k.next, Name: spec.Name, Namespace: spec.Namespace, Mode: spec.Mode, Spec: &spec, Status: app.Stopped, Created: time.Now()}
		if up {
			p.Status, p.PID, p.Gen = app.Online, 1000+int(k.next), 1
		}
		k.list = append(k.list, p)
		ids = append(ids, k.next)
		k.next++
	}
	return ids, nil
}

func (k *keeper) Duplicate(ctx context.Context, id app.ID) (app.ID, error) {
	p, _ := k.Get(id)
	ids, err := k.Add(ctx, *p.Spec, 1, true, nil)
	return ids[0], err
}

func (k *keeper) Act(_ context.Context, verb app.Verb, id app.ID, spec *app.Spec, signal string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.note("%s %d %s", verb, id, signal)
	p := k.at(id)
	if spec != nil {
		p.Spec = spec
	}
	switch verb {
	case app.VerbStop:
		p.Status, p.PID = app.Stopped, 0
	case app.VerbStart, app.VerbRestart, app.VerbReload:
		p.Status, p.PID = app.Online, 2000+int(id)
	case app.VerbDelete:
		k.list = slices.DeleteFunc(k.list, func(p app.Process) bool { return p.ID == id })
	case app.VerbSignal:
		if signal == "SIGNOPE" {
			return errors.New("no such signal")
		}
	}
	return nil
}

func (k *keeper) Respec(_ context.Context, id app.ID, spec app.Spec) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at(id).Spec = &spec
	return nil
}

func (k *keeper) Tell(id app.ID, what string, manually bool) {
	if k.events != nil {
		k.events <- app.Event{Kind: app.EventTold, ID: id, Message: what, Manually: manually}
	}
}

func (k *keeper) Send(id app.ID, m json.RawMessage) (axon.Flusher, error) {
	return &sending{k, fmt.Sprintf("send %d %s", id, m)}, nil
}

// sending is a message that counts when it is flushed.
type sending struct {
	k    *keeper
	note string
}

func (s *sending) Flush() {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.k.note("%s", s.note)
}

func (k *keeper) SendLine(id app.ID, line string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.note("line %d %s", id, line)
	return nil
}

func (k *keeper) Events(ctx context.Context) <-chan app.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.feeds++
	out := make(chan app.Event)
	go func() { // ends with ctx
		defer close(out)
		for {
			select {
			case e := <-k.events:
				out <- e
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (k *keeper) Lines(ctx context.Context) <-chan app.Line {
	out := make(chan app.Line)
	go func() { // ends with ctx
		defer close(out)
		for {
			select {
			case l := <-k.lines:
				out <- l
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (k *keeper) ReloadLogs() error { return nil }

func (k *keeper) Kill(_ context.Context, _ net.Conn, caller int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.note("kill for %d", caller)
}

func (k *keeper) Host() Host { return Host{CPU: 12.34, MemoryTotal: 1000, MemoryUsed: 250} }

func (k *keeper) About() About { return About{Version: "1", CPUs: 2, Args: []string{"weaverd"}} }

// piece is a part of a recorded stream.
type piece struct {
	Conn int
	Dir  string
	Data []byte
}

func recording(t testing.TB, name string) map[string][]byte {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "wire", name))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	streams := map[string][]byte{}
	for dec := json.NewDecoder(bufio.NewReader(z)); ; {
		var p piece
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return streams
		} else {
			require.NoError(t, err)
		}
		key := fmt.Sprintf("%s %d", p.Dir, p.Conn)
		streams[key] = append(streams[key], p.Data...)
	}
}

func messages(t testing.TB, stream []byte) []axon.Message {
	t.Helper()
	var out []axon.Message
	for r := axon.NewReader(bytes.NewReader(stream)); ; {
		m, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, m)
	}
}

// TestWhatPM2SaidIsReadAndWrittenTheSame takes every frame apart and puts it together again.
func TestWhatPM2SaidIsReadAndWrittenTheSame(t *testing.T) {
	n := 0
	for _, name := range []string{"rpc.jsonl.gz", "pub.jsonl.gz"} {
		for key, stream := range recording(t, name) {
			var again []byte
			for _, m := range messages(t, stream) {
				n++
				var err error
				again, err = axon.AppendFrame(again, m)
				require.NoError(t, err)
			}
			require.True(t, bytes.Equal(stream, again), "%s %s", name, key)
		}
	}
	assert.Greater(t, n, 200)
}

// answered is what was asked with what PM2's daemon answered, in the order of the answers' connection.
type answered struct {
	method, args, error string
	result              pm2.Value
	hasResult           bool
}

func exchanges(t testing.TB) []answered {
	t.Helper()
	streams := recording(t, "rpc.jsonl.gz")
	var out []answered
	for conn := 0; ; conn++ {
		asked, ok := streams[fmt.Sprintf("client %d", conn)]
		if _, opened := streams[fmt.Sprintf("open %d", conn)]; !opened {
			return out
		}
		if !ok {
			continue // a probe
		}
		replies := map[string]axon.Message{}
		for _, m := range messages(t, streams[fmt.Sprintf("daemon %d", conn)]) {
			replies[string(m[len(m)-1])] = m
		}
		for _, m := range messages(t, asked) {
			var call struct {
				Type, Method string
				Args         json.RawMessage
			}
			doc, ok := axon.JSONOf(m[0])
			require.True(t, ok)
			require.NoError(t, json.Unmarshal(doc, &call))
			reply, ok := replies[string(m[1])]
			if !ok || call.Type != "call" {
				continue
			}
			a := answered{method: call.Method, args: string(call.Args)}
			doc, ok = axon.JSONOf(reply[0])
			require.True(t, ok)
			v, err := pm2.Parse(doc)
			require.NoError(t, err)
			if e := field(v, "error"); !e.IsNull() {
				a.error = word(e)
			} else if list, _ := field(v, "args").List(); len(list) > 0 {
				a.result, a.hasResult = list[0], true
			}
			out = append(out, a)
		}
	}
}

// TestTheSessionGoesAsWithPM2 asks our server what PM2's clients asked PM2's daemon: each call fails with the same words or
// has an answer of the same shape.
func TestTheSessionGoesAsWithPM2(t *testing.T) {
	k := &keeper{}
	s := New(k, pm2.EnvOptions{})
	all := exchanges(t)
	require.Greater(t, len(all), 80)
	seen := map[string]bool{}
	for _, a := range all {
		var args []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(a.args), &args))
		results, err := s.Call(t.Context(), axon.Call{Method: a.method, Args: args})
		said := fmt.Sprintf("%s %.200s", a.method, a.args)
		if a.error != "" {
			require.EqualError(t, err, a.error, said)
			continue
		}
		require.NoError(t, err, said)
		seen[a.method] = true
		require.Equal(t, a.hasResult, len(results) == 1, said)
		if !a.hasResult {
			continue
		}
		v, err := pm2.Parse(results[0])
		require.NoError(t, err, said)
		compare(t, said, a.method, a.result, v)
	}
	for _, m := range []string{"prepare", "getMonitorData", "restartProcessId", "duplicateProcessId", "deleteProcessId", "sendDataToProcessId", "notifyByProcessId"} {
		assert.True(t, seen[m], m)
	}
}

// compare checks that what clients read in an answer is there.
func compare(t *testing.T, said, method string, want, got pm2.Value) {
	t.Helper()
	switch method {
	case "getReport", "getSystemData": // figures of another machine
		_, ok := got.Object()
		require.True(t, ok)
		return
	}
	if list, ok := want.List(); ok {
		ours, ok := got.List()
		require.True(t, ok, said)
		require.Len(t, ours, len(list), said)
		for i := range list {
			compare(t, said, method, list[i], ours[i])
		}
		return
	}
	o, ok := want.Object()
	if !ok || field(want, "pm2_env").IsNull() {
		require.Equal(t, string(want.AppendJSON(nil)), string(got.AppendJSON(nil)), said)
		return
	}
	ours, ok := got.Object()
	require.True(t, ok, said)
	for _, key := range []string{"pid", "name", "pm_id", "monit"} {
		if _, there := o.Get(key); there {
			_, ok := ours.Get(key)
			require.True(t, ok, "%s: %s", said, key)
		}
	}
	env, _ := field(want, "pm2_env").Object()
	mine, ok := field(got, "pm2_env").Object()
	require.True(t, ok, said)
	for _, m := range env.Members() {
		switch m.Key {
		case "unique_id", "version", "node_version", "exit_code", "prev_restart_delay", "_tree_pids", "_pm2_version", "instances", "_km_monitored", "restart_task":
			continue // the fake keeps no such things
		}
		_, ok := mine.Get(m.Key)
		require.True(t, ok, "%s: pm2_env.%s", said, m.Key)
	}
	for _, key := range []string{"name", "pm_exec_path", "pm_cwd", "exec_mode", "namespace", "status", "pm_id"} {
		v, _ := env.Get(key)
		w, _ := mine.Get(key)
		if key == "status" && method != "getMonitorData" && method != "prepare" {
			continue // PM2 answers before its records are up to date
		}
		require.Equal(t, word(v), word(w), "%s: pm2_env.%s", said, key)
	}
}

func TestEveryMethodOfPM2IsThere(t *testing.T) {
	stream := recording(t, "rpc.jsonl.gz")
	for key, bytes := range stream {
		if !strings.HasPrefix(key, "daemon") {
			continue
		}
		for _, m := range messages(t, bytes) {
			doc, _ := axon.JSONOf(m[0])
			var reply struct{ Methods map[string]json.RawMessage }
			require.NoError(t, json.Unmarshal(doc, &reply))
			for name := range reply.Methods {
				assert.True(t, slices.ContainsFunc(names, func(m axon.Method) bool { return m.Name == name }), name)
			}
			if len(reply.Methods) > 0 {
				assert.Len(t, names, len(reply.Methods))
				return
			}
		}
	}
	t.Fatal("the recording has no list of methods")
}

func TestWhatWouldEndPM2IsRefused(t *testing.T) {
	k := &keeper{}
	s := New(k, pm2.EnvOptions{})
	_, err := k.Add(t.Context(), app.Spec{Name: "a", Script: "/a", Cwd: "/"}, 1, true, nil)
	require.NoError(t, err)
	for _, m := range names {
		for _, args := range []string{`[]`, `[null]`, `["startWatch"]`, `[{}]`, `[{"id":0}]`, `[0]`, `[{"id":{}}]`, `[[],[]]`, `[{"name":3,"msg":{}}]`, `[{"id":0,"env":7}]`, `[1e300]`, `[-1]`, `["restartProcessId",{"id":0}]`} {
			var list []json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(args), &list))
			_, _ = s.Call(t.Context(), axon.Call{Method: m.Name, Args: list}) // no panic
		}
		if p := k.List(); len(p) == 0 { // deleteProcessId 0
			_, err := k.Add(t.Context(), app.Spec{Name: "a", Script: "/a", Cwd: "/"}, 1, true, nil)
			require.NoError(t, err)
			k.list[0].ID = 0
		}
	}
}

// TestAnyDataCanBeSent: only what is left out is missing, but for the topic, as in PM2.
func TestAnyDataCanBeSent(t *testing.T) {
	k := &keeper{}
	s := New(k, pm2.EnvOptions{})
	_, err := k.Add(t.Context(), app.Spec{Name: "a", Script: "/a", Cwd: "/"}, 1, true, nil)
	require.NoError(t, err)
	k.list[0].ID, k.list[0].PID, k.list[0].Status = 0, 1, app.Online
	for packet, want := range map[string]string{
		`{"id":0,"topic":"t","data":0}`: "", `{"id":"0","topic":"t","data":null}`: "", `{"id":0,"topic":"t","data":""}`: "",
		`{"id":0,"topic":"t"}`: "ID, DATA or TOPIC field is missing", `{"topic":"t","data":1}`: "ID, DATA or TOPIC field is missing",
		`{"id":0,"topic":"","data":1}`:     "ID, DATA or TOPIC field is missing",
		`{"id":null,"topic":"t","data":1}`: "Process with ID <null> unknown.",
	} {
		_, err := s.Call(t.Context(), axon.Call{Method: "sendDataToProcessId", Args: []json.RawMessage{[]byte(packet)}})
		if want == "" {
			require.NoError(t, err, packet)
		} else {
			require.EqualError(t, err, want, packet)
		}
	}
}

func TestKillHasNoReply(t *testing.T) {
	k := &keeper{}
	s := New(k, pm2.EnvOptions{})
	_, err := s.Call(t.Context(), axon.Call{Method: "notifyKillPM2", Args: []json.RawMessage{[]byte("{}")}})
	assert.ErrorIs(t, err, axon.ErrNoReply)
	assert.Empty(t, k.did)
	_, err = s.Call(t.Context(), axon.Call{Method: "killMe", Args: []json.RawMessage{[]byte(`{"pid":4711}`)}})
	assert.ErrorIs(t, err, axon.ErrNoReply)
	assert.Equal(t, []string{"kill for 4711"}, k.did)
}

func TestMonitoredIsInTheRecord(t *testing.T) {
	k := &keeper{}
	s := New(k, pm2.EnvOptions{})
	_, err := k.Add(t.Context(), app.Spec{Name: "a", Script: "/a", Cwd: "/"}, 1, true, nil)
	require.NoError(t, err)
	for method, want := range map[string]string{"monitor": "true", "unmonitor": "false"} {
		for _, id := range []string{"0", `"0"`} {
			said, err := s.Call(t.Context(), axon.Call{Method: method, Args: []json.RawMessage{[]byte(id)}})
			require.NoError(t, err)
			assert.Equal(t, `{"success":true,"pm_id":`+id+`}`, string(said[0]))
		}
		list, err := s.Call(t.Context(), axon.Call{Method: "getMonitorData"})
		require.NoError(t, err)
		assert.Contains(t, string(list[0]), `"_km_monitored":`+want)
	}
}

// listener is a socket of the test's own.
func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", socketPath(t))
	require.NoError(t, err)
	return l
}

func TestTheBusCarriesWhatHappensWhileSomebodyListens(t *testing.T) {
	k := &keeper{events: make(chan app.Event, 8), lines: make(chan app.Line)}
	s := New(k, pm2.EnvOptions{})
	rpc, pub := listener(t), listener(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() { defer close(served); s.Serve(ctx, rpc, pub, func(err error) { t.Error(err) }) }() // ends below
	defer func() { cancel(); rpc.Close(); pub.Close(); <-served }()
	ids, err := k.Add(t.Context(), app.Spec{Name: "web", Script: "/srv/web.js", Cwd: "/", Env: app.Env{{Name: "SECRET", Value: "s"}}}, 1, true, nil)
	require.NoError(t, err)
	k.mu.Lock()
	feeds := k.feeds
	k.mu.Unlock()
	assert.Zero(t, feeds, "nobody listens")

	c, err := net.Dial("unix", pub.Addr().String())
	require.NoError(t, err)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	in := axon.NewReader(c)
	next := func(topic string) pm2.Value {
		t.Helper()
		m, err := in.Read()
		require.NoError(t, err)
		got, _ := axon.TextOf(m[0])
		require.Equal(t, topic, got)
		doc, ok := axon.JSONOf(m[1])
		require.True(t, ok)
		v, err := pm2.Parse(doc)
		require.NoError(t, err)
		return v
	}
	at := time.UnixMilli(1795696753847)
	event := func(e app.Event) {
		e.ID, e.Name, e.At = ids[0], "web", at
		k.events <- e
	}
	event(app.Event{Kind: app.EventStart})
	assert.Equal(t, "App [web:0] starting in -fork mode-\n", word(field(next("log:PM2"), "data")))
	event(app.Event{Kind: app.EventOnline, Gen: 1, Status: app.Online})
	v := next("process:event")
	assert.Equal(t, "online", word(field(v, "event")))
	assert.Equal(t, "false", word(field(v, "manually")))
	assert.Equal(t, "web", word(field(field(v, "process"), "name")))
	assert.True(t, field(field(v, "process"), "env").IsNull(), "the environment stays here")
	assert.Equal(t, "launching", word(field(field(v, "process"), "status")), "as PM2 has it")
	assert.Equal(t, "App [web:0] online\n", word(field(next("log:PM2"), "data")))
	assert.Equal(t, "start", word(field(next("process:event"), "event")), "it is new")
	k.lines <- app.Line{At: at, ID: 0, Name: "web", Namespace: "default", Stream: app.Err, Text: "boom"}
	assert.JSONEq(t, `{"process":{"pm_id":0,"name":"web","rev":null,"namespace":"default"},"at":1795696753847,"data":"boom\n"}`, string(next("log:err").AppendJSON(nil)))
	event(app.Event{Kind: app.EventMessage, Data: json.RawMessage(`"ready"`)})
	assert.JSONEq(t, `{"at":1795696753847,"raw":"ready","process":{"pm_id":0,"name":"web","namespace":"default"}}`, string(next("process:msg").AppendJSON(nil)))
	event(app.Event{Kind: app.EventMessage, Topic: "axm:monitor", Data: json.RawMessage(`{}`)}) // no news
	event(app.Event{Kind: app.EventMessage, Topic: "my:type", Data: json.RawMessage(`{"a":1}`)})
	assert.JSONEq(t, `{"at":1795696753847,"data":{"a":1},"process":{"pm_id":0,"name":"web","namespace":"default"}}`, string(next("my:type").AppendJSON(nil)))
	k.mu.Lock()
	worker := *k.list[0].Spec
	worker.Mode = app.Cluster
	k.list[0].Spec = &worker
	k.mu.Unlock()
	event(app.Event{Kind: app.EventMessage, Topic: "my:type", Data: json.RawMessage(`{"a":1}`)})
	assert.JSONEq(t, `{"at":1795696753847,"data":{"a":1},"process":{"pm_id":0,"name":"web","rev":null,"namespace":"default"}}`,
		string(next("my:type").AppendJSON(nil)), "a worker's revision is told")
	event(app.Event{Kind: app.EventExit, Status: app.Stopping, Exit: &app.Exit{Code: 3}})
	assert.Equal(t, "App [web:0] exited with code [3] via signal [SIGINT]\n", word(field(next("log:PM2"), "data")))
	event(app.Event{Kind: app.EventRestart}) // it is known what becomes of it
	v = next("process:event")
	assert.Equal(t, "exit", word(field(v, "event")))
	assert.Equal(t, "stopped", word(field(field(v, "process"), "status")))
	assert.Equal(t, "3", word(field(field(v, "process"), "exit_code")))
	s.Notify(0, "restart")
	v = next("process:event")
	assert.Equal(t, "restart", word(field(v, "event")))
	assert.Equal(t, "true", word(field(v, "manually")))
	s.Dying("pm2 has been killed by SIGTERM")
	assert.JSONEq(t, `{"status":"killed","msg":"pm2 has been killed by SIGTERM"}`, string(next("pm2:kill").AppendJSON(nil)))

	c.Close()
	require.Eventually(t, func() bool { // the feed ends with the last listener
		s.feed.mu.Lock()
		defer s.feed.mu.Unlock()
		return s.feed.cancel == nil
	}, 60*time.Second, time.Millisecond)
}

// socketPath is where a socket can be: not every path is short enough.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "w")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
