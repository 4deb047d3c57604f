package daemon

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/config/home"
)

func TestPM2sSocketsAreLeftToAPM2(t *testing.T) {
	dir, err := os.MkdirTemp("", "wd")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := home.Home{Dir: dir}
	l, err := net.Listen("unix", h.PM2Socket())
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() { // ends with l
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	before, err := os.Lstat(h.PM2Socket())
	require.NoError(t, err)
	c := restart(t, h) // it works all the same
	start(t, c, sleeper("a"))
	after, err := os.Lstat(h.PM2Socket())
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "the socket of who serves it stays")
	assert.NoFileExists(t, h.PubSocket(), "half a door is none")
}

func TestPM2sSocketsThatNobodyServesAreTakenOver(t *testing.T) {
	dir, err := os.MkdirTemp("", "wd")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := home.Home{Dir: dir}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.PM2Socket(), Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	l.Close()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pub.sock"), nil, 0o600))
	restart(t, h)
	for _, path := range []string{h.PM2Socket(), h.PubSocket()} {
		conn, err := net.Dial("unix", path)
		require.NoError(t, err, path)
		conn.Close()
	}
}
