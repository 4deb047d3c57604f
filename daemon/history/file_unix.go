//go:build unix

package history

import (
	"io"
	"io/fs"
	"syscall"
)

// file is a descriptor: an os.File asks the kernel three times more for each that is opened, and leaves garbage.
type file struct{ fd int }

func openFile(path string, flags int) (file, error) {
	for {
		fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
		if err == nil {
			return file{fd}, nil
		}
		if err != syscall.EINTR {
			return file{-1}, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func (f file) close() { _ = syscall.Close(f.fd) } // what was written is in the page cache

// resize makes the file that long, if it is not.
func (f file) resize(size int64) error {
	var st syscall.Stat_t
	if err := syscall.Fstat(f.fd, &st); err != nil {
		return err
	}
	if st.Size == size {
		return nil
	}
	return syscall.Ftruncate(f.fd, size)
}

func (f file) readAt(b []byte, at int64) error {
	n, err := syscall.Pread(f.fd, b, at)
	if err == nil && n < len(b) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (f file) writeAt(b []byte, at int64) error {
	n, err := syscall.Pwrite(f.fd, b, at)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}
