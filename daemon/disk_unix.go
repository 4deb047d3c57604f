//go:build unix

package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
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

// dropLinkOfOthers removes a link at path that somebody else has left there, while they could.
func dropLinkOfOthers(path string) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		_ = os.Remove(path)
	}
}
