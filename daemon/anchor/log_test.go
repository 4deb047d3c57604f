//go:build unix

package anchor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLogKeepsItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor.log")
	line := strings.Repeat("x", 99) + "\n"
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(line, maxLog/100+1)+"the end\n"), 0o600))
	l, err := openLog(path)
	require.NoError(t, err)
	l.echo = false
	l.print("one\nline")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.LessOrEqual(t, len(data), keepLog+100)
	assert.Greater(t, len(data), keepLog-100)
	assert.Regexp(t, `^x{99}\nx{99}\n`, string(data[:200]), "it starts with a whole line")
	assert.Regexp(t, `x\nthe end\n\d{4}-\S+Z anchor\[\d+\]: one line\n$`, string(data[len(data)-300:]))
}

func TestShortLogIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor.log")
	before := strings.Repeat("x", maxLog)
	require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
	l, err := openLog(path)
	require.NoError(t, err)
	l.shorten()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, before == string(data))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestLogIsNoLink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(dir, "target"), filepath.Join(dir, "anchor.log")))
	_, err := openLog(filepath.Join(dir, "anchor.log"))
	assert.Error(t, err)
	_, err = os.Stat(filepath.Join(dir, "target"))
	assert.True(t, os.IsNotExist(err))
}
