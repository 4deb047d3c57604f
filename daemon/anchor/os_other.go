//go:build unix && !linux

package anchor

import (
	"errors"
	"os"
	"syscall"
)

const (
	fdDir        = "/dev/fd"
	sendFlags    = 0 // the socket does not block, and the Go runtime ignores SIGPIPE for it
	receiveFlags = 0
)

// adoptOrphans cannot be done here: what a dead supervisor leaves behind belongs to init.
func adoptOrphans() error {
	return errors.New("this system has no subreapers: services of a supervisor that dies belong to init")
}

func setTitle(string) {}

// ownExecutable: what runs here cannot be opened.
func ownExecutable() int { return -1 }

// isStopped: nobody tells here, without waiting for it.
func isStopped(int) bool { return false }

// exePath: a descriptor cannot be run here.
func exePath() string { return "" }

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

// memoryFile makes a file without a name, close-on-exec.
func memoryFile(name string) (int, error) { return namelessFile(os.TempDir(), name) }
