//go:build unix && !linux

package hot

import (
	"syscall"
	"time"
)

const sendFlags = 0 // the Go runtime ignores SIGPIPE for sockets

func socket() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

// awaitWritable waits for a descriptor that somebody made non-blocking, as Node does with pipes. There is no poll in
// this system's syscall package.
func awaitWritable(int) error {
	time.Sleep(time.Millisecond)
	return nil
}
