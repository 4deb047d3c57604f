package nodeipc

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// peer is what the exchange watches: a channel, or a listener whose connections are passed on.
type peer interface {
	// ready is called when something happened. With more it is called again, after the others.
	ready(x *Exchange, events uint32) (more bool)
	// drop gives its descriptor back, at the end of the exchange.
	drop()
}

// Exchange serves the channels of all children: one epoll set, whose own descriptor sits in Go's poller, so that the one
// goroutine that waits holds no thread.
type Exchange struct {
	file *os.File // the epoll set; closing it ends the goroutine
	conn syscall.RawConn
	done chan struct{}

	mu     sync.Mutex
	next   uint64
	peers  map[uint64]peer
	closed bool

	// Of the goroutine.
	buf    []byte // the peek window
	rights []byte // what comes with data
	behind []peer // those with more to read
	floods []*Channel
	due    time.Time // when those are looked at
}

// New returns an exchange without channels; Close ends it.
func New() (*Exchange, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	// epoll_create1 knows no O_NONBLOCK, and os.NewFile polls only what has it.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	x := &Exchange{file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}), peers: map[uint64]peer{}}
	if x.conn, err = x.file.SyscallConn(); err != nil {
		x.file.Close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	go x.serve() // until Close
	return x, nil
}

// Close ends the serving. Descriptors are closed, channels are not: who has a copy goes on.
func (x *Exchange) Close() error {
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return nil
	}
	x.closed = true
	x.mu.Unlock()
	err := x.file.Close()
	<-x.done
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.peers {
		p.drop()
	}
	x.peers = nil
	return err
}

func (x *Exchange) serve() {
	defer close(x.done)
	events := make([]unix.EpollEvent, 64)
	for {
		n := 0
		wait := func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0) // EINTR: n is -1, asked again
			return n != 0
		}
		var err error
		if len(x.behind) > 0 {
			err = x.conn.Control(func(fd uintptr) { wait(fd) })
		} else {
			err = x.conn.Read(wait)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			n, err = 0, nil // the clock
		}
		if err != nil {
			return // closed
		}
		behind := x.behind
		x.behind = nil
		for _, e := range events[:max(n, 0)] {
			if p := x.peer(&e); p != nil {
				x.turn(p, e.Events)
			}
		}
		for _, p := range behind {
			x.turn(p, 0)
		}
		x.clock()
	}
}

func (x *Exchange) turn(p peer, events uint32) {
	if x.buf == nil { // a supervisor without children needs none
		x.buf, x.rights = make([]byte, window), make([]byte, unix.CmsgSpace(253*4))
	}
	if p.ready(x, events) {
		x.behind = append(x.behind, p)
	}
}

func (x *Exchange) peer(e *unix.EpollEvent) peer {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.peers[token(e)]
}

// watch has p told of events on fd.
func (x *Exchange) watch(fd int, events uint32, p peer) (id uint64, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return 0, ErrClosed
	}
	x.next++
	id = x.next
	if err := x.control(unix.EPOLL_CTL_ADD, fd, events, id); err != nil {
		return 0, err
	}
	x.peers[id] = p
	return id, nil
}

// rearm changes which events p is told of.
func (x *Exchange) rearm(fd int, events uint32, id uint64) error {
	return x.control(unix.EPOLL_CTL_MOD, fd, events, id)
}

// forget ends what watch began. The descriptor is still the caller's.
func (x *Exchange) forget(fd int, id uint64) {
	x.mu.Lock()
	delete(x.peers, id)
	x.mu.Unlock()
	_ = x.control(unix.EPOLL_CTL_DEL, fd, 0, id) // it may be closed
}

func (x *Exchange) control(op, fd int, events uint32, id uint64) error {
	e := unix.EpollEvent{Events: events}
	setToken(&e, id)
	var err error
	closed := x.conn.Control(func(set uintptr) { err = unix.EpollCtl(int(set), op, fd, &e) })
	if err = errors.Join(closed, err); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// An epoll event carries 64 bits for its owner, which x/sys splits in two.
func setToken(e *unix.EpollEvent, id uint64) { e.Fd, e.Pad = int32(uint32(id)), int32(uint32(id>>32)) }

func token(e *unix.EpollEvent) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }
