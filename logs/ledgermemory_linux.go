package logs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"weaver/logs/ledger"
)

// sharedMemory is where files are memory: they outlive processes and not the boot, as pipes do, and no disk can refuse them.
const sharedMemory = "/dev/shm/"

// namedMemory opens a ledger that outlives whoever keeps descriptors, too, or makes it.
func namedMemory(name string) (fd int, err error) {
	if name == "" {
		return -1, os.ErrNotExist
	}
	fd, err = unix.Open(sharedMemory+name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err = errors.Join(unix.Fstat(fd, &st), unix.Fstatfs(fd, &fs)); err == nil {
		switch {
		case fs.Type != unix.TMPFS_MAGIC, st.Uid != uint32(os.Geteuid()), st.Mode != unix.S_IFREG|0o600, st.Nlink != 1:
			err = os.ErrPermission // of somebody else, who may have put it there before us
		case st.Size != ledger.Size:
			err = errors.Join(unix.Ftruncate(fd, 0), unix.Fallocate(fd, 0, 0, ledger.Size)) // all of it now: a write must find room
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// RemoveLedger takes the file in memory away, at the end of a supervisor that leaves nothing to a successor.
func RemoveLedger(name string) { _ = unix.Unlink(sharedMemory + name) } // it may never have been

func newMemory() (int, error) {
	fd, err := unix.MemfdCreate("weaver-logs", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if err := unix.Ftruncate(fd, ledger.Size); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// newSpent makes a pipe, and opens both its ends as one.
func newSpent() (int, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return -1, err
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", ends[0]), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, roomMax) // or it takes more turns
	return fd, nil
}
