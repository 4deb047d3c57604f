//go:build unix && !linux

package anchor

import (
	"errors"
	"syscall"
)

const (
	fdDir     = "/dev/fd"
	sendFlags = 0 // the socket does not block, and the Go runtime ignores SIGPIPE for it
)

// adoptOrphans cannot be done here: what a dead supervisor leaves behind belongs to init.
func adoptOrphans() error {
	return errors.New("this system has no subreapers: services of a supervisor that dies belong to init")
}

func setTitle(string) {}

// reap takes the status of the supervisor, the only child there can be.
func reap(supervisor int, dead func(pid int, status syscall.WaitStatus)) {
	if supervisor == 0 {
		return
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(supervisor, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err == nil && pid == supervisor {
			dead(pid, status)
		}
		return
	}
}

// socketPair makes the control socket. There is no SOCK_SEQPACKET everywhere; datagrams have borders, but no end.
func socketPair() (ours, theirs int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return -1, -1, err
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	return fds[0], fds[1], syscall.SetNonblock(fds[0], true)
}
