//go:build unix

package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// noFollow refuses to write through a link that somebody left in the home.
const noFollow = syscall.O_NOFOLLOW

// syncDir makes the names in file's directory durable.
func syncDir(file string) error {
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) { // a file system that knows no such thing
		err = nil
	}
	return errors.Join(err, d.Close())
}
