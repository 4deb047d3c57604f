package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// brokenDisk is a file system in memory whose power fails before the n-th operation. What was written and not synced, and
// names whose directory was not synced, may or may not survive: it keeps both possibilities.
type brokenDisk struct {
	left  int               // operations until the failure; negative is never
	short bool              // the write that fails leaves half of its data
	files map[string][]byte // as a process sees them
}

var errPower = errors.New("power failure")

func (b *brokenDisk) step() error {
	if b.left == 0 {
		return errPower
	}
	b.left--
	return nil
}

func (b *brokenDisk) WriteSync(path string, data []byte) error {
	if err := b.step(); err != nil {
		if b.short {
			b.files[path] = data[:len(data)/2]
		}
		return err
	}
	b.files[path] = append([]byte(nil), data...)
	return nil
}

func (b *brokenDisk) ReadFile(path string) ([]byte, error) {
	data, ok := b.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

func (b *brokenDisk) Rename(from, to string) error {
	if err := b.step(); err != nil {
		return err
	}
	data, ok := b.files[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(b.files, from)
	b.files[to] = data
	return nil
}

func (b *brokenDisk) Link(from, to string) error {
	if err := b.step(); err != nil {
		return err
	}
	data, ok := b.files[from]
	if !ok {
		return fs.ErrNotExist
	}
	if _, there := b.files[to]; there {
		return fs.ErrExist
	}
	b.files[to] = data
	return nil
}

func (b *brokenDisk) Remove(path string) error {
	if err := b.step(); err != nil {
		return err
	}
	delete(b.files, path)
	return nil
}

func (b *brokenDisk) SyncDir(string) error { return b.step() }

func onDisk(d files) *store {
	s := &store{file: generations{path: "state", old: []string{"state.1", "state.2"}, fs: d}}
	s.wishes = func() uint64 { return s.written + 1 }
	return s
}

func listOf(n int) []app.Process {
	list := make([]app.Process, n)
	for i := range list {
		list[i] = app.Process{ID: app.ID(i), Wanted: i%2 == 0, Spec: &app.Spec{Name: fmt.Sprint("app", i), Script: "/bin/true"}}
	}
	return list
}

// write makes the list with n processes the stored one.
func (s *store) writeList(n int) error {
	s.list = func() []app.Process { return listOf(n) }
	return s.write()
}

func TestStateAfterAPowerFailureIsTheOldOneOrTheNewOne(t *testing.T) {
	for _, short := range []bool{false, true} {
		for n := 0; ; n++ {
			d := &brokenDisk{left: -1, short: short, files: map[string][]byte{}}
			s := onDisk(d)
			for i := 1; i <= 4; i++ { // enough for every generation to be in use
				require.NoError(t, s.writeList(i))
			}
			d.left = n
			err := s.writeList(5)
			d.left = -1
			st, from, _ := onDisk(d).load()
			require.NotEmpty(t, from, "something can be read after a failure at operation %d", n)
			require.Contains(t, []int{4, 5}, len(st.Records), "after a failure at operation %d", n)
			if err == nil {
				require.Len(t, st.Records, 5, "success was told")
				break
			}
			require.Error(t, s.problem(), "the problem is told")
			require.NoError(t, s.writeList(5), "the next write mends it")
			require.NoError(t, s.problem())
			st, _, err = onDisk(d).load()
			require.NoError(t, err)
			require.Len(t, st.Records, 5)
		}
	}
}

func TestDamagedStateFallsBackAndSaysSo(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"truncated": func(b []byte) []byte { return b[:len(b)-10] },
		"a bit":     func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"empty":     func([]byte) []byte { return nil },
		"garbage":   func([]byte) []byte { return []byte("\x00\x01garbage") },
		"longer":    func(b []byte) []byte { return append(b, '}') },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "state.json")
			s := &store{file: generations{path: path, old: []string{path + ".1"}, fs: disk{}}}
			s.wishes = func() uint64 { return s.written + 1 }
			require.NoError(t, s.writeList(1))
			require.NoError(t, s.writeList(2))
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, damage(data), 0o600))
			st, from, err := s.load()
			assert.Equal(t, path+".1", from)
			assert.ErrorContains(t, err, path)
			assert.Len(t, st.Records, 1)
		})
	}
}

