package daemon

import (
	"fmt"
	"net"
	"os"
	"sync"
)

// maxRights bounds the descriptors that may come with one read, the locks of one command: what one message takes on Linux
// (SCM_MAX_FD), and what the thin front end sends at most.
const maxRights = 253

// listen opens the API's socket with mode 0600. The caller holds the daemon's lock, so whatever is in the way is a
// leftover.
func listen(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("remove the old socket %s: %w", path, err)
	}
	mask := umask(0o177) // no moment with other permissions
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	umask(mask)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return l, nil
}

// listener accepts only peers that may use the daemon, and keeps the descriptors that they send.
type listener struct {
	*net.UnixListener
	gate    *gate // for other users; nil lets in none
	refused func(error)
}

// Accept returns the next connection of a peer that is the daemon's own user or root, or that the gate lets in. Others are
// closed at once: to them there is nobody here.
func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if in := l.admit(c); in != nil {
			return in, nil
		}
	}
}

// admit finds out who connected. It returns nil for those who may not come in.
func (l listener) admit(c *net.UnixConn) *conn {
	p, err := peerOf(c)
	in := &conn{UnixConn: c, peer: p, role: administrator}
	if err == nil && p.UID != os.Geteuid() && p.UID != 0 {
		in.role = stranger
		if err = l.gate.admit(in); err != nil {
			err = fmt.Errorf("user %d (pid %d) %w", p.UID, p.PID, err)
		}
	}
	if err != nil {
		l.refused(err)
		c.Close()
		return nil
	}
	return in
}

// peer is who is at the other end of a connection.
type peer struct{ UID, GID, PID int }

// conn is a connection whose peer is known and whose descriptors are kept until somebody takes them.
type conn struct {
	*net.UnixConn
	peer peer
	role role  // what it may
	gate *gate // that counts it, if it is another user's

	mu     sync.Mutex
	rights []int

	unread []byte // what was read already, for the next reader
}

// Read reads bytes, and keeps the descriptors that come with them.
func (c *conn) Read(b []byte) (int, error) {
	if len(c.unread) > 0 {
		n := copy(b, c.unread)
		if c.unread = c.unread[n:]; len(c.unread) == 0 {
			c.unread = nil
		}
		return n, nil
	}
	n, fds, err := readRights(c.UnixConn, b)
	if c.gate != nil { // locks are the owner's
		for _, fd := range fds {
			closeFD(fd)
		}
		return n, err
	}
	if len(fds) > 0 {
		c.mu.Lock()
		c.rights = append(c.rights, fds...)
		over := len(c.rights) > maxRights
		c.mu.Unlock()
		if over {
			c.dropRights()
			return 0, fmt.Errorf("peer %d sent more than %d descriptors", c.peer.PID, maxRights)
		}
	}
	return n, err
}

// takeRights hands over the descriptors received so far. Whoever takes them closes them.
func (c *conn) takeRights() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	fds := c.rights
	c.rights = nil
	return fds
}

func (c *conn) dropRights() {
	for _, fd := range c.takeRights() {
		closeFD(fd)
	}
}

// Close also closes what nobody took.
func (c *conn) Close() error {
	c.dropRights()
	if c.gate != nil {
		c.gate.leave(c)
	}
	return c.UnixConn.Close()
}
