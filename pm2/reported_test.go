package pm2

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func reporting() app.Process {
	p := process("web", 0, app.Online)
	p.Reported = &app.Reported{
		Actions: []json.RawMessage{
			json.RawMessage(`{"action_name":"km:heapdump","action_type":"internal","arity":2}`),
			json.RawMessage(`{"action_name":"greet","action_type":"custom","arity":1}`),
		},
		Metrics: []app.Field{
			{Key: "Heap Size", Value: json.RawMessage(`{"historic":true,"unit":"MiB","type":"internal/v8/heap/total","value":"7.23"}`)},
			{Key: "Active handles", Value: json.RawMessage(`{"historic":true,"type":"internal/libuv/handles","value":5}`)},
		},
		Options:     []app.Field{{Key: "apm", Value: json.RawMessage(`{"type":"weaver","version":"1"}`)}},
		NodeVersion: "v20.20.2",
	}
	return p
}

func TestRecordsHaveWhatAProgramTold(t *testing.T) {
	p := reporting()
	env := Env(&p, EnvOptions{})
	for key, want := range map[string]string{
		"axm_actions":  `[{"action_name":"km:heapdump","action_type":"internal","arity":2},{"action_name":"greet","action_type":"custom","arity":1}]`,
		"axm_monitor":  `{"Heap Size":{"historic":true,"unit":"MiB","type":"internal/v8/heap/total","value":"7.23"},"Active handles":{"historic":true,"type":"internal/libuv/handles","value":5}}`,
		"axm_options":  `{"apm":{"type":"weaver","version":"1"}}`,
		"axm_dynamic":  `{}`,
		"node_version": `"20.20.2"`,
	} {
		v, _ := env.Get(key)
		assert.Equal(t, want, string(v.AppendJSON(nil)), key)
	}
	p.Reported = nil // a program that tells nothing has the keys all the same
	v, _ := Env(&p, EnvOptions{}).Get("axm_actions")
	assert.Equal(t, "[]", string(v.AppendJSON(nil)))
}

// The tables are as PM2 printed them.
func TestDescribeShowsWhatAProgramTold(t *testing.T) {
	p := reporting()
	out := string(AppendDescribe(nil, &p, DescribeOptions{Unicode: true}))
	assert.Contains(t, out, ` Actions available 
┌─────────────┐
│ km:heapdump │
│ greet       │
└─────────────┘
 Trigger via: pm2 trigger web <action_name>

 Code metrics value 
┌────────────────┬──────────┐
│ Heap Size      │ 7.23 MiB │
│ Active handles │ 5        │
└────────────────┴──────────┘
`)
}

func TestATriggerIsSentTheWayItIsExpected(t *testing.T) {
	p := reporting()
	for cmd, want := range map[string]string{
		`{"msg":"greet","id":0}`:                      `"greet"`,
		`{"msg":"greet","id":0,"opts":"{\"x\":1}"}`:   `{"msg":"greet","id":0,"opts":"{\"x\":1}"}`,
		`{"msg":"km:heapdump","name":"web"}`:          `{"cmd":"NODE_WEAVER","msg":"km:heapdump","opts":null}`,
		`{"msg":"km:heapdump","id":0,"opts":{"a":1}}`: `{"cmd":"NODE_WEAVER","msg":"km:heapdump","opts":{"a":1}}`,
	} {
		v, err := Parse([]byte(cmd))
		assert.NoError(t, err)
		assert.Equal(t, want, string(Trigger(&p, v, false)), cmd)
	}
	v, _ := Parse([]byte(`{"msg":"greet","id":0,"uuid":"u"}`))
	assert.Equal(t, `{"msg":"greet","id":0,"uuid":"u"}`, string(Trigger(&p, v, true)))
	p.Reported.Options = nil // instrumented by somebody else, who listens to messages
	v, _ = Parse([]byte(`{"msg":"km:heapdump","id":0}`))
	assert.Equal(t, `"km:heapdump"`, string(Trigger(&p, v, false)))

	for target, want := range map[string]bool{"all": true, "web": true, "default": true, "nope": false} {
		assert.Equal(t, want, Triggers(target, &p), target)
	}
	assert.True(t, Offers(&p, "greet"))
	assert.False(t, Offers(&p, "gree"))
}
