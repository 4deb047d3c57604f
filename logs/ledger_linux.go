package logs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weaver/logs/ledger"
)

type (
	page  = ledger.Page
	entry = ledger.Entry
	gapOf = ledger.Gap
)

const maxSinks = ledger.MaxSinks

// noEntry notes nothing.
var noEntry entry

// Ledger is a note, in memory that outlives this process, of what is just on its way from a pipe into files, of what a disk
// has refused, and of where pipes lead. With it every byte is in the files once, whoever dies.
type Ledger struct {
	memory *ledger.Memory
	pages  [ledger.Pages]page
	mu     sync.Mutex
	used   [ledger.Pages]bool
	keep   func(name string, fd int) error
	routes routeBook
	lent   ledger.Claim // somebody else's yet; none mostly
}

// OpenLedger goes on with the ledger of a former supervisor, or makes one. claim returns a descriptor that was kept under a
// name; keep has one kept. name is that of a file in memory for when nobody is left who keeps any; "" is none.
func OpenLedger(claim func(name string) (fd int, ok bool), keep func(name string, fd int) error, name string) (*Ledger, error) {
	return openLedger(claim, keep, name, ledger.Patience)
}

func openLedger(claim func(name string) (fd int, ok bool), keep func(name string, fd int) error, name string, patience time.Duration) (*Ledger, error) {
	l := &Ledger{keep: keep}
	fd, ok := claim(ledger.MemoryName)
	var st unix.Stat_t
	if ok && (unix.Fstat(fd, &st) != nil || st.Size != ledger.Size) {
		unix.Close(fd)
		ok = false
	}
	var err error
	if ok {
		_ = holdMemory(fd) // it was, unless by one that did not know of this
	} else {
		if fd, err = namedMemory(name); err != nil {
			fd, err = newMemory()
		}
		if err != nil {
			return nil, fmt.Errorf("make a ledger of logs: %w", err)
		}
		if err := keep(ledger.MemoryName, fd); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("keep a ledger of logs: %w", err)
		}
	}
	if l.memory, err = ledger.Map(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if fd, ok := claim(ledger.RoutesName); ok { // the anchor's copy stays until there is another
		unix.Close(fd)
	}
	l.memory.Await(patience) // the anchor carries output while there is no supervisor
	l.lent, _ = l.memory.Claimed()
	for i := range l.pages {
		name := ledger.SpentName + strconv.Itoa(i)
		spent, ok := claim(name)
		if !ok {
			if spent, err = newSpent(); err != nil {
				return nil, fmt.Errorf("make a ledger of logs: %w", err)
			}
			if err := keep(name, spent); err != nil {
				return nil, fmt.Errorf("keep a ledger of logs: %w", err)
			}
		}
		p := l.memory.Page(i, spent)
		if !ok && p.State() == ledger.Consuming { // what was consumed is not known any more
			p.SetState(ledger.Idle)
		}
		l.pages[i] = p
	}
	return l, nil
}

// take returns a page that is free; without one the delivery is not noted.
func (l *Ledger) take() *page {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.pages {
		if !l.used[i] && !l.uses(i) && l.pages[i].State() == ledger.Idle {
			l.used[i] = true
			return &l.pages[i]
		}
	}
	return nil
}

// uses reports that a page is somebody else's yet. Call it with mu held.
func (l *Ledger) uses(page int) bool {
	if l.lent.Pipe != 0 && !l.memory.Claims(l.lent) {
		l.lent = ledger.Claim{}
	}
	return l.lent.Uses(page)
}

// lends reports that somebody else, who hangs, may yet be about what is in a pipe.
func (l *Ledger) lends(inode uint64) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if inode == 0 || l.lent.Pipe != inode {
		return false
	}
	if _, yes := l.memory.Claimed(); yes && l.memory.Claims(l.lent) {
		return true
	}
	l.lent = ledger.Claim{}
	return false
}

func (l *Ledger) giveBack(p *page) {
	if p == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.pages {
		if &l.pages[i] == p {
			l.used[i] = false
		}
	}
}

