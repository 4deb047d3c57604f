package logs

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weaver/app"
)

// Options of an engine. The zero value works.
type Options struct {
	Now func() time.Time // the time in stamps, names and ages; time.Now when nil
	// OnError hears what goes wrong with a file or directory, once per episode. It is called with locks held: it must
	// not block and must not call the engine. Nothing is retried or awaited on its account.
	OnError func(path string, err error)
	// Dir is where TotalBudget counts: rotated files in it, whosever log they were, the oldest deleted first.
	Dir         string
	TotalBudget app.Bytes // DefaultBudget when 0; negative is no limit

	// Ledger makes of every delivery one that a death does not repeat; nil is none.
	Ledger *Ledger

	openFile func(path string, create bool) (out output, st status, real string, err error) // openOutput when nil
	portable bool                                                                           // use the reader for other systems
	patience time.Duration                                                                  // drainPatience when 0
}

// Engine carries the output of all processes to their files. It uses one thread (on Linux; see the package comment).
type Engine struct {
	now      func() time.Time
	start    time.Time
	onError  func(path string, err error)
	openFile func(path string, create bool) (out output, st status, real string, err error)
	patience time.Duration
	ledger   *Ledger
	reader   reader
	hub      hub
	janitor  janitor
	stats    counters

	mu     sync.Mutex
	closed bool
	pipes  map[*Pipe]struct{}
	sinks  map[fileKey]*sink
	rings  map[ringKey]*ring
	tender tender
	// rotations counts those that are complete: whoever has opened a file meanwhile looks again.
	rotations uint64

	closing sync.WaitGroup // sinks that are being closed
}

type ringKey struct {
	id     app.ID
	stream app.Stream
}

// reader moves what is in pipes to Pipe.persist.
type reader interface {
	// open makes the pipe and begins to read it. fd is the child's end.
	open(p *Pipe) (t tap, fd int, closeFD func(), err error)
	// adopt begins to read a pipe that is there, from its read end, which is the reader's from then on unless there is an error. One
	// that is lent is left alone until the ledger says that it is not any more.
	adopt(p *Pipe, fd int, lent bool) (tap, error)
	// stop ends reading and closes what the reader has open. Taps that are still there are closed as they are.
	stop() error
}

// tap is a reader's hold on one pipe.
type tap interface {
	// flush closes the channel when everything that is in the pipe now has been persisted.
	flush() <-chan struct{}
	// pour goes on reading, and throws it away. The pipe has no sinks any more.
	pour()
	// source is the read end; -1 if it is nobody else's business.
	source() int
}

// Stats are totals since the engine was made, and what is open now.
type Stats struct {
	Bytes   int64 // read from pipes
	Lines   int64 // newlines in them
	Dropped int64 // bytes that a disk refused, once per file
	Stalls  int64 // writes that hung so long that another thread took over the other pipes
	Sinks   int   // open files
	Pipes   int
}

type counters struct{ bytes, lines, dropped, stalls atomic.Int64 }

// NewEngine starts an engine. Close it to end its goroutines.
func NewEngine(o Options) (*Engine, error) {
	e := &Engine{
		now: o.Now, start: time.Now(), onError: o.OnError, openFile: o.openFile, patience: o.patience, ledger: o.Ledger,
		pipes: map[*Pipe]struct{}{}, sinks: map[fileKey]*sink{}, rings: map[ringKey]*ring{},
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.openFile == nil {
		e.openFile = openOutput
	}
	if e.patience == 0 {
		e.patience = drainPatience
	}
	e.janitor = janitor{dir: o.Dir, budget: o.TotalBudget, report: e.report}
	if o.TotalBudget == 0 {
		e.janitor.budget = DefaultBudget
	}
	newFor := newReader
	if o.portable {
		newFor = newPortable
	}
	var err error
	if e.reader, err = newFor(e); err != nil {
		return nil, fmt.Errorf("start the log reader: %w", err)
	}
	if o.Dir != "" {
		e.janitor.submit(chore{}) // what an earlier supervisor left may be over the budget
	}
	return e, nil
}

// Close writes what is in the pipes now to the files and closes everything. Children that live on may still write until
// their pipe is full. A disk that hangs is waited for 15 seconds at most.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.tender.stop()
	pipes := make([]*Pipe, 0, len(e.pipes))
	for p := range e.pipes {
		pipes = append(pipes, p)
	}
	e.mu.Unlock()

	patience := time.NewTimer(e.patience)
	defer patience.Stop()
	var errs []error
	for _, p := range pipes {
		p.CloseChild()
		select {
		case <-p.tap.flush():
			continue
		case <-patience.C:
		}
		errs = append(errs, fmt.Errorf("drain the log pipes: %s %s is not done after %s", p.o.Name, p.o.Stream, e.patience))
		break
	}
	errs = append(errs, e.reader.stop())
	for _, p := range pipes {
		e.retire(p)
	}
	e.janitor.stop()
	if !e.within(&e.closing) || !e.within(&e.janitor.idle) {
		errs = append(errs, errors.New("close the log files: a disk hangs"))
	}
	e.hub.close()
	return errors.Join(errs...)
}

