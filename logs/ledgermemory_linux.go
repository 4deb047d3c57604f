package logs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"weaver/logs/ledger"
)

// sharedMemory is where files are memory: they outlive processes and not the boot, as pipes do, and no disk can refuse them.
const sharedMemory = "/dev/shm/"

// errTaken says that somebody who lives uses the file in memory: a supervisor of a home by the same path, in another container say.
var errTaken = errors.New("it is in use")

// namedMemory opens a ledger that outlives whoever keeps descriptors, too, or makes it.
func namedMemory(name string) (fd int, err error) {
	if name == "" {
		return -1, os.ErrNotExist
	}
	for {
		fd, err := unix.Open(sharedMemory+name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return -1, err
		}
		st, err := ownMemory(fd)
		if err == nil {
			err = awaitMemory(fd)
		}
		if err == nil && !isNamed(st, name) { // it was a dead one's, and has just been removed
			unix.Close(fd)
			continue
		}
		if err == nil && st.Size != ledger.Size {
			err = errors.Join(unix.Ftruncate(fd, 0), unix.Fallocate(fd, 0, 0, ledger.Size)) // all of it now: a write must find room
		}
		if err != nil {
			unix.Close(fd)
			return -1, err
		}
		return fd, nil
	}
}

// ownMemory refuses what others may have put there before us.
func ownMemory(fd int) (st unix.Stat_t, err error) {
	var fs unix.Statfs_t
	if err = errors.Join(unix.Fstat(fd, &st), unix.Fstatfs(fd, &fs)); err != nil {
		return st, err
	}
	if fs.Type != unix.TMPFS_MAGIC || st.Uid != uint32(os.Geteuid()) || st.Mode != unix.S_IFREG|0o600 || st.Nlink > 1 {
		return st, os.ErrPermission
	}
	return st, nil
}

// holdMemory locks it for as long as anybody has this descriptor, or a copy.
func holdMemory(fd int) error {
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errTaken
	}
	return err
}

// deathTime is how long who was killed may take to let go of what it held: its descriptors are closed one after the other.
const deathTime = time.Second

// awaitMemory is holdMemory that lets the last holder finish dying. Who lives keeps it.
func awaitMemory(fd int) error {
	err := holdMemory(fd)
	for end := time.Now().Add(deathTime); err == errTaken && time.Now().Before(end); err = holdMemory(fd) {
		time.Sleep(time.Millisecond)
	}
	return err
}

func isNamed(st unix.Stat_t, name string) bool {
	var named unix.Stat_t
	return unix.Lstat(sharedMemory+name, &named) == nil && named.Dev == st.Dev && named.Ino == st.Ino
}

// ClearLedgers removes files in memory whose names begin with prefix, which nobody holds, and of which needless says so: those
// of supervisors that have died with their homes. It returns their names without the prefix.
func ClearLedgers(prefix string, needless func(name string) bool) (removed []string) {
	dir, err := os.Open(sharedMemory)
	if err != nil {
		return nil
	}
	names, _ := dir.Readdirnames(-1) // as many as can be told
	dir.Close()
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, prefix); ok && clearLedger(name, func() bool { return needless(rest) }) {
			removed = append(removed, rest)
		}
	}
	return removed
}

func clearLedger(name string, needless func() bool) bool {
	fd, err := unix.Open(sharedMemory+name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	st, err := ownMemory(fd)
	if err != nil || st.Size != ledger.Size || holdMemory(fd) != nil || !isNamed(st, name) || !needless() {
		return false
	}
	return unix.Unlink(sharedMemory+name) == nil // whoever has opened it meanwhile finds it gone when this lock is
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
