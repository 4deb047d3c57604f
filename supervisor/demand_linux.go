package supervisor

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// openGates makes files of held sockets on which goroutines can wait. They are the caller's.
func openGates(fds []int) (gates []*os.File, err error) {
	for _, fd := range fds {
		own, err := dupFD(fd)
		if err == nil {
			err = unix.SetNonblock(own, true) // a program that had it may have made it block, and then it cannot be waited on
		}
		if err != nil {
			for _, g := range gates {
				g.Close()
			}
			return nil, fmt.Errorf("watch a held socket: %w", err)
		}
		gates = append(gates, os.NewFile(uintptr(own), "held socket"))
	}
	return gates, nil
}

// dupFD returns a descriptor of our own for what fd is.
func dupFD(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// hasArrived reports whether somebody waits in the queue of a listening socket.
func hasArrived(fd int) bool {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(set, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0 && set[0].Revents&unix.POLLIN != 0
		}
	}
}

// arrived returns true when somebody waits in the queue of g, and false when g is closed.
func arrived(g *os.File) bool {
	raw, err := g.SyscallConn()
	return err == nil && raw.Read(func(fd uintptr) bool { return hasArrived(int(fd)) }) == nil
}

func gateHasArrived(g *os.File) (yes bool) {
	if raw, err := g.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { yes = hasArrived(int(fd)) }) // closed: nobody
	}
	return yes
}

// acceptAt takes a connection out of the queue; nil if somebody else was faster.
func acceptAt(g *os.File) (net.Conn, error) {
	raw, err := g.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var bad error
	if err := raw.Control(func(at uintptr) { fd, _, bad = unix.Accept4(int(at), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK) }); err != nil {
		return nil, err
	}
	if bad != nil {
		if errors.Is(bad, unix.EAGAIN) {
			bad = nil
		}
		return nil, bad
	}
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close()
	return net.FileConn(f)
}
