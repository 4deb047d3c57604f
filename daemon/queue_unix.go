//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// queue is a door at which others than who waits there may let people in: who wants to know that nobody stands before it.
type queue struct{ *renewable }

// queued is r as one.
func queued(r *renewable) net.Listener { return queue{r} }

// Await returns when somebody may stand before the door. Go's listeners tell that only to who takes somebody in.
func (q queue) Await() error {
	for {
		bell, err := q.hang()
		if err != nil {
			return err
		}
		raw, err := bell.SyscallConn()
		if err == nil {
			err = raw.Read(somebody)
		}
		if err == nil || q.hangs(bell) {
			return err
		}
	}
}

// hang returns where to wait.
func (q queue) hang() (*os.File, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, net.ErrClosed
	}
	if q.bell == nil {
		fd, err := dupListener(q.kept.l)
		if err != nil {
			return nil, fmt.Errorf("wait at %s: %w", q.kept.path, err)
		}
		q.bell = os.NewFile(uintptr(fd), q.kept.path)
	}
	return q.bell, nil
}

// hangs reports whether a bell is still the one to wait at.
func (q queue) hangs(bell *os.File) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bell == bell
}

// somebody reports whether a connection waits in the queue of a listening socket.
func somebody(fd uintptr) bool {
	n, err := 0, error(unix.EINTR)
	for err == unix.EINTR {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	}
	return n > 0 || err != nil
}

// Take returns who is first in the queue and may come in; nil if nobody is.
func (q queue) Take() (net.Conn, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.listener()
	for {
		c, err := acceptNow(l.UnixListener)
		if c == nil || err != nil {
			return nil, err
		}
		if in := l.admit(c); in != nil {
			return in, nil
		}
	}
}

// acceptNow takes a connection if one waits, and else returns nil.
func acceptNow(l *net.UnixListener) (*net.UnixConn, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	closed := raw.Control(func(listening uintptr) {
		err = unix.EINTR
		for err == unix.EINTR {
			fd, err = acceptFD(int(listening))
		}
	})
	switch {
	case closed != nil:
		return nil, closed
	case errors.Is(err, unix.EAGAIN):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("accept at %s: %w", l.Addr(), err)
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	c, err := net.FileConn(f) // a copy
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}
