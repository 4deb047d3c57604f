package logs

import (
	"errors"
	"syscall"
)

// refused takes the place of a file that a disk refuses to make or open: a service runs without it, and what it prints is
// counted until there is one.
type refused struct{ error }

// isRefusal says that it is the disk's fault, not that of whoever named the file.
func isRefusal(err error) bool {
	for _, e := range []syscall.Errno{syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (r refused) Write([]byte) (int, error) { return 0, r.error }
func (r refused) Stat() (status, error)     { return status{}, r.error }
func (r refused) Truncate(int64) error      { return r.error }
func (refused) Close() error                { return nil }
func (refused) Resemble(status)             {}
