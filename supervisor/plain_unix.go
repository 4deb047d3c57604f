//go:build unix

package supervisor

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// writePlain is os.WriteFile with mode 0644 for a few bytes, at a fraction of its cost: the poller is not asked about the
// file, and one of the same length is written over. To truncate a file that has something in it makes some file systems
// (ext4) write it out when it is closed. A reader sees what was there, nothing, or what is there now. The path may be in a
// directory where others can write: a link of theirs is not followed, and a FIFO that nobody reads is waited for by nobody.
func writePlain(path string, data []byte) error {
	fd, err := openPlain(path)
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

func openPlain(path string) (fd int, err error) {
	for range 8 { // links
		for {
			fd, err = unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
			if err != unix.EINTR {
				break
			}
		}
		if err != unix.ELOOP && err != unix.EMLINK { // which FreeBSD says
			return fd, err
		}
		target, honest := readHonestLink(path)
		if !honest {
			return -1, err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return -1, err
}

// readHonestLink returns where a link leads that is root's or our own.
func readHonestLink(path string) (target string, honest bool) {
	var before, after unix.Stat_t
	if unix.Lstat(path, &before) != nil || before.Uid != 0 && int(before.Uid) != os.Geteuid() {
		return "", false
	}
	target, err := os.Readlink(path)
	if err != nil || unix.Lstat(path, &after) != nil {
		return "", false
	}
	return target, before.Ino == after.Ino && before.Dev == after.Dev // the link that was read is the one that was looked at
}
