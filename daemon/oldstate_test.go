package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/config/home"
)

// oldHome is a home with a list of processes as the first weavers kept it: testdata/state.json was written by one.
func oldHome(t *testing.T) (home.Home, []byte) {
	data, err := os.ReadFile("testdata/state.json")
	require.NoError(t, err)
	h := home.Home{Dir: t.TempDir()}
	require.NoError(t, os.WriteFile(h.State(), data, 0o600))
	return h, data
}

func TestListOfAWeaverWithoutAJournalIsRead(t *testing.T) {
	h, _ := oldHome(t)
	list, from, err := readOldState(oldFiles(h))
	require.NoError(t, err)
	assert.Equal(t, h.State(), from)
	require.Len(t, list, 3)
	assert.Equal(t, []app.ID{0, 1, 5}, []app.ID{list[0].Process.ID, list[1].Process.ID, list[2].Process.ID})
	assert.Equal(t, []bool{true, true, false}, []bool{list[0].Up, list[1].Up, list[2].Up})
	assert.Same(t, list[0].Process.Spec, list[1].Process.Spec)
	assert.Equal(t, "web", list[0].Process.Name)
	assert.Equal(t, "/srv/web-error-1.log", list[1].Process.ErrorPath)
	path, _ := list[2].Process.Spec.Env.Get("PATH")
	assert.Equal(t, "/usr/bin:/bin", path)
	assert.Equal(t, "u5", list[2].Process.UniqueID)
}

func TestDamagedListFallsBackAndSaysSo(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"truncated": func(b []byte) []byte { return b[:len(b)-10] },
		"a bit":     func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"empty":     func([]byte) []byte { return nil },
		"garbage":   func([]byte) []byte { return []byte("\x00\x01garbage") },
		"longer":    func(b []byte) []byte { return append(b, '}') },
		"newer":     func([]byte) []byte { return []byte("weaver-state 9\n{}") },
	} {
		t.Run(name, func(t *testing.T) {
			h, data := oldHome(t)
			require.NoError(t, os.WriteFile(h.State()+".1", data, 0o600))
			require.NoError(t, os.WriteFile(h.State(), damage(append([]byte(nil), data...)), 0o600))
			list, from, err := readOldState(oldFiles(h))
			assert.Equal(t, h.State()+".1", from)
			assert.ErrorContains(t, err, h.State())
			assert.Len(t, list, 3)
		})
	}
}

func TestOldListIsTakenOverOnce(t *testing.T) {
	dir, err := os.MkdirTemp("", "wd") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	old := home.Home{Dir: dir}
	data, err := os.ReadFile("testdata/state.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(old.State(), data, 0o600))
	c2 := restart(t, old)
	assert.Len(t, list(t, c2), 3)
	assert.NoFileExists(t, old.State())
	assert.FileExists(t, filepath.Join(dir, "state.json.imported"))
	assert.FileExists(t, filepath.Join(old.Journal(), "journal"))
}

func FuzzUnseal(f *testing.F) {
	data, err := os.ReadFile("testdata/state.json")
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte("weaver-state 1 sha256: 0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := unseal(data)
		if err == nil {
			assert.LessOrEqual(t, len(body), len(data))
		}
	})
}
