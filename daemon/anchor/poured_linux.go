package anchor

import (
	"strconv"
	"syscall"
	"time"

	"weaver/logs/ledger"
)

// pouredFile is a log to which the anchor appends.
type pouredFile struct {
	path  string
	fd    int // -1 while it is not open
	dev   uint64
	ino   uint64
	retry time.Time
	gap   ledger.Gap
}

// refuses says that it is not to be tried again yet.
func (f *pouredFile) refuses() bool { return !f.retry.IsZero() }

func (f *pouredFile) close() {
	if f.fd >= 0 {
		syscall.Close(f.fd)
		f.fd = -1
	}
}

// open opens the file as the log engine does: a link that somebody has put in its place since is not followed.
func (f *pouredFile) open() error {
	if f.fd >= 0 {
		return nil
	}
	const flags = syscall.O_WRONLY | syscall.O_APPEND | syscall.O_CREAT | syscall.O_CLOEXEC | syscall.O_NOCTTY | syscall.O_NONBLOCK | syscall.O_NOFOLLOW
	fd, err := syscall.Open(f.path, flags, 0o644)
	if err != nil {
		return err
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		syscall.Close(fd)
		if err == nil {
			err = errOther
		}
		return err
	}
	f.fd, f.dev, f.ino = fd, uint64(st.Dev), st.Ino
	return nil
}

// append appends what is missing of out, of which the entry says what is there already. What the disk refuses is lost and
// noted, for a supervisor to tell in the file; until that has room for the note nothing else goes there. If the pipes are a supervisor's
// by the time the disk has answered, the rest is that one's to write or to lose.
func (f *pouredFile) append(p *pourer, e ledger.Entry, out []byte, json bool, now time.Time) {
	m := p.memory
	err := f.ready(m, json, now)
	if err == nil {
		out = out[e.Done(f.dev, f.ino, f.path, out):]
		for len(out) > 0 && err == nil {
			e.Writing(f.dev, f.ino, fileSize(f.fd), len(out))
			var n int
			if n, err = p.write(f.fd, out); n > 0 {
				e.Wrote(n)
				out = out[n:]
			}
			if err == syscall.EINTR {
				err = nil
			}
			if !p.owns() {
				return
			}
		}
	}
	if len(out) == 0 || err == nil {
		return
	}
	if err != errWait {
		f.retry = now.Add(pourRetry)
	}
	f.gap = m.Gap(f.path, true)
	_, cause, _ := f.gap.Lost()
	if n, ok := err.(syscall.Errno); ok {
		cause = n
	}
	f.gap.Lose(len(out), cause, out[len(out)-1] != '\n')
	e.Wrote(len(out)) // it is not to be tried again
}

type fault string

func (f fault) Error() string { return string(f) }

const (
	errWait  = fault("it refused just now")
	errOther = fault("it is no regular file") // a terminal or another process, which only the supervisor has
)

// ready opens the file and tells in it what was lost before.
func (f *pouredFile) ready(m *ledger.Memory, json bool, now time.Time) error {
	if now.Before(f.retry) {
		return errWait
	}
	if f.refuses() { // it may have been moved meanwhile
		f.close()
	}
	if err := f.open(); err != nil {
		return err
	}
	f.gap = m.Gap(f.path, false)
	lost, cause, torn := f.gap.Lost()
	if lost == 0 {
		f.gap.Told()
		f.retry = time.Time{}
		return nil
	}
	if json || torn { // not for us to word, or to go on within a line
		return errWait
	}
	mark := []byte("\n[weaver] " + strconv.FormatInt(lost, 10) + " bytes of output were lost: " + cause.Error() + "\n")
	size := fileSize(f.fd)
	if f.endsLine(size) {
		mark = mark[1:]
	}
	if n, err := syscall.Write(f.fd, mark); err != nil || n < len(mark) {
		if n > 0 && fileSize(f.fd) == size+int64(n) {
			_ = syscall.Ftruncate(f.fd, size) // half a marker is worse than none
		}
		if err == nil {
			err = syscall.ENOSPC
		}
		return err
	}
	f.gap.Told()
	f.retry = time.Time{}
	return nil
}

// endsLine says that the file ends with a line.
func (f *pouredFile) endsLine(size int64) bool {
	fd, err := syscall.Open(f.path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0)
	if err != nil || size == 0 {
		return true
	}
	defer syscall.Close(fd)
	var last [1]byte
	n, err := syscall.Pread(fd, last[:], size-1)
	return err == nil && n == 1 && last[0] == '\n'
}
