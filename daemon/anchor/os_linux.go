package anchor

import (
	"os"
	"syscall"
)

const (
	fdDir     = "/proc/self/fd"
	sendFlags = syscall.MSG_NOSIGNAL | syscall.MSG_DONTWAIT
)

// adoptOrphans makes this process the parent of every descendant whose own parent dies.
func adoptOrphans() error {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER; x/sys/unix would bring reflect along
	if _, _, e := syscall.Syscall6(syscall.SYS_PRCTL, setChildSubreaper, 1, 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// setTitle sets the name that ps and top show, which by default is that of the symbolic link it was started by.
func setTitle(title string) {
	_ = os.WriteFile("/proc/self/comm", []byte(title), 0)
}

// reap takes the status of all children that are dead. The anchor is the only one in this process who waits.
func reap(_ int, dead func(pid int, status syscall.WaitStatus)) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || pid <= 0:
			return
		default:
			dead(pid, status)
		}
	}
}

// socketPair makes the control socket: messages have borders, and an end.
func socketPair() (ours, theirs int, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, err
	}
	return fds[0], fds[1], syscall.SetNonblock(fds[0], true)
}
