package remote

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/pm2/axon"
)

// fake answers as PM2 does, out of order and with an answer to somebody else between.
func fake(t *testing.T, answer func(method string, arg json.RawMessage) string) string {
	dir, err := os.MkdirTemp("", "rp")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "rpc.sock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		say := func(doc string, id []byte) {
			frame, err := axon.AppendFrame(nil, axon.Message{axon.JSON([]byte(doc)), id})
			if err == nil {
				c.Write(frame)
			}
		}
		for in := axon.NewReader(c); ; {
			m, err := in.Read()
			if err != nil {
				return
			}
			doc, _ := axon.JSONOf(m[0])
			var q struct {
				Method string
				Args   []json.RawMessage
			}
			if json.Unmarshal(doc, &q) != nil {
				return
			}
			say(`{"args":["not yours"]}`, axon.Text("0:0"))
			say(answer(q.Method, q.Args[0]), m[1])
		}
	}()
	return path
}

func TestCalls(t *testing.T) {
	var asked []string
	path := fake(t, func(method string, arg json.RawMessage) string {
		asked = append(asked, method+" "+string(arg))
		switch method {
		case "getVersion":
			return `{"args":["7.0.4"]}`
		case "getMonitorData":
			return `{"args":[null,[{"pm_id":3,"pid":7,"name":"web","pm2_env":{"a":1}}]]}`
		case "stopProcessId":
			return `{"error":"99 : id unknown","stack":"x"}`
		}
		return `{"args":[{}]}`
	})
	d, err := Dial(t.Context(), path)
	require.NoError(t, err)
	defer d.Close()
	v, err := d.Version(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "7.0.4", v)
	list, err := d.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []Process{{3, 7, "web", json.RawMessage(`{"a":1}`)}}, list)
	assert.EqualError(t, d.Stop(t.Context(), 99), "stopProcessId: 99 : id unknown")
	require.NoError(t, d.Start(t.Context(), 3))
	require.NoError(t, d.Delete(t.Context(), 3))
	require.NoError(t, d.Prepare(t.Context(), json.RawMessage(`{"name":"x"}`)))
	assert.Equal(t, []string{"getVersion {}", "getMonitorData {}", "stopProcessId 99", "startProcessId 3", "deleteProcessId 3", `prepare {"name":"x"}`}, asked)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Version(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}