// pending returns the page of a delivery from that pipe that was not finished.
func (l *Ledger) pending(inode uint64) *page {
	if l == nil || inode == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.pages {
		if p := &l.pages[i]; !l.used[i] && p.State() != ledger.Idle && p.Inode() == inode {
			l.used[i] = true
			return p
		}
	}
	return nil
}

// settle forgets deliveries from pipes that nobody has any more. Call it when all that was left was adopted: living.
func (l *Ledger) settle(living func() []*Pipe) {
	if l == nil {
		return
	}
	l.routes.begin(l.keep, living)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.pages {
		if p := &l.pages[i]; !l.used[i] && !l.uses(i) && (l.lent.Pipe == 0 || p.Inode() != l.lent.Pipe) {
			p.SetState(ledger.Idle)
			p.Empty(-1)
		}
	}
}

// noteOn begins a page about a delivery to sinks.
func noteOn(p *page, inode uint64, used, length int, now time.Time, midline bool, sinks []*sink) {
	p.Begin(inode, used, length, now, midline, func(enter func(int) entry) {
		for i, s := range sinks[:min(len(sinks), maxSinks)] {
			s.entry = enter(i)
		}
	})
}

// noteWrite notes a write of n bytes that is about to begin at the end of a file.
func noteWrite(e entry, key fileKey, offset int64, n int) { e.Writing(key.dev, key.ino, offset, n) }

// gap returns what is noted of losses in the file at path; if nothing is, then place for it when make says so. nil: there is
// none.
func (l *Ledger) gap(path string, make bool) gapOf {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory.Gap(path, make)
}

// lendsFrom is lends of the pipe that fd leads to.
func (l *Ledger) lendsFrom(fd int) bool { return l != nil && l.lends(inodeOfPipe(fd)) }

// inodeOfPipe names a pipe.
func inodeOfPipe(fd int) uint64 {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// finishFor does what a dead supervisor had begun to do with a pipe: it writes what is not in the files yet, and consumes
// what is.
func (l *Ledger) finishFor(p *Pipe, fd int) error {
	pg := l.pending(inodeOfPipe(fd))
	if pg == nil {
		return nil
	}
	defer l.giveBack(pg)
	null, err := unix.Open(os.DevNull, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer unix.Close(null)
	if pg.Resume(fd, null) {
		return nil
	}
	return finishWriting(pg, p, fd, null)
}

var errChanged = errors.New("the pipe, or how its lines are written, has changed since")

// finishWriting finishes a delivery of which nothing was consumed.
func finishWriting(pg *page, p *Pipe, fd, null int) error {
	b := &peeker{bench: bench{in: make([]byte, chunk)}, r: -1, w: -1}
	if err := b.openScratch(); err != nil {
		return err
	}
	defer b.close()
	used := pg.Used()
	n, err := b.peek(fd)
	if err != nil || n < used {
		pg.SetState(ledger.Idle)
		return fmt.Errorf("go on with the output of %s: %w", p.o.Name, errors.Join(errChanged, err))
	}
	now := pg.Now()
	out := b.in[:used]
	if f := p.form; f != nil {
		f.midline = pg.Midline()
		if out, _ = f.append(nil, b.in[:used], now, 1<<30); len(out) != used && pg.Length() == used {
			out = b.in[:used] // it was the anchor, which puts nothing around lines
		}
	}
	if len(out) != pg.Length() {
		pg.SetState(ledger.Idle)
		return fmt.Errorf("go on with the output of %s: %w", p.o.Name, errChanged)
	}
	for !p.begin(&b.bench) {
		time.Sleep(time.Millisecond) // somebody else's line, which is soon over
	}
	defer p.end(&b.bench)
	for i, s := range b.sinks {
		if i == maxSinks {
			break
		}
		s.entry = pg.Entry(i)
		rest := out[s.entry.Done(s.key.dev, s.key.ino, s.real, out):]
		s.write(p, rest, p.e.now())
		s.entry = noEntry
	}
	p.remember(out, now)
	pg.Consume(fd, null, used)
	return nil
}

// lastByte returns the last byte of the file at path; false if there is none.
func lastByte(path string) (byte, bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() == 0 {
		return 0, false
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], st.Size()-1)
	return b[0], err == nil
}
