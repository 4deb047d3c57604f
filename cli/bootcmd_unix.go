//go:build unix

package cli

import (
	"net"
	"os"
	"syscall"
)

const terminate = syscall.SIGTERM

// replace turns this process into another program.
func replace(path string, argv, env []string) error { return syscall.Exec(path, argv, env) }

// notify sends a message as sd_notify(3) does.
func notify(socket, text string) error {
	if socket[0] == '@' {
		socket = "\x00" + socket[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(text))
	return err
}

// openDescriptor takes over a descriptor that this process was started with.
func openDescriptor(fd int) (*os.File, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "ready"), nil
}
