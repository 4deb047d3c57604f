//go:build unix

package supervisor

import (
	"os"

	"golang.org/x/sys/unix"
)

// writePlain is os.WriteFile with mode 0644 for a few bytes, at a fraction of its cost: the poller is not asked about the
// file, and one of the same length is written over. To truncate a file that has something in it makes some file systems
// (ext4) write it out when it is closed. A reader sees what was there, nothing, or what is there now.
func writePlain(path string, data []byte) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	for err == unix.EINTR {
		fd, err = unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size != 0 && st.Size != int64(len(data)) {
		if err := unix.Ftruncate(fd, 0); err != nil && err != unix.EINVAL { // not of a device
			return &os.PathError{Op: "truncate", Path: path, Err: err}
		}
	}
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "write", Path: path, Err: err}
		}
		data = data[n:]
	}
	return nil
}
