package logs

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// roomMax is what the pipe of somebody who prints a lot is enlarged to: twice what is read at a time, so that it
	// fills while the other half is being written. Measured: less costs throughput of large writes, more costs caches.
	roomMax = 2 * chunk
	// raisedMax is how many pipes are enlarged at a time, since all of a user's pipes count against one limit
	// (pipe-user-pages-soft), over which new pipes get only two pages.
	raisedMax = 32
)

// pipeTap is the loop's view of one pipe.
type pipeTap struct {
	p  *Pipe
	l  *loop
	fd int

	inode uint64

	// Guarded by e.mu.
	hot, busy, closed bool
	pouring           bool
	due               int64         // when it is to be read again, if hot
	delay             time.Duration // how long after it was read
	gathered          int           // bytes read since the last delay
	last              int64         // when epoll told of it last
	lonely            bool          // that was long after the time before: there is hardly more to come at once
	flushes           []flushing
	consumed          int64 // bytes, ever

	// Whoever set busy owns these.
	room   int   // bytes that fit, at most
	raised bool  // room was enlarged
	stuck  bool  // it cannot be
	failed bool  // a read error was reported
	urgent bool  // there are flushes: an unfinished line does not wait
	held   int64 // since when an unfinished line waits; 0 when none does
	grown  int64 // when it was last seen to have become longer
	tail   int   // how long it was then
}

// flushing is a Flush under way.
type flushing struct {
	until int64 // done when this much has been consumed; -1 when not known yet
	done  chan struct{}
}

// finding is what came of reading a pipe.
type finding struct {
	took  int  // bytes consumed
	more  bool // there is more than one read takes
	empty bool
	end   bool  // nobody holds the other end
	wait  bool  // a sink was not available
	held  int64 // since when an unfinished line has not grown; 0 when none waits
}

func (t *pipeTap) flush() <-chan struct{} {
	t.l.e.mu.Lock()
	defer t.l.e.mu.Unlock()
	done := make(chan struct{})
	if t.closed || t.pouring {
		close(done)
		return done
	}
	if !t.busy && t.waiting() == 0 {
		close(done)
		return done
	}
	t.flushes = append(t.flushes, flushing{-1, done}) // how much that is can only be known when nobody is at it
	t.heat(t.l, t.l.clock())
	t.l.wake()
	return done
}

// measure notes how far the flushes reach. Call it with e.mu held, when the tap is not busy.
func (t *pipeTap) measure() {
	t.urgent = len(t.flushes) > 0
	if !t.urgent {
		return
	}
	until := t.consumed + int64(t.waiting())
	for i := range t.flushes {
		if t.flushes[i].until < 0 {
			t.flushes[i].until = until
		}
	}
}

// waitsSince is since when an unfinished line has not grown; 0 when none waits.
func (t *pipeTap) waitsSince() int64 {
	if t.held == 0 {
		return 0
	}
	return t.grown
}

// waiting is how many bytes are in the pipe.
func (t *pipeTap) waiting() int {
	n, err := unix.IoctlGetInt(t.fd, unix.TIOCINQ) // FIONREAD
	if err != nil {
		return 0
	}
	return n
}

// note returns a page of the ledger for what is about to be delivered, or nil.
func (t *pipeTap) note(bytes int) *page {
	if t.l.e.ledger == nil || bytes == 0 {
		return nil
	}
	return t.l.e.ledger.take()
}

func (t *pipeTap) source() int { return t.fd }

func (t *pipeTap) pour() {
	t.l.e.mu.Lock()
	defer t.l.e.mu.Unlock()
	if t.closed {
		return
	}
	t.pouring = true
	t.heat(t.l, t.l.clock())
	t.l.wake()
}

// lonelyAfter is how long a pipe must have been silent for its output not to be worth gathering.
const lonelyAfter = 4 * hotDelay

// event notes that epoll has told of the pipe. Call it, heat, cool and settle with e.mu held.
func (t *pipeTap) event(l *loop) {
	now := l.clock()
	t.lonely = now-t.last > int64(lonelyAfter)
	t.last = now
	t.heat(l, now)
}

// heat makes the tap due at a time.
func (t *pipeTap) heat(l *loop, due int64) {
	if t.closed {
		return
	}
	if !t.hot {
		t.hot, t.delay = true, hotDelay
		l.hot = append(l.hot, t)
	}
	t.due = due
}

func (t *pipeTap) cool(l *loop) {
	if t.hot {
		t.hot = false
		l.without(t)
	}
}

// settle decides when to read next, and returns the flushes that are complete.
func (t *pipeTap) settle(l *loop, f finding) (flushed []chan struct{}) {
	now := l.clock()
	t.consumed += int64(f.took)
	kept := t.flushes[:0]
	for _, w := range t.flushes {
		if f.end || t.pouring || w.until >= 0 && (f.empty || t.consumed >= w.until) {
			flushed = append(flushed, w.done)
		} else {
			kept = append(kept, w)
		}
	}
	t.flushes = kept
	if f.end {
		l.forget(t)
		return flushed
	}
	if t.closed {
		return flushed
	}
	switch {
	case f.wait:
		t.due = now + int64(hotDelay)
		return flushed
	case len(t.flushes) > 0:
		t.due = now
		return flushed
	case t.lonely && f.held == 0 && f.took < t.room/8:
		t.rearm(l)
		return flushed
	}
	t.gathered += f.took
	if f.more && t.gathered < t.room {
		t.due = now
		return flushed
	}
	switch {
	case t.gathered >= t.room/3:
		if t.delay /= 2; t.delay < shortDelay {
			t.delay = 0
		}
	case t.gathered < t.room/8:
		if f.empty && t.delay >= hotDelay {
			t.rearm(l)
			return flushed
		}
		t.delay = min(max(2*t.delay, shortDelay), hotDelay)
	}
	t.gathered = 0
	t.due = now + int64(t.delay)
	if f.held != 0 {
		t.due = min(max(t.due, now+int64(shortDelay)), f.held+int64(holdPartial))
	}
	return flushed
}

// rearm hands the pipe back to epoll, which tells if there is something in it by now.
func (t *pipeTap) rearm(l *loop) {
	t.cool(l)
	if t.raised {
		t.lower()
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(t.fd)}
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_MOD, t.fd, &ev); err != nil {
		t.heat(l, l.clock()+int64(hotDelay)) // out of kernel memory: go on polling
	}
}

// raise enlarges the pipe, if it can be. Losing that costs speed only.
func (t *pipeTap) raise() bool {
	if t.raised || t.stuck {
		return false
	}
	if t.l.raised.Add(1) > raisedMax {
		t.l.raised.Add(-1)
		return false
	}
	if _, err := unix.FcntlInt(uintptr(t.fd), unix.F_SETPIPE_SZ, roomMax); err != nil {
		t.stuck = true
		t.l.raised.Add(-1)
		return false
	}
	t.raised, t.room = true, roomMax
	return true
}

// lower makes an empty pipe small again, if nothing has come meanwhile.
func (t *pipeTap) lower() {
	if _, err := unix.FcntlInt(uintptr(t.fd), unix.F_SETPIPE_SZ, roomUsual); err != nil {
		return
	}
	t.raised, t.room = false, roomUsual
	t.l.raised.Add(-1)
}

// roomUsual is Linux's default.
const roomUsual = 64 << 10

func pipeRoom(fd int) int {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return roomUsual
	}
	return n
}
