//go:build unix

package hot

import (
	"syscall"
	"time"
)

// conn is a connection to the daemon. What was received and not yet taken is buf[off:end].
type conn struct {
	fd       int
	buf      []byte
	off, end int
	until    time.Time // when to give up; zero is never
}

// bufSize holds the table of 300 services: up to here an answer is complete before any of it is printed.
const bufSize = 64 << 10

// dial connects to the daemon's socket. The daemon has patience for accepting, and for what it answers first.
func dial(path string, patience time.Duration) (*conn, error) {
	var addr syscall.RawSockaddrUnix
	if len(path) >= len(addr.Path) {
		return nil, syscall.ENAMETOOLONG
	}
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	c := &conn{fd: fd, buf: make([]byte, bufSize)}
	// Linux applies the timeout for sending to connect, which waits while the daemon's backlog is full.
	err = c.timeout(syscall.SO_SNDTIMEO, patience)
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = c.deadline(patience)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) close() { syscall.Close(c.fd) }

// deadline gives the daemon so long for all that is received from now on; 0 is for ever.
func (c *conn) deadline(d time.Duration) error {
	c.until = time.Time{}
	if d > 0 {
		c.until = time.Now().Add(d)
	}
	return c.timeout(syscall.SO_RCVTIMEO, d)
}

func (c *conn) timeout(option int, d time.Duration) error {
	tv := syscall.NsecToTimeval(int64(d))
	return syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, option, &tv)
}

// send sends b, and fds with its first byte. started reports that some of it has left.
func (c *conn) send(b []byte, fds []int) (started bool, err error) {
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	for len(b) > 0 {
		n, err := syscall.SendmsgN(c.fd, b, rights, nil, sendFlags)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return started, err
		}
		started, rights = true, nil
		b = b[n:]
	}
	return started, nil
}

// fill receives more. It is an error if there is none.
func (c *conn) fill() error {
	if c.off == c.end {
		c.off, c.end = 0, 0
	}
	if c.end == len(c.buf) {
		c.end = copy(c.buf, c.buf[c.off:c.end])
		c.off = 0
	}
	for {
		if !c.until.IsZero() && time.Now().After(c.until) {
			return syscall.ETIMEDOUT
		}
		n, err := syscall.Read(c.fd, c.buf[c.end:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return err
		case n <= 0:
			return errShort
		}
		c.end += n
		return nil
	}
}

// head receives the head of an answer.
func (c *conn) head() (head, error) {
	for {
		h, n, err := parseHead(c.buf[c.off:c.end])
		if err == nil {
			c.off += n
			return h, nil
		}
		if err != errShort {
			return h, err
		}
		if err := c.fill(); err != nil {
			return h, err
		}
	}
}

// all receives so many bytes into the buffer, which has room for them.
func (c *conn) all(length int64) error {
	for int64(c.end-c.off) < length {
		if err := c.fill(); err != nil {
			return err
		}
	}
	return nil
}

// whole receives a body into the buffer, if it fits.
func (c *conn) whole(length int64) (body []byte, fits bool, err error) {
	if length > int64(len(c.buf)) {
		return nil, false, nil
	}
	if err := c.all(length); err != nil {
		return nil, true, err
	}
	body = c.buf[c.off : c.off+int(length)]
	c.off += int(length)
	return body, true, nil
}
