package daemon

import "golang.org/x/sys/unix"

// Taken reports whether the peer has read all that was written. What cannot be told counts as read.
func (c *conn) Taken() bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	n := 0
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	return n == 0
}
