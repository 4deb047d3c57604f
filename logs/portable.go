package logs

import (
	"errors"
	"os"
	"sync"
	"time"
)

// portable reads each pipe with a goroutine of its own: for systems without epoll and tee.
//
// Bytes are read before they are written, so a supervisor that is killed in between loses them. The child's end is the
// write end alone: when the supervisor dies, a child that prints gets EPIPE.
type portable struct {
	e    *Engine
	taps sync.Map // *portableTap → struct{}
	wg   sync.WaitGroup
}

func newPortable(e *Engine) (reader, error) { return &portable{e: e}, nil }

func (r *portable) open(p *Pipe) (tap, int, func(), error) {
	in, child, err := os.Pipe()
	if err != nil {
		return nil, -1, nil, err
	}
	t := &portableTap{p: p, in: in}
	t.deadlines = in.SetReadDeadline(time.Time{}) == nil
	r.start(t)
	return t, int(child.Fd()), func() { _ = child.Close() }, nil
}

func (r *portable) start(t *portableTap) {
	r.taps.Store(t, struct{}{})
	r.wg.Add(1)
	go func() { // ends with the pipe, or when stop closes it
		defer r.wg.Done()
		defer r.taps.Delete(t)
		t.run()
	}()
}

func (r *portable) adopt(p *Pipe, fd int, _ bool) (tap, error) {
	in := os.NewFile(uintptr(fd), "pipe")
	t := &portableTap{p: p, in: in}
	t.deadlines = in.SetReadDeadline(time.Time{}) == nil
	r.start(t)
	return t, nil
}

func (t *portableTap) source() int { return -1 }

func (r *portable) stop() error {
	r.taps.Range(func(k, _ any) bool {
		_ = k.(*portableTap).in.Close() // that ends its Read
		return true
	})
	if !r.e.within(&r.wg) {
		return errors.New("stop reading logs: a write hangs")
	}
	return nil
}

// portableTap reads one pipe.
type portableTap struct {
	p         *Pipe
	in        *os.File
	deadlines bool // reads can be interrupted; on Windows they cannot

	mu      sync.Mutex
	flushes []chan struct{}
	budget  int // how much is read before flushes count as complete, if the pipe never falls quiet
	silence int // how often in a row it has been quiet
	pouring bool
	over    bool
	last    time.Time // of the last read
}

// quiet is how long a pipe must give nothing to count as empty.
const quiet = 5 * time.Millisecond

// portableChunk is how much is read at a time; each pipe has a buffer of that size here.
const portableChunk = 64 << 10

func (t *portableTap) flush() <-chan struct{} {
	done := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		close(done)
	case t.deadlines:
		t.flushes = append(t.flushes, done)
		t.budget, t.silence = 4*portableChunk, 0 // more than any pipe holds
		_ = t.in.SetReadDeadline(time.Now().Add(quiet))
	default:
		go func() { // ends when the pipe has been quiet for a while; there is no way to ask it here
			defer close(done)
			for {
				time.Sleep(4 * quiet)
				t.mu.Lock()
				idle := t.over || time.Since(t.last) > 4*quiet
				t.mu.Unlock()
				if idle {
					return
				}
			}
		}()
	}
	return done
}

func (t *portableTap) pour() {
	t.mu.Lock()
	t.pouring = true
	t.mu.Unlock()
}

func (t *portableTap) run() {
	b := &bench{in: make([]byte, portableChunk)}
	held := 0 // b.in[:held] is an unfinished line
	for {
		n, err := t.in.Read(b.in[held:])
		held += n
		idle := errors.Is(err, os.ErrDeadlineExceeded)
		over := err != nil && !idle
		t.mu.Lock()
		t.last = time.Now()
		pouring := t.pouring
		t.mu.Unlock()
		switch {
		case pouring:
			held = 0
		case held > 0:
			take := t.deliver(b, held, idle || over)
			held = copy(b.in, b.in[take:held])
		}
		if t.wait(n, held > 0, idle, over) {
			break
		}
	}
	_ = t.in.Close()
	t.p.e.retire(t.p)
}

// deliver persists b.in[:n], except an unfinished line at its end that may wait.
func (t *portableTap) deliver(b *bench, n int, all bool) (took int) {
	for !t.p.begin(b) {
		time.Sleep(quiet) // another's line, or rotation, or a slow disk
		if t.p.isRetired() {
			return n
		}
	}
	defer t.p.end(b)
	take := n
	if b.byLine && !all && t.deadlines {
		if take = lineEnd(b.in[:n]); take == 0 && n == len(b.in) {
			take = n
		}
	}
	for took < take {
		took += t.p.persist(b, b.in[took:take], nil, 0)
	}
	return took
}

// wait arranges how long the next read may take, and completes flushes when the pipe gave nothing. It reports the end.
func (t *portableTap) wait(n int, held, idle, over bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.budget -= n
	t.silence++
	if !idle {
		t.silence = 0
	}
	if over || t.silence > 1 || t.budget < 0 { // twice: the first may be a deadline that passed while we were not running
		for _, done := range t.flushes {
			close(done)
		}
		t.flushes = nil
	}
	t.over = over
	switch {
	case !t.deadlines || over:
	case len(t.flushes) > 0:
		_ = t.in.SetReadDeadline(time.Now().Add(quiet))
	case held:
		_ = t.in.SetReadDeadline(time.Now().Add(holdPartial))
	default:
		_ = t.in.SetReadDeadline(time.Time{})
	}
	return over
}
