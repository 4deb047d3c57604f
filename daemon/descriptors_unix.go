//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"weaver/daemon/anchor"
)

func inheritStore() (map[string]int, error) { return anchor.InheritStore() }

// identify tells what a descriptor leads to.
func identify(fd int) (held, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return held{}, fmt.Errorf("stat: %w", err)
	}
	return held{fd, uint64(st.Dev), uint64(st.Ino)}, nil
}

// sendRights sends a message with descriptors, waiting so long for room.
func sendRights(file *os.File, text string, fds []int, patience time.Duration) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("tell the anchor: %w", err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = anchor.SendMessage(int(fd), text, fds) }); err != nil {
		return fmt.Errorf("tell the anchor: %w", err)
	}
	for deadline := time.Now().Add(patience); full(failed) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // its reader never waits for us: it is slow, or stopped
		if err := raw.Control(func(fd uintptr) { failed = anchor.SendMessage(int(fd), text, fds) }); err != nil {
			return fmt.Errorf("tell the anchor: %w", err)
		}
	}
	return failed
}

// full says that there is no room now: in the socket, in the kernel's memory, or for more descriptors under way.
func full(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ETOOMANYREFS)
}

// fileID tells a socket's file from any other.
func fileID(path string) (dev, ino uint64, ok bool) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return 0, 0, false
	}
	return uint64(st.Dev), uint64(st.Ino), true
}

// adoptListener makes a listener of a copy of fd.
func adoptListener(fd int) (*net.UnixListener, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("dup: %w", err)
	}
	f := os.NewFile(uintptr(copied), "socket")
	defer f.Close() // net makes one more copy
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, errors.New("it is no Unix socket")
	}
	return u, nil
}

// dupListener copies a listener's descriptor.
func dupListener(l *net.UnixListener) (int, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	if cerr := raw.Control(func(n uintptr) { fd, err = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 0) }); cerr != nil {
		return -1, cerr
	}
	if err != nil {
		return -1, fmt.Errorf("dup: %w", err)
	}
	return fd, nil
}

// execAnchor replaces this process by the anchor whose executable fd leads to.
func execAnchor(l *anchor.Listing, fd int, home, weaverd string) error {
	return l.Become(fd, home, weaverd)
}
