//go:build unix

package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
