package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"weaver/app"
)

// Dest is a file that a pipe writes to.
type Dest struct {
	Path     string // absolute; "/dev/null", "NULL" and "" store nothing
	Rotation Rotation
}

// PipeOptions say whose output a pipe takes and where it goes.
type PipeOptions struct {
	ID              app.ID
	Name, Namespace string
	Stream          app.Stream
	Dests           []Dest // each gets everything: the stream's own file, the combined file
	Format          app.LogFormat
	DateFormat      string // dayjs tokens; "" puts no date before lines
	// Disabled makes the files, empty, and gives the child a descriptor that leads nowhere.
	Disabled bool
	// Retired is called once, when nothing comes any more. It must not block, nor call the engine.
	Retired func()
}

// origin is whose output it is.
type origin struct {
	ID              app.ID
	Name, Namespace string
	Stream          app.Stream
}

// Pipe takes one stream of one process.
type Pipe struct {
	o       origin
	e       *Engine
	form    *formatter // nil: bytes go through as they are
	tap     tap
	done    chan struct{}
	retired sync.Once
	onEnd   func()

	nowhere bool // Disabled
	childMu sync.Mutex
	fd      int // the child's end; -1 once closed
	closeFD func()

	dests []*destination // guarded by e.mu; nil once retired

	followers []*follower // those who want this pipe, as of version seen; the reader's own
	seen      uint64
}

// openNowhere gives the child the null device.
func (p *Pipe) openNowhere() error {
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the output of %s: %w", p.o.Name, err)
	}
	p.fd, p.closeFD = int(f.Fd()), func() { _ = f.Close() }
	return nil
}

// ErrClosed is what an engine says that has been closed.
var ErrClosed = errors.New("the log engine is closed")

// Pipe makes a pipe for a child and opens its files. Errors name the path.
func (e *Engine) Pipe(o PipeOptions) (*Pipe, error) { return e.pipe(o, -1) }

// Adopt goes on with a pipe that a former supervisor made, from its read end, which is the engine's unless there is an error.
// What is in the pipe comes first.
func (e *Engine) Adopt(o PipeOptions, fd int) (*Pipe, error) { return e.pipe(o, fd) }

// pipe opens the files and then the pipe, or the one whose read end source is.
func (e *Engine) pipe(o PipeOptions, source int) (*Pipe, error) {
	p := &Pipe{onEnd: o.Retired, o: origin{o.ID, o.Name, o.Namespace, o.Stream}, nowhere: o.Disabled, e: e, form: newFormatter(&o), done: make(chan struct{}), fd: -1}
	json := p.form != nil && p.form.json
	for _, d := range o.Dests {
		if isNowhere(d.Path) {
			continue
		}
		if !filepath.IsAbs(d.Path) {
			p.abandon()
			return nil, fmt.Errorf("open log %s: not an absolute path", d.Path)
		}
		s, err := e.acquire(d, json)
		if isRefusal(err) {
			s, err = e.acquireRefused(d, json, err), nil
		}
		if err != nil {
			p.abandon()
			return nil, err
		}
		p.dests = append(p.dests, &destination{Dest: d, json: json, sink: s})
	}
	if o.Disabled {
		p.abandon()
		if err := p.openNowhere(); err != nil {
			return nil, err
		}
		return p, nil
	}
	var err error
	if source >= 0 {
		lent := e.ledger.lendsFrom(source)
		if !lent {
			p.resume(source)
		}
		p.tap, err = e.reader.adopt(p, source, lent)
	} else {
		p.tap, p.fd, p.closeFD, err = e.reader.open(p)
	}
	if err != nil {
		p.abandon()
		return nil, fmt.Errorf("open log pipe of %s: %w", o.Name, err)
	}
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.pipes[p] = struct{}{}
	}
	e.mu.Unlock()
	e.ledger.route(p)
	if closed {
		p.Discard()
		return nil, fmt.Errorf("open log pipe of %s: %w", o.Name, ErrClosed)
	}
	return p, nil
}

// resume does what a former supervisor had begun with the pipe.
func (p *Pipe) resume(source int) {
	p.e.mu.Lock()
	var path string
	if p.form != nil && len(p.dests) > 0 && p.dests[0].sink.users == 1 {
		path = p.dests[0].sink.real
	}
	p.e.mu.Unlock()
	if last, ok := lastByte(path); ok && path != "" {
		p.form.midline = last != '\n'
	}
	if err := p.e.ledger.finishFor(p, source); err != nil {
		p.e.report("", err)
	}
}

// Adopted tells that all pipes of a former supervisor were adopted which there are.
func (e *Engine) Adopted() { e.ledger.settle(e.living) }

// living are the pipes that are open.
func (e *Engine) living() []*Pipe {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*Pipe, 0, len(e.pipes))
	for p := range e.pipes {
		list = append(list, p)
	}
	return list
}

// abandon gives the sinks back.
func (p *Pipe) abandon() {
	p.e.mu.Lock()
	dests := p.dests
	p.dests = nil
	sinks := make([]*sink, len(dests))
	for i, d := range dests {
		sinks[i], d.sink = d.sink, nil
	}
	p.e.mu.Unlock()
	for _, s := range sinks {
		p.e.release(s)
	}
}

// ChildFD returns the child's end, to be its standard output. It is close-on-exec and valid until CloseChild. It belongs
// to the supervisor's user: fchown it for a child that may want to open /dev/stdout anew as somebody else.
func (p *Pipe) ChildFD() int {
	p.childMu.Lock()
	defer p.childMu.Unlock()
	return p.fd
}

