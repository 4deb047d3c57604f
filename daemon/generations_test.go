package daemon

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
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

func onDisk(d files) *generations {
	return &generations{path: "state", old: []string{"state.1", "state.2"}, fs: d}
}

// newest returns the newest generation that is whole, a version being so many equal bytes and their number.
func newest(t *testing.T, d *brokenDisk) int {
	n := 0
	_, _ = onDisk(d).read(func(data []byte) error {
		if len(data) == 0 || len(data) != int(data[0]) {
			return errors.New("torn")
		}
		n = len(data)
		return nil
	})
	require.NotZero(t, n, "something can be read")
	return n
}

func version(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }

func TestFileAfterAPowerFailureIsTheOldOneOrTheNewOne(t *testing.T) {
	for _, short := range []bool{false, true} {
		for n := 0; ; n++ {
			d := &brokenDisk{left: -1, short: short, files: map[string][]byte{}}
			for i := 1; i <= 4; i++ { // enough for every generation to be in use
				require.NoError(t, onDisk(d).write(version(i)))
			}
			d.left = n
			err := onDisk(d).write(version(5))
			d.left = -1
			require.Contains(t, []int{4, 5}, newest(t, d), "after a failure at operation %d", n)
			if err == nil {
				require.Equal(t, 5, newest(t, d), "success was told")
				break
			}
			require.NoError(t, onDisk(d).write(version(5)), "the next write mends it")
			require.Equal(t, 5, newest(t, d))
		}
	}
}
