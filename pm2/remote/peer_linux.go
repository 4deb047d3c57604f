package remote

import (
	"net"
	"syscall"
)

// PID is the process that answers, or 0 where that is not known. The file pm2.pid may name another: of several daemons that
// were started at once the last one writes it, not the one that has the socket.
func (d *Daemon) PID() int {
	conn, ok := d.conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	raw.Control(func(fd uintptr) { //nolint:errcheck // then it is not known
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}
