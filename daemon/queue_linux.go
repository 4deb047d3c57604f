package daemon

import "golang.org/x/sys/unix"

// acceptFD is accept(2) on a socket that does not block.
func acceptFD(listening int) (int, error) {
	fd, _, err := unix.Accept4(listening, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}
