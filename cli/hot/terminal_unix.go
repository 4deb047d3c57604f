//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package hot

import (
	"syscall"
	"unsafe"
)

// columns asks the terminal behind fd for its width.
func columns(fd int) (cols int, tty bool) {
	var size struct{ rows, cols, x, y uint16 }
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	return int(size.cols), e == 0
}
