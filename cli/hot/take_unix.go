//go:build unix

package hot

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"weaver/lock"
)

// lockWait returns how long to wait for locks; negative is not to lock at all. It is not ok if the settings, which only
// the full front end reads, have something to say about it.
func (t *try) lockWait(r request) (wait time.Duration, ok bool) {
	if r.noLock {
		return -1, true
	}
	data, err := readSmall(t.home.Settings())
	if err == syscall.EACCES && t.home.Shared() { // with its owner's locks: the supervisor takes commands one after the other anyway
		return -1, true
	}
	if err != nil || strings.Contains(data, "lock") {
		return 0, false
	}
	text := t.getenv("WEAVER_LOCK_TIMEOUT")
	if text == "" {
		return 10 * time.Second, true
	}
	ms, err := strconv.ParseUint(text, 10, 31)
	return time.Duration(ms) * time.Millisecond, err == nil
}

// readSmall returns the content of a file, "" if there is none. It is an error if it has more than 4 kB.
func readSmall(path string) (string, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err == syscall.ENOENT {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	buf := make([]byte, 4096)
	n, err := syscall.Read(fd, buf)
	if err != nil || n == len(buf) {
		return "", syscall.EFBIG
	}
	return string(buf[:n]), nil
}

// lockError says which app's lock could not be had.
type lockError struct {
	app string
	err error
}

func (e *lockError) Error() string { return "lock " + e.app + ": " + e.err.Error() }
func (e *lockError) Unwrap() error { return e.err }

// lock takes the locks of apps, in the order of their files' names as the full front end does, waiting so long for those
// that are held. It returns those it got also when it fails.
func (t *try) lock(apps []string, wait time.Duration) ([]*lock.Lock, error) {
	if len(apps) == 0 {
		return nil, nil
	}
	files := make([]string, len(apps))
	app := make(map[string]string, len(apps))
	for i, a := range apps {
		files[i] = LockName(a)
		app[files[i]] = a
	}
	slices.Sort(files)
	files = slices.Compact(files)
	line := string(t.persona) + " " + strings.Join(t.argv[1:], " ")
	by := lock.Holder{PID: syscall.Getpid(), Command: line, Since: time.Now()}
	var held []*lock.Lock
	var ctx context.Context // made when somebody has to wait: a timer costs more than a lock
	for _, f := range files {
		path := t.home.Locks() + "/" + f + ".lock"
		l, err := lock.Try(path, by)
		if errors.Is(err, os.ErrNotExist) {
			if err = os.Mkdir(t.home.Locks(), 0o700); err == nil || errors.Is(err, os.ErrExist) {
				l, err = lock.Try(path, by)
			}
		}
		if errors.Is(err, lock.ErrHeld) && wait > 0 {
			if ctx == nil {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(context.Background(), wait)
				defer cancel()
			}
			l, err = lock.Acquire(ctx, path, by)
		}
		if err != nil {
			return held, &lockError{app[f], err}
		}
		held = append(held, l)
	}
	return held, nil
}

// guess takes the locks of apps named like the arguments, if each had a lock before and all are free now; else none.
func (t *try) guess(args []string) []*lock.Lock {
	for _, a := range args {
		// A name that nobody has must not leave a file behind.
		if syscall.Access(t.home.Locks()+"/"+LockName(a)+".lock", 0) != nil {
			return nil
		}
	}
	held, err := t.lock(args, 0)
	if err != nil || len(held) > maxRights {
		release(held)
		return nil
	}
	return held
}

// lockFailed names who holds what we waited for. Any other trouble with locks is for the full front end to word.
func (t *try) lockFailed(err error, wait time.Duration) (code int, handled bool) {
	var failed *lockError
	var held *lock.HeldError
	if !errors.As(err, &held) || !errors.As(err, &failed) {
		return 0, false
	}
	by := "another process"
	if h := held.Holder; h.PID != 0 {
		by = "pid " + strconv.Itoa(h.PID) + " (" + h.Command + ") since " + h.Since.Local().Format("2006-01-02 15:04:05")
	}
	t.complain("lock "+failed.app, "held by "+by+"; waited "+wait.String(),
		"wait for it, or give more time with --lock-timeout MS; weaver lock list shows all")
	return 1, true
}
