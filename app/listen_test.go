package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestListenIsReadAndWritten(t *testing.T) {
	for text, want := range map[string]Listen{
		"8000":               {Network: "tcp", Port: 8000},
		":8000":              {Network: "tcp", Port: 8000},
		"*:8000":             {Network: "tcp", Port: 8000},
		"tcp://0.0.0.0:80":   {Network: "tcp", Address: "0.0.0.0", Port: 80},
		"localhost:1":        {Network: "tcp", Address: "127.0.0.1", Port: 1},
		"[::1]:65535":        {Network: "tcp", Address: "::1", Port: 65535},
		"/run/x.sock":        {Network: "unix", Address: "/run/x.sock"},
		"unix:/run/x.sock":   {Network: "unix", Address: "/run/x.sock"},
		"unix:///run/x.sock": {Network: "unix", Address: "/run/x.sock"},
	} {
		got, err := ParseListen(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		again, err := ParseListen(got.String())
		require.NoError(t, err, text)
		assert.Equal(t, got, again, text)
	}
	for _, text := range []string{"", "0", "65536", "x", "a:b", "host.example:80", "1.2.3:80", "unix:", "run/x.sock", "8000/tcp"} {
		_, err := ParseListen(text)
		assert.Error(t, err, text)
	}
}

func FuzzParseListen(f *testing.F) {
	f.Add("[::1]:80")
	f.Add("unix:///x")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseListen(text)
		if err != nil {
			return
		}
		again, err := ParseListen(l.String())
		require.NoError(t, err, l.String())
		assert.Equal(t, l, again)
	})
}