// within waits for a group as long as the engine's patience lasts, and says whether it is done.
func (e *Engine) within(wg *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() { // ends with the group
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(e.patience):
		return false
	}
}

// drainPatience bounds how long Close waits for each of: the pipes, the readers, the files.
const drainPatience = 5 * time.Second

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Stats{
		Bytes: e.stats.bytes.Load(), Lines: e.stats.lines.Load(), Dropped: e.stats.dropped.Load(),
		Stalls: e.stats.stalls.Load(), Sinks: len(e.sinks), Pipes: len(e.pipes),
	}
}

// Recent returns the last lines of a stream, at most n and 2 KiB, as they went to its files. They are kept when the
// process ends, until Forget.
func (e *Engine) Recent(id app.ID, s app.Stream, n int) []app.Line {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.rings[ringKey{id, s}]; r != nil {
		return r.lines(id, s, n)
	}
	return nil
}

// Forget drops what Recent keeps of a process.
func (e *Engine) Forget(id app.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.rings, ringKey{id, app.Out})
	delete(e.rings, ringKey{id, app.Err})
}

// Reopen opens the path of every log again: for whoever has renamed the files. All paths are tried; a log whose path
// cannot be opened goes on with the file it has.
func (e *Engine) Reopen() error {
	var errs []error
	for _, d := range e.destinations(func(*destination) bool { return true }) {
		if err := e.rebind(d); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Truncate empties the files at paths, whether they are open or not; a file that does not exist is empty. What children
// have printed before and is still in a pipe comes after.
func (e *Engine) Truncate(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if isNowhere(path) {
			continue
		}
		if err := e.truncate(path); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) truncate(path string) error {
	out, st, _, err := e.openFile(path, false)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("truncate log %s: %w", path, err)
	}
	defer out.Close()
	e.mu.Lock()
	s := e.sinks[st.key]
	if s != nil {
		e.clearRings(s)
	}
	e.mu.Unlock()
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			return s.truncate(e.now())
		}
	}
	if !st.regular {
		return nil
	}
	if err := out.Truncate(0); err != nil {
		return fmt.Errorf("truncate log %s: %w", path, err)
	}
	return nil
}

// clearRings forgets what Recent has of the streams that go to s. Call it with e.mu held.
func (e *Engine) clearRings(s *sink) {
	for p := range e.pipes {
		if slices.ContainsFunc(p.dests, func(d *destination) bool { return d.sink == s }) {
			if r := e.rings[ringKey{p.o.ID, p.o.Stream}]; r != nil {
				r.reset()
			}
		}
	}
}

// Rotate renames the log file at path now and goes on with a new one, returning the old one's new name: "" when there
// was nothing in it. Of a file that no running process writes to, no older rotated file is deleted: its Rotation is not
// known.
func (e *Engine) Rotate(path string) (to string, err error) {
	return e.rotate(Dest{Path: path, Rotation: Rotation{Keep: -1}})
}

func (e *Engine) rotate(d Dest) (to string, err error) {
	if isNowhere(d.Path) {
		return "", nil
	}
	if out, _, _, err := e.openFile(d.Path, false); isGone(err) {
		return "", nil
	} else if err == nil {
		_ = out.Close()
	}
	s, err := e.acquire(d, false)
	if err != nil {
		return "", err
	}
	defer e.release(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rotate(e.now())
}

// uptime does not jump when somebody sets the clock.
func (e *Engine) uptime() instant { return instant(time.Since(e.start)) }

func (e *Engine) report(path string, err error) {
	if e.onError != nil {
		e.onError(path, err)
	}
}

var _ io.Closer = (*Engine)(nil)
