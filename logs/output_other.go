//go:build !linux

package logs

import (
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// openOutput opens the file at path for appending and returns the path without symbolic links. The file's identity is
// that path: hard links are not recognized as the same file here.
func openOutput(path string, create bool) (out output, st status, real string, err error) {
	flags := os.O_WRONLY | os.O_APPEND
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, st, path, cause(err)
	}
	real = path
	if r, err := filepath.EvalSymlinks(path); err == nil {
		real = r
	}
	file := fileOutput{f, real}
	st, err = file.Stat()
	if err != nil {
		_ = f.Close()
		return nil, st, real, err
	}
	st.born = st.modified
	return file, st, real, nil
}

// fileKey tells files apart.
type fileKey struct{ path string }

// noFile is the key of a path that leads to no file.
func noFile(path string) fileKey { return fileKey{path + "\x00"} }

func (fileKey) identity() string { return "" }

type fileOutput struct {
	*os.File
	path string
}

func (f fileOutput) Stat() (status, error) {
	info, err := f.File.Stat()
	if err != nil {
		return status{}, err
	}
	st := statusOf(f.path, info)
	if there, err := os.Stat(f.path); err != nil || !os.SameFile(info, there) {
		st.links = 0
	}
	return st, nil
}

// Resemble takes over the mode of the file that st describes.
func (f fileOutput) Resemble(st status) { _ = f.Chmod(os.FileMode(st.mode)) }

func statusOf(path string, info os.FileInfo) status {
	return status{
		key:      fileKey{path: path},
		links:    1,
		size:     info.Size(),
		regular:  info.Mode().IsRegular(),
		modified: info.ModTime(),
		mode:     uint32(info.Mode().Perm()),
	}
}

// statPath describes the file at path itself.
func statPath(path string) (status, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return status{}, cause(err)
	}
	return statusOf(path, info), nil
}

// renameNew renames without replacing a file; os.ErrExist when there is one. Somebody else's file that appears between
// the look and the rename is replaced.
func renameNew(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return os.ErrExist
	}
	return os.Rename(from, to)
}

// renamesOpen says that a file can be renamed while it is open.
const renamesOpen = runtime.GOOS != "windows"

// noFollow would make opening a symbolic link an error.
const noFollow = 0

// resemble gives f the mode of like.
func resemble(f, like *os.File) {
	if info, err := like.Stat(); err == nil {
		_ = f.Chmod(info.Mode().Perm())
	}
}

// setTime sets the modification time of the file at path.
func setTime(path string, t time.Time) error { return os.Chtimes(path, t, t) }
