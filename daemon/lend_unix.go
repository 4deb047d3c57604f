//go:build unix

package daemon

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
)

// inside opens a connection to the door from within, as the process at the other end of c.
func (h *hotDoor) inside(c *conn) (net.Conn, error) {
	fds, err := streamPair()
	if err != nil {
		return nil, err
	}
	ours, err := unixConn(fds[0])
	theirs, err2 := unixConn(fds[1])
	if err = errors.Join(err, err2); err == nil && !h.take(&conn{UnixConn: theirs, peer: c.peer, role: c.role}) {
		err = net.ErrClosed
	}
	if err != nil {
		if ours != nil {
			ours.Close()
		}
		if theirs != nil {
			theirs.Close()
		}
		return nil, err
	}
	return ours, nil
}

// unixConn makes a connection of a descriptor, which it takes.
func unixConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// sameDir reports that a directory has this device and inode.
func sameDir(dir, dev, ino string) bool {
	var st syscall.Stat_t
	return syscall.Stat(dir, &st) == nil && strconv.FormatUint(uint64(st.Dev), 10) == dev && strconv.FormatUint(st.Ino, 10) == ino
}

// identity is the device and inode of a regular file, "" of anything else.
func identity(path string) string {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return ""
	}
	return strconv.FormatUint(uint64(st.Dev), 10) + ":" + strconv.FormatUint(st.Ino, 10)
}
