//go:build unix

package daemon

import (
	"net"

	"golang.org/x/sys/unix"
)

// readable reports whether somebody waits in a listener's queue.
func readable(l *net.UnixListener) (yes bool) {
	c, err := l.SyscallConn()
	if err != nil {
		return false
	}
	_ = c.Control(func(fd uintptr) { // of one that is closed nobody waits
		n, err := 0, error(unix.EINTR)
		for err == unix.EINTR {
			n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		}
		yes = n > 0
	})
	return yes
}
