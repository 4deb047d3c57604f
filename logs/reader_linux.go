package logs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// hotDelay is how long output is gathered before it is read, once the first of it has been. A pipe that stays
	// empty for that long is handed back to epoll.
	hotDelay = 5 * time.Millisecond
	// shortDelay is as short as a sleep is worth it; below, the pipe is read again at once.
	shortDelay = 80 * time.Microsecond
	// stall is how long a write may hang before another thread takes over the other pipes.
	stall = 100 * time.Millisecond
)

// loop reads all pipes with one thread.
//
// Pipes are armed one-shot: a pipe that has been polled normally wakes its reader at every single write, at a cost of
// several times that of carrying the bytes. Between the event and the next arming a pipe is hot: it is read again after a
// delay that adapts to how full it was found. Output after a long silence is taken alone.
//
// Whoever holds turn serves the pipes. When a write hangs (a network file system, a dying disk) the watch gives the turn
// to a fresh goroutine; the old one finishes its write and ends. The hung sink stays locked, so only its own pipes wait.
type loop struct {
	e          *Engine
	epfd, evfd int
	null       int // /dev/null, to which pipes are consumed
	start      time.Time
	done       chan struct{} // closed when the goroutine that holds the turn has ended
	noPwait2   bool          // the kernel is older than 5.11

	// Guarded by e.mu.
	taps   map[int32]*pipeTap
	hot    []*pipeTap
	turn   int
	closed bool
	watch  *time.Timer
	armed  bool // the watch is set

	raised atomic.Int32 // pipes that are enlarged
	began  atomic.Int64 // when the delivery under way began; 0 when none is
	old    sync.WaitGroup
}

// newReader returns the loop, or the portable reader where the kernel lacks tee(2) (some sandboxes).
func newReader(e *Engine) (reader, error) {
	l := &loop{e: e, epfd: -1, evfd: -1, null: -1, start: time.Now(), done: make(chan struct{}), taps: map[int32]*pipeTap{}}
	b, err := newPeeker(l)
	if err == nil {
		err = b.probe()
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		b.close()
		return newPortable(e)
	}
	if err == nil {
		err = l.openAll()
	}
	if err != nil {
		b.close()
		l.closeAll()
		return nil, err
	}
	l.watch = time.AfterFunc(time.Hour, l.takeOver)
	l.watch.Stop()
	go l.run(b, 0) // ends when stop is called, or when it loses the turn
	return l, nil
}

func (l *loop) openAll() (err error) {
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create: %w", err)
	}
	if l.evfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if l.null, err = unix.Open(os.DevNull, unix.O_WRONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(l.evfd)}
	return unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, l.evfd, &ev)
}

func (l *loop) closeAll() {
	for _, fd := range []int{l.epfd, l.evfd, l.null} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// clock is the loop's time in nanoseconds, never 0.
func (l *loop) clock() int64 { return int64(time.Since(l.start)) + 1 }

// wake makes the loop look at its hot pipes.
func (l *loop) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(l.evfd, one[:]) // EAGAIN: it is awake as can be
}

func (l *loop) run(b *peeker, turn int) {
	defer b.close()
	var events [128]unix.EpollEvent
	var due []*pipeTap
	for {
		l.e.mu.Lock()
		if l.turn != turn {
			l.e.mu.Unlock()
			l.old.Done()
			return
		}
		if l.closed {
			l.e.mu.Unlock()
			close(l.done)
			return
		}
		var wait int64
		due, wait = l.collect(due[:0])
		l.e.mu.Unlock()

		mine := true
		for _, t := range due {
			mine = mine && l.serve(b, t, turn)
		}
		if !mine {
			continue
		}
		if len(due) > 0 {
			wait = 0
		}
		n := l.await(events[:], wait)
		l.e.mu.Lock()
		for _, ev := range events[:n] {
			if t := l.taps[ev.Fd]; t != nil {
				t.event(l)
			}
		}
		l.e.mu.Unlock()
	}
}

// collect returns the hot pipes that are due, and how long to wait for the next. Call it with e.mu held.
func (l *loop) collect(due []*pipeTap) (_ []*pipeTap, wait int64) {
	now := l.clock()
	wait = -1
	for _, t := range l.hot {
		switch {
		case t.busy:
		case t.due <= now+int64(shortDelay/2): // not worth a sleep
			due = append(due, t)
		case wait < 0 || t.due-now < wait:
			wait = t.due - now
		}
	}
	if len(due) > 0 && !l.armed {
		l.armed = true
		l.watch.Reset(stall)
	}
	return due, wait
}

// serve reads one pipe. It returns false when the turn was lost meanwhile.
func (l *loop) serve(b *peeker, t *pipeTap, turn int) bool {
	l.e.mu.Lock()
	if l.turn != turn {
		l.e.mu.Unlock()
		return false
	}
	if t.closed || t.busy {
		l.e.mu.Unlock()
		return true
	}
	t.busy = true
	t.measure()
	pour := t.pouring
	l.began.Store(l.clock())
	l.e.mu.Unlock()

	var found finding
	if pour {
		found = b.pour(t)
	} else {
		found = b.carry(t)
	}

	l.e.mu.Lock()
	mine := l.turn == turn
	if mine {
		l.began.Store(0)
	}
	t.busy = false
	flushed := t.settle(l, found)
	l.e.mu.Unlock()
	for _, ch := range flushed {
		close(ch)
	}
	if found.end {
		l.e.retire(t.p)
	}
	if !mine {
		l.wake() // the tap was invisible to whoever has the turn
	}
	return mine
}

