//go:build unix

package daemon

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// initSocket is an init system that listens.
func initSocket(t *testing.T) (path string, next func() string) {
	dir, err := os.MkdirTemp("", "wn")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return path, func() string {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(60*time.Second)))
		buf := make([]byte, 4096)
		n, err := c.Read(buf)
		require.NoError(t, err)
		return string(buf[:n])
	}
}

func TestSystemdIsToldWhoAndThatItLives(t *testing.T) {
	path, next := initSocket(t)
	env := map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000"}
	s := findInit(func(name string) string { return env[name] })
	assert.Equal(t, time.Millisecond, s.every)
	require.NoError(t, s.ready(3))
	assert.Equal(t, "READY=1\nMAINPID="+strconv.Itoa(os.Getppid())+"\nSTATUS=3 processes", next())

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.lives(ctx, zap.NewNop(), func() bool { return true }); close(done) }()
	assert.Equal(t, "WATCHDOG=1", next())
	assert.Equal(t, "WATCHDOG=1", next())
	cancel()
	<-done
}

func TestWithoutAnInitSystemNobodyIsTold(t *testing.T) {
	s := findInit(func(string) string { return "" })
	require.NoError(t, s.ready(0))
	s.lives(t.Context(), zap.NewNop(), func() bool { panic("not asked") })
}
