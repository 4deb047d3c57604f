package logs

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ledger is a note, in memory that outlives this process, of what is just on its way from a pipe into files. Without it a
// death in between makes the next supervisor write some bytes again; with it every byte is in the files once.
//
// It has two pages, for two deliveries at a time (one may hang). Each knows where in which file a write began, and has a
// pipe into which the bytes go that were written: what a dead supervisor had consumed is what is in there.
type Ledger struct {
	mem   []byte
	pages [ledgerPages]page
	mu    sync.Mutex
	used  [ledgerPages]bool
}

const (
	ledgerPages = 2
	pageWords   = 64
	ledgerSize  = 4096
	// maxSinks is to how many files a pipe writes at most.
	maxSinks = 4
)

// The words of a page.
const (
	wordState = iota
	wordInode // the pipe
	wordUsed  // bytes of it that are on their way
	wordNext  // bytes still to be consumed, once the spent pipe does not count
	wordNow   // the time that was put into the lines
	wordMidline
	wordLength // of what is being written
	wordSinks  // entryWords each
)

// The words of an entry, one for each file.
const (
	entryDev = iota
	entryIno
	entryDone   // bytes that are in files for good, or lost for good
	entryOffset // where the write under way began
	entrySize   // and how much it is; 0 is none
	entryBase   // entryDone when it began: another one means that it is over
	entryWords
)

// The states of a page.
const (
	pageIdle      = 0
	pageWriting   = 1 // nothing is consumed yet
	pageConsuming = 2 // what is in the spent pipe is consumed, of wordUsed
	pageEmptying  = 3 // wordNext is left to consume; what is in the spent pipe counts no more
)

// page is one delivery's part of a ledger.
type page struct {
	words []uint64
	spent int // both ends of a pipe
}

// entry is what a sink notes of its writes; nil notes nothing.
type entry []uint64

// noEntry notes nothing.
var noEntry entry

// The names under which a ledger is kept.
const (
	ledgerName = "memory/logs"
	spentName  = "memory/logs-spent/"
)

// OpenLedger goes on with the ledger of a former supervisor, or makes one. claim returns a descriptor that was kept under a
// name; keep has one kept. name is that of a file in memory for when nobody is left who keeps any; "" is none.
func OpenLedger(claim func(name string) (fd int, ok bool), keep func(name string, fd int) error, name string) (*Ledger, error) {
	l := &Ledger{}
	fd, ok := claim(ledgerName)
	var st unix.Stat_t
	if ok && (unix.Fstat(fd, &st) != nil || st.Size != ledgerSize) {
		unix.Close(fd)
		ok = false
	}
	var err error
	if !ok {
		if fd, err = namedMemory(name); err != nil {
			fd, err = newMemory()
		}
		if err != nil {
			return nil, fmt.Errorf("make a ledger of logs: %w", err)
		}
		if err := keep(ledgerName, fd); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("keep a ledger of logs: %w", err)
		}
	}
	if l.mem, err = unix.Mmap(fd, 0, ledgerSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("map the ledger of logs: %w", err)
	}
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&l.mem[0])), ledgerSize/8)
	for i := range l.pages {
		p := &l.pages[i]
		p.words = words[i*pageWords : (i+1)*pageWords]
		name := fmt.Sprint(spentName, i)
		if p.spent, ok = claim(name); ok {
			continue
		}
		if p.spent, err = newSpent(); err != nil {
			return nil, fmt.Errorf("make a ledger of logs: %w", err)
		}
		if err := keep(name, p.spent); err != nil {
			return nil, fmt.Errorf("keep a ledger of logs: %w", err)
		}
		if p.state() == pageConsuming { // what was consumed is not known any more
			p.set(wordState, pageIdle)
		}
	}
	return l, nil
}

func (p *page) set(word int, n uint64) { atomic.StoreUint64(&p.words[word], n) }
func (p *page) get(word int) uint64    { return atomic.LoadUint64(&p.words[word]) }
func (p *page) state() uint64          { return p.get(wordState) }

func (p *page) entry(i int) entry {
	at := wordSinks + i*entryWords
	return p.words[at : at+entryWords]
}

// take returns a page that is free, or nil: then the delivery is not noted.
func (l *Ledger) take() *page {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.pages {
		if !l.used[i] && l.pages[i].state() == pageIdle {
			l.used[i] = true
			return &l.pages[i]
		}
	}
	return nil
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
		if p := &l.pages[i]; !l.used[i] && p.state() != pageIdle && p.get(wordInode) == inode {
			l.used[i] = true
			return p
		}
	}
	return nil
}

// settle forgets deliveries from pipes that nobody has any more. Call it when all that was left was adopted.
func (l *Ledger) settle() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.pages {
		if p := &l.pages[i]; !l.used[i] {
			p.set(wordState, pageIdle)
			p.empty(-1)
		}
	}
}

// begin notes that used bytes of a pipe are on their way as length bytes.
func (p *page) begin(inode uint64, used, length int, now time.Time, midline bool, sinks []*sink) {
	p.set(wordInode, inode)
	p.set(wordUsed, uint64(used))
	p.set(wordLength, uint64(length))
	p.set(wordNow, uint64(now.UnixNano()))
	p.set(wordMidline, 0)
	if midline {
		p.set(wordMidline, 1)
	}
	for i, s := range sinks {
		if i == maxSinks {
			break
		}
		e := p.entry(i)
		for w := range e {
			atomic.StoreUint64(&e[w], 0)
		}
		s.entry = e
	}
	p.set(wordState, pageWriting)
}

