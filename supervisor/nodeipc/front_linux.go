package nodeipc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Beside binds a socket to an address on which one listens already, so that both share the port from then on.
func Beside(fd int, e Endpoint) (int, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return -1, fmt.Errorf("share %s: %w", e, err)
	}
	e.ReusePort = true
	return Bind(e)
}

// Front has the kernel give all new connections to one of the sockets that share a port with fd, by its number: they are
// counted as they began to listen, and one that closes leaves its number to the last.
func Front(fd, number int) error {
	program := []unix.SockFilter{statement(unix.BPF_RET|unix.BPF_K, uint32(number))}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err != nil {
		return fmt.Errorf("choose who gets new connections: %w", err)
	}
	return nil
}

// Waiting is how many connections are in the queue of a listening TCP socket.
func Waiting(fd int) int {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return int(info.Unacked) // of one that listens
}
