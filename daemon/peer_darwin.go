package daemon

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// peerOf asks the kernel who connected.
func peerOf(c *net.UnixConn) (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var cred *unix.Xucred
	pid := 0
	cerr := raw.Control(func(fd uintptr) {
		if cred, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); err == nil {
			pid, _ = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		}
	})
	if cerr != nil {
		err = cerr
	}
	if err != nil {
		return peer{}, err
	}
	return peer{UID: int(cred.Uid), GID: int(cred.Groups[0]), PID: pid}, nil
}

// groupsOf asks the kernel for the groups of who connected.
func groupsOf(c *net.UnixConn) ([]int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Xucred
	cerr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED) })
	if err = errors.Join(cerr, err); err != nil {
		return nil, err
	}
	var out []int
	for _, g := range cred.Groups[:min(max(int(cred.Ngroups), 0), len(cred.Groups))] {
		out = append(out, int(g))
	}
	return out, nil
}

// readRights reads bytes. Descriptors are not taken here: a lock then lives as long as the front end.
func readRights(c *net.UnixConn, b []byte) (int, []int, error) {
	n, err := c.Read(b)
	return n, nil, err
}

// belongs reports that a process is a user's. Here nobody tells; who connected is known all the same.
func belongs(int, int) bool { return false }

func umask(mask int) int { return syscall.Umask(mask) }

func closeFD(fd int) { unix.Close(fd) }
