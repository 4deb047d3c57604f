package supervisor

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// input writes text into the pipe that a process has as its standard input, which nobody else holds. A pipe that is full
// is an error: nobody waits for a program that does not read.
func input(pid int, text string) error {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/fd/0", unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return fmt.Errorf("open its standard input: %w", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return fmt.Errorf("its standard input is not the pipe that it was given")
	}
	for rest := []byte(text); len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return fmt.Errorf("it does not read its standard input: %d of %d bytes were written", len(text)-len(rest), len(text))
		case err != nil:
			return fmt.Errorf("write to its standard input: %w", err)
		default:
			rest = rest[n:]
		}
	}
	return nil
}
