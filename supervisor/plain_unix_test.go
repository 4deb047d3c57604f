//go:build unix

package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWritePlain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pid")
	for _, text := range []string{"12345", "54321", "7", "1234567", ""} {
		require.NoError(t, writePlain(path, []byte(text)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
	require.NoError(t, writePlain(os.DevNull, []byte("1")))
	err := writePlain(filepath.Join(path, "below"), nil)
	require.ErrorContains(t, err, "open "+path+"/below: not a directory")
	require.ErrorIs(t, writePlain(filepath.Join(t.TempDir(), "no", "x"), nil), os.ErrNotExist)
}

func TestWritePlainIntoADirectoryOfOthers(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "precious"), filepath.Join(dir, "x.pid")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink("precious", path))
	require.NoError(t, writePlain(path, []byte("1234")), "a link of our own is followed")
	got, err := os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "1234", string(got))

	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	require.ErrorIs(t, writePlain(fifo, []byte("1")), unix.ENXIO, "nobody reads it, and nobody waits for that")

	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	require.ErrorIs(t, writePlain(loop, []byte("1")), unix.ELOOP)

	if os.Geteuid() != 0 {
		t.Skip("links of others can be made by root only")
	}
	require.NoError(t, os.Lchown(path, 65534, 65534))
	require.Error(t, writePlain(path, []byte("4321")), "a link of somebody else is not")
	got, err = os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "1234", string(got))
}
