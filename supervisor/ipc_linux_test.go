package supervisor

import (
	"context"
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// talker says everything once, then repeats what it is told.
const talker = `
process.send(null)
process.send({type: 'process:msg', data: {some: 'data'}})
process.send({type: 'custom:topic', data: 1, more: 2})
process.send({type: 'process:msg', data: 0})
process.send({node_version: process.version})
process.send({type: 'axm:action', data: {action_name: 'greet', action_type: 'custom', arity: 1}})
process.send({type: 'axm:action', data: {action_name: 'greet', action_type: 'custom', arity: 2}})
process.send({type: 'axm:monitor', data: {'Loop delay': {value: '1', unit: 'ms'}, Users: {value: 2}}})
process.send({type: 'axm:monitor', data: {Users: {value: 3}}})
process.send({type: 'axm:option:configuration', data: {module_name: 'x'}})
process.on('message', m => {
  if (m === 'shutdown') { console.log('asked by message'); process.exit(7) }
  process.send({type: 'echo', data: {got: m}})
})
process.on('SIGINT', () => console.log('asked by signal'))
process.stdin.on('data', d => process.send({type: 'input', data: String(d)}))
process.send('ready')
`

// messages follows what programs say.
func messages(t *testing.T, s *Supervisor) func(topic string) app.Event {
	events := s.Events(t.Context(), 0)
	return func(topic string) app.Event {
		t.Helper()
		late := time.After(time.Minute)
		for {
			select {
			case e := <-events:
				if e.Kind == app.EventMessage && e.Topic == topic {
					return e
				}
			case <-late:
				t.Fatalf("no message %q", topic)
			}
		}
	}
}

func TestProgramsTalkOverIPC(t *testing.T) {
	r := newReal(t)
	next := messages(t, r.Supervisor)
	spec := r.script("talker", talker)
	spec.WaitReady, spec.ShutdownWithMessage = true, true
	spec.ListenTimeout = ptr(app.Duration(1 << 40))
	spec.Env.Set("NODE_CHANNEL_FD", "77") // of whoever called
	spec.Env.Set("NODE_UNIQUE_ID", "9")
	r.up(spec) // as it listens for messages, only "ready" makes it return

	e := next("")
	assert.Equal(t, "null", string(e.Data), "what brings PM2's daemon down")
	assert.Equal(t, app.ID(0), e.ID)
	assert.Equal(t, "talker", e.Name)
	assert.JSONEq(t, `{"some":"data"}`, string(next("process:msg").Data))
	assert.Equal(t, "1", string(next("custom:topic").Data))
	assert.JSONEq(t, `{"type":"process:msg","data":0}`, string(next("").Data), "without data it is a message like others")
	assert.Equal(t, `"ready"`, string(next("").Data))

	r.await("its reports", func() bool {
		p := r.process(0)
		return p.Reported != nil && len(p.Reported.Options) == 1
	})
	p := r.process(0).Reported
	assert.True(t, strings.HasPrefix(p.NodeVersion, "v"), p.NodeVersion)
	require.Len(t, p.Actions, 1)
	assert.JSONEq(t, `{"action_name":"greet","action_type":"custom","arity":1}`, string(p.Actions[0]))
	assert.Equal(t, []app.Field{
		{Key: "Loop delay", Value: json.RawMessage(`{"value":"1","unit":"ms"}`)},
		{Key: "Users", Value: json.RawMessage(`{"value":3}`)},
	}, p.Metrics)

	require.NoError(t, r.Send(0, json.RawMessage(`{"type":"process:msg","topic":"my topic","data":{"a":"<é>"},"id":0}`)))
	assert.JSONEq(t, `{"got":{"type":"process:msg","topic":"my topic","data":{"a":"<é>"},"id":0}}`, string(next("echo").Data))
	require.NoError(t, r.SendLine(0, "some words\n"))
	assert.Equal(t, `"some words\n"`, string(next("input").Data))
	require.Error(t, r.Send(0, json.RawMessage(`{`)))
	require.ErrorIs(t, r.Send(5, json.RawMessage(`1`)), ErrUnknown)

	assert.Empty(t, r.do(app.VerbStop, "talker"))
	p2 := r.process(0)
	assert.Equal(t, 7, p2.Exit.Code)
	assert.Nil(t, p2.Reported, "it ends with the incarnation")
	assert.Equal(t, p.NodeVersion, p2.NodeVersion, "this is still known")
	r.await("what it said last", func() bool { return strings.Contains(r.output("talker"), "asked by message") })
	assert.NotContains(t, r.output("talker"), "asked by signal")
	require.ErrorIs(t, r.Send(0, json.RawMessage(`1`)), ErrNotRunning)
	for _, e := range r.History(0) {
		assert.NotEqual(t, app.EventMessage, e.Kind, "what programs say is not remembered")
	}
}

// TestProgramsTalkInValues: "advanced" serialization, in fork and cluster mode, is the same to everybody else.
func TestProgramsTalkInValues(t *testing.T) {
	r, port := newReal(t), aPort(t)
	next := messages(t, r.Supervisor)
	const text = `
process.send({type: 'rich', data: {map: new Map([['a', 1]]), big: 2n ** 70n, bytes: Buffer.from('hi'), date: new Date(0), none: undefined}})
process.send(null)
process.send({type: 'long', data: 'x'.repeat(300000)})
process.on('message', m => {
  if (m === 'shutdown') { console.log('asked by message'); process.exit(7) }
  process.send({type: 'echo', data: {got: m, set: new Set([1])}})
})
require('http').createServer((q, s) => s.end('x ' + process.pid)).listen(+process.env.PORT, '127.0.0.1', () => process.send('ready'))
`
	for i, mode := range []app.Mode{app.Fork, app.Cluster} {
		spec := r.script(string(mode), text)
		spec.Mode, spec.Serialization = mode, "advanced"
		spec.WaitReady, spec.ShutdownWithMessage = true, true
		spec.ListenTimeout = ptr(app.Duration(1 << 40))
		spec.Env.Set("PORT", strconv.Itoa(port))
		r.up(spec)
		assert.JSONEq(t, `{"map":[["a",1]],"big":"1180591620717411303424","bytes":{"type":"Buffer","data":[104,105]},"date":"1970-01-01T00:00:00.000Z"}`,
			string(next("rich").Data))
		assert.Equal(t, "null", string(next("").Data))
		assert.Len(t, next("long").Data, 300002)
		id := app.ID(i)
		require.NoError(t, r.Send(id, json.RawMessage(`{"type":"process:msg","topic":"é","data":{"a":[1,null]},"id":0}`)))
		assert.JSONEq(t, `{"got":{"type":"process:msg","topic":"é","data":{"a":[1,null]},"id":0},"set":[1]}`, string(next("echo").Data))
		assert.NotEmpty(t, r.reached(port, 3))
		if mode == app.Cluster {
			l := newLoad(4, func() error { _, err := get(port); return err })
			assert.Empty(t, r.do(app.VerbReload, app.Selector(mode)))
			done, failed := l.stop()
			assert.Empty(t, failed, "of %d", done)
		}
		assert.Empty(t, r.do(app.VerbStop, app.Selector(mode)))
		r.await("it was asked by a message", func() bool { return strings.Contains(r.output(string(mode)), "asked by message") })
	}
}

// TestAProgramNamesItsProcess by its options, as some agents do.
func TestAProgramNamesItsProcess(t *testing.T) {
	r := newReal(t)
	r.up(r.script("first", `process.send({type: 'axm:option:configuration', data: {name: 'second'}}); setInterval(() => {}, 1e6)`))
	r.await("another name", func() bool { return r.process(0).Name == "second" })
	assert.Equal(t, "second", r.process(0).Spec.Name)
	assert.Empty(t, r.do(app.VerbRestart, "second"))
	assert.Equal(t, "second", r.process(0).Name)
}

// TestShellsPassTheChannelOn: people start Node through npm and shells.
func TestShellsPassTheChannelOn(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	r := newReal(t)
	next := messages(t, r.Supervisor)
	inner := r.file("inner.js", `process.send({type: 'hello', data: process.env.NODE_CHANNEL_FD || 'gone'}); setInterval(() => {}, 1e6)`)
	r.up(r.spec("outer", "bash", r.file("outer.sh", "'"+node(t)+"' '"+inner+"'; echo over\n")))
	assert.Equal(t, `"gone"`, string(next("hello").Data))
}

// TestAFloodOfMessages: whoever talks without end neither stops the others nor pushes their news out.
func TestAFloodOfMessages(t *testing.T) {
	r := newReal(t)
	slow := r.Events(t.Context(), 0) // reads nothing meanwhile
	r.up(r.script("flood", `
		let n = 0
		const more = () => { while (n < 20000) { n++; if (!process.send({type: 'noise', data: {n}})) return setImmediate(more) } ; said() }
		let times = 0 // a reader whose queue is full misses what is said once
		const said = () => { process.send('ready'); if (++times < 20) setTimeout(said, 100) }
		more(); setInterval(() => {}, 1e6)
	`))
	done := messages(t, r.Supervisor)
	assert.Equal(t, `"ready"`, string(done("").Data))
	r.up(r.script("other", `setInterval(() => {}, 1e6)`))
	var seq uint64
	noise := 0
	for e := range slow {
		if e.Kind == app.EventMessage {
			noise++
			assert.Equal(t, seq, e.Seq)
			continue
		}
		assert.Equal(t, seq+1, e.Seq, "no news was lost to noise")
		seq = e.Seq
		if e.Name == "other" && e.Kind == app.EventOnline {
			break
		}
	}
	assert.LessOrEqual(t, noise, chatter+20)
	assert.Positive(t, noise)
	ctx, cancel := context.WithCancel(t.Context())
	news := r.News(ctx, 1)
	cancel()
	for e := range news {
		assert.NotEqual(t, app.EventMessage, e.Kind)
	}
}
