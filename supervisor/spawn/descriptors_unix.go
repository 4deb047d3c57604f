//go:build linux || darwin

package spawn

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// freeDescriptors takes up to want descriptors, gives them back, and returns how many there were.
func freeDescriptors(fd, want int) (int, error) {
	taken := make([]int, 0, want)
	defer func() {
		for _, d := range taken {
			unix.Close(d)
		}
	}()
	for len(taken) < want {
		d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return len(taken), err
		}
		taken = append(taken, d)
	}
	return want, nil
}

// keepDescriptorsIn sets close-on-exec on every descriptor from 3 up that is listed in dir.
func keepDescriptorsIn(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd) // one was that of the listing, and is gone
		}
	}
	return nil
}
