package journal

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var lives = Life{Began: "began", Served: "served", Skipped: "skipped"}

// start opens the journal as a supervisor does.
func start(t *testing.T, dir string, skip bool) (*Journal, Found, string) {
	j, found, err := Open(Options{Files: Dir(dir), Life: lives, SkipTail: skip, reserve: 1})
	require.NoError(t, err)
	keys := slices.Sorted(maps.Keys(found.Values))
	text := ""
	for _, k := range keys {
		if k != lives.Began && k != lives.Served && k != lives.Skipped {
			text += k + " "
		}
	}
	j.Append(true, Record{Key: lives.Began, Value: []byte("x")})
	return j, found, text
}

func served(j *Journal) {
	j.Append(false, Record{Key: lives.Served, Value: []byte("x")}, Record{Key: lives.Skipped, Gone: true})
}

func TestTheTailThatKillsIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := start(t, dir, false)
	served(j)
	for i := range 20 {
		j.Append(true, Record{Key: "k" + strconv.Itoa(i+10), Value: []byte("v")})
	}
	j.Append(true, Record{Key: "poison", Value: []byte("v")})
	require.NoError(t, j.Close())
	for range 3 { // they die
		j, _, got := start(t, dir, false)
		assert.Contains(t, got, " poison ")
		j.Append(true, Record{Key: "of the dying", Value: []byte("v")})
		require.NoError(t, j.Close())
	}
	j, found, got := start(t, dir, true)
	assert.Equal(t, 1, found.Skipped)
	assert.Equal(t, SkippedName, found.Kept)
	assert.True(t, len(got) > 10 && got[len(got)-4:] == "k29 ", got)
	require.NoError(t, j.Close())

	j, found, got = start(t, dir, true) // that was not it
	assert.Equal(t, 2, found.Skipped)
	assert.Equal(t, "k28 ", got[len(got)-4:])
	require.NoError(t, j.Close())
	kept, err := Dir(dir).Open(SkippedName, false)
	require.NoError(t, err)
	all, err := read(kept)
	require.NoError(t, err)
	require.NoError(t, kept.Close())
	assert.Contains(t, all.index, "poison", "what was left out is not lost")
	assert.Contains(t, all.index, "k29")

	for n := 3; n < 20; n++ {
		j, found, got = start(t, dir, true)
		require.NoError(t, j.Close())
	}
	assert.Zero(t, found.Skipped, "it does not go on for ever")
	assert.Equal(t, "k22 ", got[len(got)-4:])

	j, _, _ = start(t, dir, false)
	served(j)
	require.NoError(t, j.Close())
	j, found, got = start(t, dir, true)
	assert.Equal(t, 1, found.Skipped, "it counts anew")
	assert.Equal(t, "k22 ", got[len(got)-4:], "what was last was that it went well")
	require.NoError(t, j.Close())
}

// A journal without any word on how starts went, or without anything, is left alone but for its last record.
func TestTailOfAnOldJournal(t *testing.T) {
	dir := t.TempDir()
	j, found, _ := start(t, dir, true)
	assert.Zero(t, found.Skipped)
	require.NoError(t, j.Close())

	dir = t.TempDir()
	j, _, err := Open(Options{Files: Dir(dir), reserve: 1})
	require.NoError(t, err)
	for _, key := range []string{"a", "b", "c"} {
		j.Append(true, Record{Key: key, Value: []byte("v")})
	}
	require.NoError(t, j.Close())
	j, found, got := start(t, dir, true)
	assert.Equal(t, 1, found.Skipped)
	assert.Equal(t, "a b ", got)
	require.NoError(t, j.Close())
}
