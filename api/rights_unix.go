//go:build unix

package api

import (
	"net"
	"syscall"
)

// rightsConn sends descriptors along with the first bytes written.
type rightsConn struct {
	*net.UnixConn
	fds []int
}

func withRights(conn net.Conn, fds []int) net.Conn {
	return &rightsConn{UnixConn: conn.(*net.UnixConn), fds: fds}
}

func (c *rightsConn) Write(b []byte) (int, error) {
	if c.fds == nil {
		return c.UnixConn.Write(b)
	}
	rights := syscall.UnixRights(c.fds...)
	c.fds = nil
	n, _, err := c.WriteMsgUnix(b, rights, nil)
	if err == nil && n < len(b) {
		var m int
		m, err = c.UnixConn.Write(b[n:])
		n += m
	}
	return n, err
}
