//go:build !unix

package history

import "os"

type file struct{ *os.File }

func openFile(path string, flags int) (file, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	return file{f}, err
}

func (f file) close() { _ = f.Close() }

// resize makes the file that long, if it is not.
func (f file) resize(size int64) error {
	if info, err := f.Stat(); err == nil && info.Size() == size {
		return nil
	}
	return f.Truncate(size)
}

func (f file) readAt(b []byte, at int64) error {
	_, err := f.ReadAt(b, at)
	return err
}

func (f file) writeAt(b []byte, at int64) error {
	_, err := f.WriteAt(b, at)
	return err
}
