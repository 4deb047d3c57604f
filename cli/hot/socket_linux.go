package hot

import (
	"syscall"
	"unsafe"
)

const sendFlags = syscall.MSG_NOSIGNAL

func socket() (int, error) {
	return syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
}

// awaitWritable waits for a descriptor that somebody made non-blocking, as Node does with pipes.
func awaitWritable(fd int) error {
	p := struct {
		fd              int32
		events, revents int16
	}{fd: int32(fd), events: 4} // POLLOUT
	_, _, e := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, 0, 0, 0, 0)
	if e != 0 && e != syscall.EINTR {
		return e
	}
	return nil
}
