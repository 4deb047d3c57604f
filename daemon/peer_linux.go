package daemon

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peerOf asks the kernel who connected.
func peerOf(c *net.UnixConn) (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return peer{}, err
	}
	return peer{int(cred.Uid), int(cred.Gid), int(cred.Pid)}, nil
}

// groupsOf asks the kernel for the groups of who connected, beside its first.
func groupsOf(c *net.UnixConn) ([]int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	groups := make([]uint32, 64)
	cerr := raw.Control(func(fd uintptr) {
		for {
			size := uint32(4 * len(groups))
			_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
				uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
			switch {
			case e == unix.ERANGE && int(size/4) > len(groups): // which says how many there are
				groups = make([]uint32, size/4)
				continue
			case e != 0:
				err = e
			default:
				groups = groups[:size/4]
			}
			return
		}
	})
	if err = errors.Join(cerr, err); err != nil {
		return nil, err
	}
	out := make([]int, len(groups))
	for i, g := range groups {
		out[i] = int(g)
	}
	return out, nil
}

// oobs are buffers for control messages, which few reads have.
var oobs = sync.Pool{New: func() any { b := make([]byte, unix.CmsgSpace(maxRights*4)); return &b }}

// readRights reads bytes and any descriptors that come with them, which are closed on exec.
func readRights(c *net.UnixConn, b []byte) (int, []int, error) {
	oob := oobs.Get().(*[]byte)
	defer oobs.Put(oob)
	n, oobn, _, _, err := c.ReadMsgUnix(b, *oob)
	if err != nil {
		return 0, nil, err // n is -1 then, which no reader may say
	}
	if n == 0 && len(b) > 0 {
		// A stream that ended: ReadMsgUnix reports no error, and net/http would ask again for ever.
		return 0, nil, io.EOF
	}
	if oobn == 0 {
		return n, nil, nil
	}
	msgs, perr := unix.ParseSocketControlMessage((*oob)[:oobn])
	if perr != nil {
		return n, nil, perr
	}
	var fds []int
	for i := range msgs {
		got, perr := unix.ParseUnixRights(&msgs[i])
		if perr == nil {
			fds = append(fds, got...)
		}
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd) // net reads with MSG_CMSG_CLOEXEC where it can; this is for where it cannot
	}
	return n, fds, nil
}

// belongs reports that a process is a user's.
func belongs(pid, uid int) bool {
	var st unix.Stat_t
	return unix.Stat("/proc/"+strconv.Itoa(pid), &st) == nil && int(st.Uid) == uid
}

func umask(mask int) int { return syscall.Umask(mask) }

func closeFD(fd int) { unix.Close(fd) }
