//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"weaver/daemon/anchor"
)

func inheritStore() (map[string]int, error) { return anchor.InheritStore() }

// identify tells what a descriptor leads to.
func identify(fd int) (held, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return held{}, fmt.Errorf("stat: %w", err)
	}
	return held{fd, uint64(st.Dev), uint64(st.Ino)}, nil
}

// sendRights sends a message with descriptors, waiting so long for room.
func sendRights(file *os.File, text string, fds []int, patience time.Duration) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("tell the anchor: %w", err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = anchor.SendMessage(int(fd), text, fds) }); err != nil {
		return fmt.Errorf("tell the anchor: %w", err)
	}
	for deadline := time.Now().Add(patience); full(failed) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // its reader never waits for us: it is slow, or stopped
		if err := raw.Control(func(fd uintptr) { failed = anchor.SendMessage(int(fd), text, fds) }); err != nil {
			return fmt.Errorf("tell the anchor: %w", err)
		}
	}
	return failed
}

// full says that there is no room now: in the socket, in the kernel's memory, or for more descriptors under way.
func full(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ETOOMANYREFS)
}
