package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMessages(t *testing.T) {
	b := appendMessage(nil, "j:{}", "s:1:2")
	assert.Equal(t, []byte("\x12\x00\x00\x00\x04j:{}\x00\x00\x00\x05s:1:2"), b, "the bytes of PM2's own client")
	parts, err := readMessage(bytes.NewReader(b))
	require.NoError(t, err)
	assert.Equal(t, []string{"j:{}", "s:1:2"}, parts)
	for n := range len(b) {
		_, err := readMessage(bytes.NewReader(b[:n]))
		assert.Error(t, err, n)
	}
	_, err = readMessage(strings.NewReader("\x22"))
	assert.ErrorContains(t, err, "version 2")
	_, err = readMessage(strings.NewReader("\x11\xff\xff\xff\xff"))
	assert.Error(t, err)
}

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
		for {
			parts, err := readMessage(c)
			if err != nil {
				return
			}
			var q struct {
				Method string
				Args   []json.RawMessage
			}
			if json.Unmarshal([]byte(parts[0][2:]), &q) != nil {
				return
			}
			c.Write(appendMessage(nil, `j:{"args":["not yours"]}`, "s:0:0"))
			c.Write(appendMessage(nil, "j:"+answer(q.Method, q.Args[0]), parts[1]))
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

func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x12\x00\x00\x00\x04j:{}\x00\x00\x00\x05s:1:2"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parts, err := readMessage(bytes.NewReader(data))
		if err != nil {
			return
		}
		again := appendMessage(nil, parts...)
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("%q became %q", data, again)
		}
	})
}
