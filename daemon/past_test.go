package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestThePastOutlivesSupervisors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.log")
	now := time.Now()
	p := &past{path: path}
	event := func(seq uint64, id app.ID, at time.Time) *app.Event {
		return &app.Event{Seq: seq, At: at, Kind: app.EventExit, ID: id, Name: "web"}
	}
	p.add(event(1, 3, now)) // another process had this number
	p.add(&app.Event{Seq: 1, At: now, Kind: app.EventDelete, ID: 3})
	p.add(event(1, 3, now))
	p.add(&app.Event{Seq: 2, At: now, Kind: app.EventStart, ID: 3, Gen: 1})
	p.add(event(3, 33, now))
	p.add(event(4, -1, now))
	p.add(event(5, 3, now))
	p.close()
	seqs := func(p *past, known ...app.Event) (out []uint64) {
		got := p.before(map[app.ID][]app.Event{3: known}, map[app.ID]bool{3: true})
		assert.NotContains(t, got, app.ID(33))
		for _, e := range got[3] {
			out = append(out, e.Seq)
		}
		return out
	}
	next := &past{path: path}
	assert.Equal(t, []uint64{2, 5}, seqs(next))
	assert.Equal(t, []uint64{2}, seqs(next, *event(5, 3, now)), "what is known is not told twice")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"seq":6,"at":"2026` + "\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Equal(t, []uint64{2, 5}, seqs(next), "a line that was torn by a death is left out")

	long := event(7, 33, now)
	long.Message = string(make([]byte, 8<<10))
	for range 2 * pastBytes / (8 << 10) {
		next.add(long)
	}
	next.add(event(8, 3, now))
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Less(t, info.Size(), int64(2*pastBytes), "it is bounded")
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	assert.Equal(t, []uint64{8}, seqs(next)[len(seqs(next))-1:])
	next.close()
}
