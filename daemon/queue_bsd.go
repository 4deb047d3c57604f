//go:build unix && !linux

package daemon

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptFD is accept(2) on a socket that does not block.
func acceptFD(listening int) (int, error) {
	syscall.ForkLock.RLock() // not every system has accept4: no child of this moment is to have it
	defer syscall.ForkLock.RUnlock()
	fd, _, err := unix.Accept(listening)
	if err == nil {
		unix.CloseOnExec(fd)
		err = unix.SetNonblock(fd, true)
	}
	return fd, err
}
