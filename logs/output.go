package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// output is an open file of a sink. Tests put failing disks here.
type output interface {
	Write(b []byte) (int, error) // all of b, or an error
	Stat() (status, error)
	Truncate(size int64) error
	Close() error
	Resemble(status) // mode and owner as another file's, as far as allowed
}

// status is what a sink wants to know of its file.
type status struct {
	key      fileKey // tells files apart
	links    uint64  // 0: it was removed
	size     int64
	regular  bool
	modified time.Time
	born     time.Time // only from opening
	mode     uint32
	uid, gid int
}

// isNowhere says that a path stores nothing: PM2's two spellings, and none.
func isNowhere(path string) bool {
	return path == "" || path == "/dev/null" || path == "NULL" || path == os.DevNull
}

// open opens a log file, making its directory if need be. Errors name the path.
func (e *Engine) open(path string) (output, status, string, error) {
	out, st, real, err := e.openFile(path, true)
	if os.IsNotExist(err) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, st, real, fmt.Errorf("make the directory of log %s: %w", path, err)
		}
		out, st, real, err = e.openFile(path, true)
	}
	if err != nil {
		return nil, st, real, fmt.Errorf("open log %s: %w", path, err)
	}
	return out, st, real, nil
}

// cause takes the path out of an error that will be wrapped with it.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
