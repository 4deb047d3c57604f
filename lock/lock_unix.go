//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package lock

import (
	"errors"
	"os"
	"syscall"
)

// openFile opens the lock's file, making it if need be. Descriptors are kept
// raw: an os.File would cost a poll registration, and close itself when lost.
func openFile(path string) (int, error) {
	const flags = syscall.O_RDWR | syscall.O_CREAT | syscall.O_NOFOLLOW | syscall.O_CLOEXEC | syscall.O_NONBLOCK
	fd, err := open(path, flags)
	if err == syscall.EROFS { // a lock does not need to be written to
		var e error
		if fd, e = open(path, flags&^(syscall.O_RDWR|syscall.O_CREAT)|syscall.O_RDONLY); e == nil {
			return fd, nil
		}
	}
	if err != nil {
		return -1, &os.PathError{Op: "open lock", Path: path, Err: err}
	}
	return fd, nil
}

func open(path string, flags int) (int, error) {
	for {
		fd, err := syscall.Open(path, flags, 0o600)
		switch err {
		case syscall.EINTR:
		case syscall.ELOOP:
			return -1, errors.New("is a symbolic link")
		default:
			return fd, err
		}
	}
}

func closeFile(fd int) error { return syscall.Close(fd) }

// tryFile takes the lock on fd if it is free.
func tryFile(fd int) (bool, error) {
	err := flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, err
}

// lockFile waits for the lock on fd, parking a thread.
func lockFile(fd int) error { return flock(fd, syscall.LOCK_EX) }

func flock(fd, how int) error {
	for {
		if err := syscall.Flock(fd, how); err != syscall.EINTR {
			return err
		}
	}
}

// lookUp says whether path still leads to the file open as fd, and its size. An
// open file keeps its inode, so a new file cannot be taken for it.
func lookUp(fd int, path string) (size int64, here bool, err error) {
	var open, named syscall.Stat_t
	if err := syscall.Fstat(fd, &open); err != nil {
		return 0, false, err
	}
	if open.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return 0, false, errors.New("is not a plain file")
	}
	switch err := syscall.Lstat(path, &named); err {
	case nil:
		return open.Size, open.Dev == named.Dev && open.Ino == named.Ino, nil
	case syscall.ENOENT:
		return 0, false, nil
	default:
		return 0, false, err
	}
}

func writeHolder(fd int, size int64, by Holder) error {
	var room [recordSize]byte
	n, err := syscall.Pwrite(fd, appendRecord(room[:0], by), 0)
	switch err {
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EBADF:
		return nil // The lock holds without its text: a full disk wants tidying, and what is read-only was opened so.
	}
	if err == nil && size > int64(n) {
		err = syscall.Ftruncate(fd, int64(n))
	}
	return err
}

func readHolder(path string) Holder {
	fd, err := open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC|syscall.O_NONBLOCK)
	if err != nil {
		return Holder{}
	}
	defer syscall.Close(fd)
	return readRecord(fd)
}

func readRecord(fd int) Holder {
	var room [recordSize]byte
	n, err := syscall.Pread(fd, room[:], 0)
	if err != nil {
		return Holder{}
	}
	return parseRecord(room[:n])
}

// probe tells whether anyone holds the lock. Shared, so that two who probe
// don't see each other.
func probe(path string) (held bool, h Holder, err error) {
	fd, err := open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC|syscall.O_NONBLOCK)
	if err != nil {
		return false, Holder{}, &os.PathError{Op: "open lock", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	h = readRecord(fd)
	err = flock(fd, syscall.LOCK_SH|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		return true, h, nil
	}
	return false, h, err
}

// removeStale removes the file if nobody holds it: only who has the lock of the
// file that path names may remove it, and who takes the lock of a removed file
// starts again (settle).
func removeStale(path string) (bool, error) {
	fd, err := open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC|syscall.O_NONBLOCK)
	if err == syscall.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer syscall.Close(fd)
	return removeOpen(fd, path)
}

func removeOpen(fd int, path string) (bool, error) {
	if got, err := tryFile(fd); err != nil || !got {
		return false, err
	}
	if _, here, err := lookUp(fd, path); err != nil || !here {
		return false, err
	}
	if err := syscall.Unlink(path); err != nil && err != syscall.ENOENT {
		return false, err
	}
	return true, nil
}