// writing notes a write of n bytes that is about to begin at the end of a file.
func (e entry) writing(key fileKey, offset int64, n int) {
	if e == nil {
		return
	}
	atomic.StoreUint64(&e[entrySize], 0)
	atomic.StoreUint64(&e[entryDev], key.dev)
	atomic.StoreUint64(&e[entryIno], key.ino)
	atomic.StoreUint64(&e[entryOffset], uint64(offset))
	atomic.StoreUint64(&e[entryBase], atomic.LoadUint64(&e[entryDone]))
	atomic.StoreUint64(&e[entrySize], uint64(n))
}

// wrote notes that n more bytes need not be written again.
func (e entry) wrote(n int) {
	if e != nil {
		atomic.AddUint64(&e[entryDone], uint64(n))
	}
}

// inodeOfPipe names a pipe.
func inodeOfPipe(fd int) uint64 {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// consume takes n bytes out of the pipe fd, so that a successor knows how many were if this process dies meanwhile.
func (p *page) consume(fd, null, n int) {
	p.set(wordUsed, uint64(n))
	p.set(wordState, pageConsuming)
	p.finish(fd, null, n)
}

// finish consumes what is left of a delivery: n bytes less what is in the spent pipe.
func (p *page) finish(fd, null, n int) {
	for n > 0 {
		moved := 0
		for moved < n {
			m, err := unix.Splice(fd, nil, p.spent, nil, n-moved, unix.SPLICE_F_NONBLOCK)
			if err == unix.EINTR {
				continue
			}
			if err != nil || m == 0 {
				break
			}
			moved += int(m)
		}
		n -= moved
		p.set(wordNext, uint64(n))
		p.set(wordState, pageEmptying)
		p.empty(null)
		if moved == 0 {
			break // the child has read its own output
		}
		p.set(wordUsed, uint64(n))
		if n > 0 {
			p.set(wordState, pageConsuming)
		}
	}
	p.set(wordState, pageIdle)
}

// empty throws away what is in the spent pipe.
func (p *page) empty(null int) {
	var buf [4096]byte
	for {
		var m int64
		var err error
		if null >= 0 {
			m, err = unix.Splice(p.spent, nil, null, nil, chunk, unix.SPLICE_F_NONBLOCK)
		} else {
			var k int
			k, err = unix.Read(p.spent, buf[:])
			m = int64(k)
		}
		if err == unix.EINTR {
			continue
		}
		if err != nil || m <= 0 {
			return
		}
	}
}

// inSpent is how many bytes the spent pipe holds.
func (p *page) inSpent() int {
	n, err := unix.IoctlGetInt(p.spent, unix.TIOCINQ) // FIONREAD
	if err != nil {
		return 0
	}
	return n
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
	switch pg.state() {
	case pageEmptying:
		pg.empty(null)
		pg.consume(fd, null, int(pg.get(wordNext)))
		return nil
	case pageConsuming:
		left := int(pg.get(wordUsed)) - pg.inSpent()
		pg.set(wordNext, uint64(max(left, 0)))
		pg.set(wordState, pageEmptying)
		pg.empty(null)
		pg.consume(fd, null, max(left, 0))
		return nil
	}
	pg.empty(null)
	return pg.write(p, fd, null)
}

var errChanged = errors.New("the pipe, or how its lines are written, has changed since")

// write finishes a delivery of which nothing was consumed.
func (pg *page) write(p *Pipe, fd, null int) error {
	b := &peeker{bench: bench{in: make([]byte, chunk)}, r: -1, w: -1}
	if err := b.openScratch(); err != nil {
		return err
	}
	defer b.close()
	used := int(pg.get(wordUsed))
	n, err := b.peek(fd)
	if err != nil || n < used {
		pg.set(wordState, pageIdle)
		return fmt.Errorf("go on with the output of %s: %w", p.o.Name, errors.Join(errChanged, err))
	}
	now := time.Unix(0, int64(pg.get(wordNow)))
	out := b.in[:used]
	if f := p.form; f != nil {
		f.midline = pg.get(wordMidline) != 0
		out, _ = f.append(nil, b.in[:used], now, 1<<30)
	}
	if len(out) != int(pg.get(wordLength)) {
		pg.set(wordState, pageIdle)
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
		s.entry = pg.entry(i)
		rest := out[min(s.entry.done(s, out), len(out)):]
		s.write(p, rest, p.e.now())
		s.entry = noEntry
	}
	p.remember(out, now)
	pg.consume(fd, null, used)
	return nil
}

// done returns how many bytes of out are in the sink's file or were, and notes it.
func (e entry) done(s *sink, out []byte) int {
	done, size := int(atomic.LoadUint64(&e[entryDone])), int(atomic.LoadUint64(&e[entrySize]))
	key := fileKey{atomic.LoadUint64(&e[entryDev]), atomic.LoadUint64(&e[entryIno])}
	if base := int(atomic.LoadUint64(&e[entryBase])); size == 0 || base != done || done+size > len(out) {
		return done
	}
	if key == s.key {
		done += written(s.real, int64(atomic.LoadUint64(&e[entryOffset])), out[done:done+size])
	}
	atomic.StoreUint64(&e[entrySize], 0)
	atomic.StoreUint64(&e[entryDone], uint64(done))
	return done
}

// written returns how much of the beginning of want a file has at off, or at its end if others write to it too.
func written(path string, off int64, want []byte) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return 0
	}
	have := make([]byte, len(want))
	n, _ := f.ReadAt(have, off)
	if n > 0 && string(have[:n]) == string(want[:n]) {
		return n
	}
	if at := st.Size() - int64(len(want)); at > off {
		if n, _ := f.ReadAt(have, at); n == len(want) && string(have) == string(want) {
			return n
		}
	}
	return 0
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
