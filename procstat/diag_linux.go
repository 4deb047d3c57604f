package procstat

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// States of TCP sockets, as the kernel numbers them.
const (
	tcpEstablished = 1
	tcpListen      = 10
)

// tcpSocket is one of the kernel's.
type tcpSocket struct {
	inode string
	state uint8
	local netip.AddrPort
}

// tcpSockets returns the TCP sockets in some states of this process's network namespace. The kernel is asked over netlink: of a
// server that has closed ten thousand connections lately, /proc/net/tcp has a line for each.
func tcpSockets(states ...uint8) ([]tcpSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var mask uint32
	for _, s := range states {
		mask |= 1 << s
	}
	var out []tcpSocket
	buf := make([]byte, 32<<10)
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		if err := unix.Sendto(fd, diagRequest(family, mask), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return nil, err
		}
		if out, err = readDiag(fd, buf, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// diagRequest is a netlink message with an inet_diag_req_v2.
func diagRequest(family uint8, states uint32) []byte {
	const size, byFamily = unix.NLMSG_HDRLEN + 56, 20
	b := make([]byte, size)
	binary.NativeEndian.PutUint32(b, size)
	binary.NativeEndian.PutUint16(b[4:], byFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b[unix.NLMSG_HDRLEN], b[unix.NLMSG_HDRLEN+1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[unix.NLMSG_HDRLEN+4:], states)
	return b
}

// readDiag reads the answer to one request.
func readDiag(fd int, buf []byte, out []tcpSocket) ([]tcpSocket, error) {
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		messages, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil || len(messages) == 0 {
			return nil, errors.Join(errOddDiag, err)
		}
		for _, m := range messages {
			switch m.Header.Type {
			case unix.NLMSG_DONE:
				return out, nil
			case unix.NLMSG_ERROR:
				return nil, errOddDiag // no module for it, perhaps
			}
			s, ok := parseDiag(m.Data)
			if !ok {
				return nil, errOddDiag
			}
			out = append(out, s)
		}
	}
}

var errOddDiag = errors.New("the kernel does not list its sockets")

// parseDiag reads an inet_diag_msg: family, state, two bytes; ports and addresses in the order of the net; at 68 the inode.
func parseDiag(b []byte) (s tcpSocket, ok bool) {
	if len(b) < 72 {
		return s, false
	}
	var addr netip.Addr
	switch b[0] {
	case unix.AF_INET:
		addr = netip.AddrFrom4([4]byte(b[8:12]))
	case unix.AF_INET6:
		addr = netip.AddrFrom16([16]byte(b[8:24])).Unmap()
	default:
		return s, false
	}
	s.local = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[4:]))
	s.inode, s.state = strconv.FormatUint(uint64(binary.NativeEndian.Uint32(b[68:])), 10), b[1]
	return s, true
}

// sharesNetwork reports that a process is in this one's network namespace.
func sharesNetwork(pid int) bool {
	theirs, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/ns/net")
	if err != nil {
		return false
	}
	ours, err := os.Stat("/proc/self/ns/net")
	return err == nil && os.SameFile(theirs, ours)
}