// takeOver is the watch: it looks whether a delivery hangs.
func (l *loop) takeOver() {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	l.armed = false
	if l.closed || len(l.hot) == 0 {
		return
	}
	began := l.began.Load()
	if began != 0 && time.Duration(l.clock()-began) >= stall {
		if b, err := newPeeker(l); err == nil { // else the write must end by itself
			l.turn++
			l.began.Store(0)
			l.e.stats.stalls.Add(1)
			l.old.Add(1) // the one that hangs
			go l.run(b, l.turn)
		}
	}
	l.armed = true
	l.watch.Reset(stall)
}

// await sleeps until an event, or for wait nanoseconds; for ever if negative.
func (l *loop) await(events []unix.EpollEvent, wait int64) int {
	var n int
	var err error
	if wait > 0 && !l.noPwait2 {
		n, err = epollPwait2(l.epfd, events, wait)
		if err == unix.ENOSYS || err == unix.EPERM {
			l.noPwait2 = true
			return 0
		}
	} else {
		ms := -1
		if wait >= 0 {
			ms = int((wait + int64(time.Millisecond) - 1) / int64(time.Millisecond))
		}
		n, err = unix.EpollWait(l.epfd, events, ms)
	}
	if err != nil {
		return 0 // EINTR
	}
	return n
}

// open makes a pipe whose child's end can also be read: whatever becomes of us, the child gets no EPIPE.
func (l *loop) open(p *Pipe) (tap, int, func(), error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, -1, nil, fmt.Errorf("pipe: %w", err)
	}
	r, w := ends[0], ends[1]
	child, err := openRetry(fmt.Sprintf("/proc/self/fd/%d", r), unix.O_RDWR|unix.O_CLOEXEC)
	_ = unix.Close(w)
	if err != nil {
		_ = unix.Close(r)
		return nil, -1, nil, fmt.Errorf("open /proc/self/fd/%d (is /proc mounted?): %w", r, err)
	}
	t, err := l.add(p, r, false)
	if err != nil {
		_ = unix.Close(r)
		_ = unix.Close(child)
		return nil, -1, nil, err
	}
	return t, child, func() { _ = unix.Close(child) }, nil
}

// adopt goes on with a pipe that is there. Its other ends are in other processes.
func (l *loop) adopt(p *Pipe, fd int, lent bool) (tap, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("fcntl: %w", err)
	}
	return l.add(p, fd, lent)
}

// add begins to read a pipe, or when it is not lent any more.
func (l *loop) add(p *Pipe, r int, lent bool) (tap, error) {
	t := &pipeTap{p: p, l: l, fd: r, inode: inodeOfPipe(r), room: pipeRoom(r), busy: lent}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(r)}
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, r, &ev); err != nil {
		return nil, err
	}
	l.taps[int32(r)] = t
	if lent {
		l.old.Add(1)
		go l.awaitReturn(t) // ends when it is not lent any more, or with the engine
	}
	return t, nil
}

// returnLook is how often it is looked whether a pipe is lent.
const returnLook = 10 * time.Millisecond

// awaitReturn goes on with a pipe that is lent when it is not any more.
func (l *loop) awaitReturn(t *pipeTap) {
	defer l.old.Done()
	for l.e.ledger.lends(t.inode) {
		l.e.mu.Lock()
		closed := l.closed
		l.e.mu.Unlock()
		if closed {
			return
		}
		time.Sleep(returnLook)
	}
	t.p.resume(t.fd)
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	t.busy = false
	t.heat(l, l.clock())
	l.wake()
}

func (l *loop) stop() error {
	l.e.mu.Lock()
	l.closed = true
	l.watch.Stop()
	taps := make([]*pipeTap, 0, len(l.taps))
	for _, t := range l.taps {
		taps = append(taps, t)
	}
	l.e.mu.Unlock()
	l.wake()
	ended := make(chan struct{})
	go func() { // ends with the last of the goroutines that hang, if they ever do
		<-l.done
		l.old.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(l.e.patience):
		return fmt.Errorf("stop reading logs: a write hangs")
	}
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	for _, t := range taps {
		if !t.closed {
			t.closed = true
			_ = unix.Close(t.fd)
		}
	}
	l.taps, l.hot = nil, nil
	l.closeAll()
	return nil
}

// forget closes a tap. Call it with e.mu held.
func (l *loop) forget(t *pipeTap) {
	t.closed = true
	t.cool(l)
	if t.raised {
		l.raised.Add(-1)
	}
	delete(l.taps, int32(t.fd))
	_ = unix.Close(t.fd) // that also takes it out of epoll
}

// without removes t from the hot list.
func (l *loop) without(t *pipeTap) {
	if i := slices.Index(l.hot, t); i >= 0 {
		l.hot = slices.Delete(l.hot, i, i+1)
	}
}