// CloseChild closes our copy of the child's end. Call it after the spawn: then the end of the pipe means that nobody in
// the tree holds it any more.
func (p *Pipe) CloseChild() {
	p.childMu.Lock()
	defer p.childMu.Unlock()
	if p.fd < 0 {
		return
	}
	p.closeFD()
	p.fd, p.closeFD = -1, nil
	if p.nowhere {
		p.retired.Do(func() { close(p.done) })
	}
}

// Done is closed when nobody holds the child's end any more and everything is in the files. Of a Disabled pipe only
// CloseChild is known.
func (p *Pipe) Done() <-chan struct{} { return p.done }

// Flush returns when everything that was written before the call is in the files and with the followers.
func (p *Pipe) Flush(ctx context.Context) error {
	if p.nowhere {
		return nil
	}
	select {
	case <-p.tap.flush():
		return nil
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush %s of %s: %w", p.o.Stream, p.o.Name, ctx.Err())
	}
}

// Discard forgets the pipe: nothing of it reaches a file or a follower any more, and Done is closed. Whoever still holds
// the child's end can go on writing, to nowhere: it must neither hang on a full pipe nor be killed by it.
func (p *Pipe) Discard() {
	p.CloseChild()
	if p.nowhere {
		return
	}
	p.e.retire(p)
	p.tap.pour()
}

// retire takes a pipe out of the books and closes Done.
func (e *Engine) retire(p *Pipe) {
	p.retired.Do(func() {
		e.mu.Lock()
		delete(e.pipes, p)
		e.mu.Unlock()
		p.abandon()
		close(p.done)
		if p.onEnd != nil {
			p.onEnd()
		}
	})
}

// Source returns the read end, which belongs to the engine and is valid until Done; -1 if there is none to be had.
func (p *Pipe) Source() int {
	if p.tap == nil {
		return -1
	}
	return p.tap.source()
}

// isRetired says that nothing of the pipe is wanted any more.
func (p *Pipe) isRetired() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// bench is a reader's room to work in.
type bench struct {
	in     []byte
	out    []byte
	sinks  []*sink // locked
	byLine bool    // lines matter for what is being read
}

const (
	// chunk is how much is read at a time.
	chunk = 256 << 10
	// outMax is about how much formatted output is made before it is written.
	outMax = 256 << 10
	// holdPartial is how long an unfinished line waits for its end when lines matter.
	holdPartial = 100 * time.Millisecond
	// holdGrowing is how long it waits while it grows.
	holdGrowing = time.Second
)

// begin locks the pipe's sinks. It returns false, with none locked, when one is busy or reserved for another's line.
func (p *Pipe) begin(b *bench) bool {
	b.sinks, b.byLine = b.sinks[:0], p.form != nil && p.form.json
	p.e.mu.Lock()
	for _, d := range p.dests {
		b.byLine = b.byLine || d.sink.users > 1
		if len(b.sinks) == 0 || d.sink != b.sinks[0] { // the same file twice gets it once
			b.sinks = append(b.sinks, d.sink)
		}
	}
	p.e.mu.Unlock()
	if v := p.e.hub.version.Load(); v != p.seen {
		p.followers, p.seen = p.e.hub.wanting(&p.o), v
	}
	b.byLine = b.byLine || len(p.followers) > 0
	for i, s := range b.sinks {
		locked := s.mu.TryLock()
		if !locked || !s.available(p) {
			if locked {
				s.mu.Unlock()
			}
			b.sinks = b.sinks[:i]
			p.end(b)
			return false
		}
	}
	return true
}

func (p *Pipe) end(b *bench) {
	for i, s := range b.sinks {
		s.mu.Unlock()
		b.sinks[i] = nil
	}
	b.sinks = b.sinks[:0]
}

// persist writes the beginning of in to the sinks, which begin has locked, then to the followers, and returns how much
// that was: not everything when formatting makes much of it. What it returns may be consumed: it is in the files.
//
// What is written is noted in the page of the ledger, if there is one: until it is consumed, a successor finds it there.
func (p *Pipe) persist(b *bench, in []byte, note *page, inode uint64) (used int) {
	now := p.e.now()
	out := in
	used = len(in)
	midline := false
	if p.form != nil {
		midline = p.form.midline
		b.out, used = p.form.append(b.out[:0], in, now, outMax)
		out = b.out
	}
	if note != nil {
		noteOn(note, inode, used, len(out), now, midline, b.sinks)
	}
	for _, s := range b.sinks {
		s.write(p, out, now)
		s.entry = noEntry
	}
	if len(p.followers) > 0 {
		at := placeOf(b.sinks)
		for _, f := range p.followers {
			f.publish(&p.o, in[:used], out, p.form == nil, now, at)
		}
	}
	p.remember(out, now)
	p.e.stats.bytes.Add(int64(used))
	p.e.stats.lines.Add(int64(bytes.Count(in[:used], []byte{'\n'})))
	return used
}

func (p *Pipe) remember(out []byte, now time.Time) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	if p.isRetired() {
		return
	}
	key := ringKey{p.o.ID, p.o.Stream}
	r := p.e.rings[key]
	if r == nil {
		r = &ring{}
		p.e.rings[key] = r
	}
	r.name, r.ns = p.o.Name, p.o.Namespace
	r.add(out, now)
}

// lineEnd returns the length of b's whole lines.
func lineEnd(b []byte) int { return bytes.LastIndexByte(b, '\n') + 1 }
