//go:build unix

package anchor

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// heldError says that another anchor, or the supervisor that one left behind, holds the lock.
type heldError struct {
	path string
	pid  int // who wrote itself in last; 0 if that cannot be read
}

func (e *heldError) Error() string {
	return "another supervisor runs for this home: pid " + strconv.Itoa(e.pid) + " holds " + e.path
}

// takeLock locks the file at path, and writes who did so in the words of package lock. The descriptor stays open for
// life, and supervisors inherit it: the lock belongs to the open file, so it is free when all of them are gone.
func takeLock(path, command string) (int, error) {
	// Front ends take the lock for an instant to see whether it is free, which must not look like a supervisor.
	const attempts = 5
	for attempt := 1; ; attempt++ {
		fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return -1, err
		}
		err = flock(fd)
		switch {
		case err == nil && same(fd, path):
			signLock(fd, command)
			return fd, nil
		case err == nil: // somebody removed the file meanwhile
		case err != syscall.EWOULDBLOCK:
			syscall.Close(fd)
			return -1, err
		case attempt == attempts:
			pid := holder(fd)
			syscall.Close(fd)
			return -1, &heldError{path, pid}
		default:
			time.Sleep(2 * time.Millisecond)
		}
		syscall.Close(fd)
	}
}

// signLock writes into the file who holds it: for people, the lock holds without it.
func signLock(fd int, command string) {
	text := "pid " + strconv.Itoa(os.Getpid()) + "\nsince " +
		time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + "\ncommand " + oneLine(command) + "\n"
	_, _ = syscall.Pwrite(fd, []byte(text), 0)
	_ = syscall.Ftruncate(fd, int64(len(text)))
}

func flock(fd int) error {
	for {
		if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EINTR {
			return err
		}
	}
}

// same reports that path still leads to the open file.
func same(fd int, path string) bool {
	var open, named syscall.Stat_t
	return syscall.Fstat(fd, &open) == nil && syscall.Lstat(path, &named) == nil &&
		open.Dev == named.Dev && open.Ino == named.Ino
}

func holder(fd int) int {
	var room [64]byte
	n, err := syscall.Pread(fd, room[:], 0)
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(room[:n]), "\n")
	text, _ := strings.CutPrefix(line, "pid ")
	pid, err := strconv.Atoi(strings.TrimRight(text, " "))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
