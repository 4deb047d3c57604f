package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestCatchUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web-out.log")
	add := func(text string) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		require.NoError(t, err)
		_, err = f.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	from := PlaceOf(path)
	assert.Zero(t, from, "there is none yet")
	catchUp := func() (lines []string) {
		var err error
		from, err = CatchUp(path, "", from, func(l string) { lines = append(lines, l) })
		require.NoError(t, err)
		return lines
	}
	add("one\ntwo\nthr")
	if PlaceOf(path).File == "" {
		t.Skip("this system does not tell one file from another")
	}
	assert.Equal(t, []string{"one", "two"}, catchUp())
	assert.Equal(t, int64(8), from.End, "the beginning of a line is kept for later")
	assert.Empty(t, catchUp())
	add("ee\nfour\n")
	assert.Equal(t, []string{"three", "four"}, catchUp())

	add("five\n")
	for i := range 3 { // several rotations meanwhile
		require.NoError(t, os.Rename(path, fmt.Sprintf("%s__2026-01-0%d_00-00-00.log", path[:len(path)-4], i+1)))
		add(fmt.Sprintf("after %d\n", i))
	}
	assert.Equal(t, []string{"five", "after 0", "after 1", "after 2"}, catchUp())

	require.NoError(t, os.Truncate(path, 0))
	add("a\n")
	assert.Equal(t, []string{"a"}, catchUp(), "emptied")
	require.NoError(t, os.Rename(path, path+".gone"))
	add("b\n")
	assert.Equal(t, []string{"b"}, catchUp(), "another file")
	assert.Equal(t, PlaceOf(path), from)
	assert.Equal(t, app.Place{}, PlaceOf(filepath.Dir(path)))
}
