package journal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Files is what a journal does to a directory. Tests put one there that fails.
type Files interface {
	Open(name string, create bool) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncDir() error
}

// File is an open file of it.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error // data, and the size
	Size() (int64, error)
	Close() error
}

// Memory keeps one file that outlives this process, for as long as the machine runs.
type Memory interface {
	// Held is the file of a former supervisor, or nil.
	Held() File
	// Make returns a new, empty file, and keeps it.
	Make() (File, error)
	// Keep is told that the file made last is complete: it replaces the one kept before.
	Keep() error
	// Drop keeps none any more.
	Drop()
}

// Dir is a directory of the real file system.
type Dir string

// Open opens a file of the directory for reading and writing. A symbolic link is refused.
func (d Dir) Open(name string, create bool) (File, error) {
	flags := os.O_RDWR | noFollow
	if create {
		flags |= os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(filepath.Join(string(d), name), flags, 0o600)
	if err != nil && !create && (errors.Is(err, fs.ErrPermission) || isReadOnly(err)) {
		// What can be read is known at least.
		f, err = os.OpenFile(filepath.Join(string(d), name), os.O_RDONLY|noFollow, 0)
	}
	if err != nil {
		return nil, err
	}
	return NewFile(f), nil
}

// Rename renames a file of the directory.
func (d Dir) Rename(from, to string) error {
	return os.Rename(filepath.Join(string(d), from), filepath.Join(string(d), to))
}

// Remove removes a file of the directory.
func (d Dir) Remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

// SyncDir makes the names durable.
func (d Dir) SyncDir() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	err = f.Sync()
	if isUnknown(err) { // a file system that knows no such thing
		err = nil
	}
	return errors.Join(err, f.Close())
}

// removed reports that the journal of the directory is not that file. What cannot be told is no.
func (d Dir) removed(f osFile) bool {
	there, err := os.Lstat(filepath.Join(string(d), fileName))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	ours, err := f.Stat()
	return err == nil && !os.SameFile(there, ours)
}

// osFile is a real file.
type osFile struct{ *os.File }

// NewFile makes a File of a real one.
func NewFile(f *os.File) File { return osFile{f} }

func (f osFile) Sync() error { return syncData(f.File) }

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// buffer is a file in this process's memory, for want of anything that lives longer.
type buffer struct {
	mu   sync.Mutex
	data []byte
}

func (b *buffer) ReadAt(p []byte, off int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.NewReader(b.data).ReadAt(p, off)
}

func (b *buffer) WriteAt(p []byte, off int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if need := int(off) + len(p); need > len(b.data) {
		b.data = append(b.data, make([]byte, need-len(b.data))...)
	}
	return copy(b.data[off:], p), nil
}

func (b *buffer) Truncate(size int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if size < int64(len(b.data)) {
		b.data = b.data[:size]
	}
	return nil
}

func (b *buffer) Sync() error { return nil }

func (b *buffer) Size() (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.data)), nil
}

func (b *buffer) Close() error { return nil }

// noMemory is the Memory of a journal that was given none.
type noMemory struct{}

func (noMemory) Held() File          { return nil }
func (noMemory) Make() (File, error) { return &buffer{}, nil }
func (noMemory) Keep() error         { return nil }
func (noMemory) Drop()               {}
