package journal

import (
	"errors"
	"os"
	"syscall"
)

const noFollow = syscall.O_NOFOLLOW

// syncData writes the file's data and size to disk, and leaves its times alone.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}

func isUnknown(err error) bool  { return errors.Is(err, syscall.EINVAL) }
func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
func isFull(err error) bool     { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