func TestStateOfANewerWeaverIsNotTaken(t *testing.T) {
	d := &brokenDisk{left: -1, files: map[string][]byte{"state": seal([]byte(`{"format":99,"specs":[],"records":[]}`))}}
	_, from, err := onDisk(d).load()
	assert.Empty(t, from)
	assert.ErrorContains(t, err, "newer than this weaver")
}

func TestUnchangedListCostsNoDisk(t *testing.T) {
	d := &brokenDisk{left: -1, files: map[string][]byte{}}
	s := onDisk(d)
	wishes := uint64(1)
	s.wishes = func() uint64 { return wishes }
	require.NoError(t, s.writeList(3))
	d.left = 0
	assert.NoError(t, s.writeList(3))
	wishes++
	assert.Error(t, s.writeList(4))
	assert.Error(t, s.writeList(4), "what could not be written is tried again")
}

func TestWritersAtOnceShareAndAllAreOnDisk(t *testing.T) {
	d := &brokenDisk{left: -1, files: map[string][]byte{}}
	s := onDisk(d)
	var mu sync.Mutex
	n := 0
	s.list = func() []app.Process { mu.Lock(); defer mu.Unlock(); return listOf(n) }
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			mu.Lock()
			n++
			mine := n
			mu.Unlock()
			assert.NoError(t, s.write())
			st, _, err := onDiskLocked(s, d)
			assert.NoError(t, err)
			assert.GreaterOrEqual(t, len(st.Records), mine, "what was there before the call is on disk after it")
		})
	}
	wg.Wait()
}

// onDiskLocked reads while no write is under way.
func onDiskLocked(s *store, d *brokenDisk) (state, string, error) {
	for {
		s.mu.Lock()
		if !s.writing {
			defer s.mu.Unlock()
			return onDisk(d).load()
		}
		s.mu.Unlock()
	}
}

func TestInstancesShareTheirSpecOnDisk(t *testing.T) {
	spec := &app.Spec{Name: "a", Script: "/a"}
	st := stateOf([]app.Process{{ID: 0, Spec: spec}, {ID: 1, Spec: spec, Instance: 1}, {ID: 2, Spec: &app.Spec{Name: "b"}}})
	assert.Len(t, st.Specs, 2)
	assert.Equal(t, []int{0, 1}, st.EnvOf)
	assert.Equal(t, []int{0, 0, 1}, []int{st.Records[0].Spec, st.Records[1].Spec, st.Records[2].Spec})
}

func FuzzUnseal(f *testing.F) {
	f.Add(seal([]byte(`{}`)))
	f.Add([]byte("weaver-state 1 sha256: 0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := unseal(data)
		if err == nil {
			assert.Equal(t, data, seal(body), "what is accepted is what seal writes")
		}
	})
}

func TestSharedEnvironmentsAreKeptOnce(t *testing.T) {
	env := app.Env{{Name: "PATH", Value: "/bin"}}
	list := []app.Process{
		{ID: 0, Spec: &app.Spec{Name: "a", Env: env}},
		{ID: 1, Spec: &app.Spec{Name: "b", Env: env}},
		{ID: 2, Spec: &app.Spec{Name: "c"}},
	}
	s := onDisk(&brokenDisk{left: -1, files: map[string][]byte{}})
	s.list = func() []app.Process { return list }
	require.NoError(t, s.write())
	assert.Len(t, stateOf(list).Envs, 2)
	st, _, err := s.load()
	require.NoError(t, err)
	for i := range list {
		assert.Equal(t, *list[i].Spec, st.Specs[i])
	}
}
