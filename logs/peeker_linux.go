package logs

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peeker copies what is in a pipe without taking it out, through a pipe of its own.
type peeker struct {
	bench
	l    *loop
	r, w int // the scratch pipe, empty between calls
}

func newPeeker(l *loop) (*peeker, error) {
	b := &peeker{bench: bench{in: make([]byte, chunk)}, l: l, r: -1, w: -1}
	return b, b.openScratch()
}

func (b *peeker) openScratch() error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	b.r, b.w = ends[0], ends[1]
	_, _ = unix.FcntlInt(uintptr(b.w), unix.F_SETPIPE_SZ, chunk) // or a peek is shorter
	b.in = b.in[:min(cap(b.in), pipeRoom(b.w))]
	return nil
}

func (b *peeker) close() {
	if b.r >= 0 {
		_ = unix.Close(b.r)
		_ = unix.Close(b.w)
		b.r, b.w = -1, -1
	}
}

// probe tries whether tee works here.
func (b *peeker) probe() error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	if _, err := unix.Write(ends[1], []byte("?")); err != nil {
		return fmt.Errorf("write to a pipe: %w", err)
	}
	n, err := b.peek(ends[0])
	if err != nil || n != 1 || b.in[0] != '?' {
		return fmt.Errorf("tee: %d, %w", n, err)
	}
	return nil
}

// peek copies to b.in what is in the pipe fd: EAGAIN when nothing is, 0 at its end.
func (b *peeker) peek(fd int) (int, error) {
	var n int64
	var err error
	for {
		if n, err = unix.Tee(fd, b.w, len(b.in), unix.SPLICE_F_NONBLOCK); err != unix.EINTR {
			break
		}
	}
	if err != nil || n == 0 {
		return 0, err
	}
	got := 0
	for got < int(n) {
		m, err := unix.Read(b.r, b.in[got:n])
		if err == unix.EINTR {
			continue
		}
		if err != nil || m == 0 {
			b.close() // not empty any more: never use it again
			return 0, fmt.Errorf("read back %d bytes of log: %w (%w)", n, err, b.openScratch())
		}
		got += m
	}
	return got, nil
}

// carry persists and consumes what is in a pipe.
func (b *peeker) carry(t *pipeTap) (f finding) {
	f.held = t.waitsSince()
	if !t.p.begin(&b.bench) {
		f.wait = true
		return f
	}
	defer t.p.end(&b.bench)
	n, err := b.peek(t.fd)
	switch {
	case err == unix.EAGAIN:
		t.held = 0
		return finding{empty: true}
	case err != nil:
		if !t.failed {
			t.failed = true
			t.p.e.report("", fmt.Errorf("read log pipe of %s: %w", t.p.o.Name, err))
		}
		return finding{wait: true}
	case n == 0:
		return finding{empty: true, end: true}
	}
	if n >= t.room/2 {
		t.raise()
	}
	take := b.portion(t, n)
	note := t.note(take)
	defer t.l.e.ledger.giveBack(note)
	for f.took < take {
		used := t.p.persist(&b.bench, b.in[f.took:take], note, t.inode)
		if note != nil {
			note.Consume(t.fd, b.l.null, used)
		} else {
			b.consume(t, used)
		}
		f.took += used
	}
	f.more = n > len(b.in)*3/4 // pages are seldom quite full
	f.held = t.waitsSince()
	return f
}

// portion decides how much of the n bytes in b.in to take now: everything, unless lines matter and the last one is not
// finished. Then that one stays in the pipe for a while; if somebody flushes, until the next read, which may find its end.
func (b *peeker) portion(t *pipeTap, n int) int {
	if !b.byLine {
		t.held = 0
		return n
	}
	now := t.l.clock()
	whole := lineEnd(b.in[:n])
	full := n >= min(t.room, len(b.in))/2 // pages are seldom quite full, but half full on average
	tail := n - whole
	switch {
	case tail == 0, t.urgent && whole == 0:
		t.held = 0
		return n
	case whole > 0, t.held == 0 && !full:
		t.held, t.grown, t.tail = now, now, tail
		return whole
	case full:
		t.held = 0
		return max(1, wholeRunes(b.in[:n]))
	case tail > t.tail && now-t.held < int64(holdGrowing): // somebody is at it
		t.grown, t.tail = now, tail
		return 0
	case now-t.grown >= int64(holdPartial):
		t.held = 0
		return n
	default:
		return 0
	}
}

// consume takes n bytes out of the pipe: they are in the files.
func (b *peeker) consume(t *pipeTap, n int) {
	for n > 0 {
		m, err := unix.Splice(t.fd, nil, b.l.null, nil, n, unix.SPLICE_F_NONBLOCK)
		if err == unix.EINTR {
			continue
		}
		if err != nil || m == 0 {
			return // the child has read its own output
		}
		n -= int(m)
	}
}

// pour throws away what is in a pipe.
func (b *peeker) pour(t *pipeTap) (f finding) {
	for range 16 {
		m, err := unix.Splice(t.fd, nil, b.l.null, nil, chunk, unix.SPLICE_F_NONBLOCK)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			f.empty = f.took == 0
			return f
		case err != nil || m == 0:
			return finding{empty: true, end: true}
		}
		f.took += int(m)
	}
	f.more = true
	return f
}

// epollPwait2 is epoll_wait with nanoseconds.
func epollPwait2(epfd int, events []unix.EpollEvent, wait int64) (int, error) {
	ts := unix.NsecToTimespec(wait)
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
