//go:build unix

package anchor

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Somebody has removed the home of an anchor that runs, or daemon.lock in it. Its supervisor sees that, makes the home anew and
// takes the lock again (Relock), for both of them. Until then another anchor may come and find the lock free: it looks for the first
// one, and leaves the home to it (yield).

// yieldTime is how long to wait until the supervisor of a home that was removed has made it anew.
const yieldTime = 5 * time.Second

// yield waits until the anchor that was here first, which does not hold the lock, is reached again; nil if it is gone. The caller
// does not hold the lock either: that one wants it.
func yield(o Options, first int) error {
	for end := time.Now().Add(yieldTime); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if answers(o.Home + "/weaver.sock") {
			return &heldError{o.Lock, first}
		}
		if otherAnchor(o.Home) == 0 { // it was about to end
			return nil
		}
	}
	return &removedError{o.Home, first}
}

// takeAlone takes the lock of a home that nobody else looks after.
func takeAlone(o Options) (int, error) {
	for {
		lock, err := takeLock(o.Lock, holderCommand(o))
		if err != nil {
			return -1, err
		}
		first := otherAnchor(o.Home)
		if first == 0 {
			return lock, nil
		}
		syscall.Close(lock)
		if err := yield(o, first); err != nil {
			return -1, err
		}
	}
}

// removedError says that somebody looks after a home that he cannot be reached in.
type removedError struct {
	home string
	pid  int
}

func (e *removedError) Error() string {
	pid := strconv.Itoa(e.pid)
	return e.home + " or its lock was removed while its supervisor ran, and pid " + pid + ", which still looks after its services, does not answer; to end them: kill " + pid
}

// answers reports that somebody listens at a socket.
func answers(path string) bool {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	syscall.CloseOnExec(fd)
	if syscall.SetNonblock(fd, true) != nil {
		return false
	}
	err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
	return err == nil || err == syscall.EAGAIN // the latter: many wait
}

// Removed reports that path does not lead to the lock that is held: it is not there, or another is. What cannot be told is no.
func Removed(held int, path string) bool {
	var st syscall.Stat_t
	if syscall.Fstat(held, &st) != nil {
		return false
	}
	switch err := syscall.Lstat(path, &st); err {
	case nil:
		return !same(held, path)
	case syscall.ENOENT, syscall.ENOTDIR:
		return true
	}
	return false
}

// Relock takes the lock at path in place of one whose file was removed. held is true if somebody else has it, and by is the pid of
// that one if it says to be an anchor: front ends have it for an instant.
func Relock(path string) (fd int, held bool, by int, err error) {
	fd, err = takeLock(path, "")
	if _, others := err.(*heldError); !others {
		return fd, false, 0, err
	}
	text, _ := os.ReadFile(path) // what it does not say, it does not
	if strings.Contains(string(text), "\ncommand "+anchorCommand) {
		by = err.(*heldError).pid
	}
	return -1, true, by, nil
}

// relocked takes over the lock that the supervisor has taken again, and makes the log anew.
func (a *anchor) relocked(fds []int) {
	if len(fds) != 1 || !same(fds[0], a.options.Lock) {
		closeAll(fds)
		return
	}
	syscall.Close(a.lock)
	a.lock = fds[0]
	signLock(a.lock, holderCommand(a.options))
	if log, err := openLog(a.options.Log); err == nil {
		syscall.Close(a.log.fd)
		a.log = log
	}
	a.log.print("the home was removed, or its lock: supervisor " + strconv.Itoa(a.sup.pid) + " has made it anew")
}
