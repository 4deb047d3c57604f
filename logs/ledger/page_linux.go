package ledger

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Page is one delivery's part of a ledger. It knows where in which file a write began, and has a pipe into which the bytes go
// that were written: what a dead supervisor had consumed is what is in there.
type Page struct {
	words []uint64
	Spent int // both ends of a pipe
}

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

// The states of a page.
const (
	Idle      = 0
	Writing   = 1 // nothing is consumed yet
	Consuming = 2 // what is in the spent pipe is consumed, of wordUsed
	Emptying  = 3 // wordNext is left to consume; what is in the spent pipe counts no more
)

func (p Page) set(word int, n uint64) { atomic.StoreUint64(&p.words[word], n) }
func (p Page) get(word int) uint64    { return atomic.LoadUint64(&p.words[word]) }

// State is where the delivery is.
func (p Page) State() uint64 { return p.get(wordState) }

// SetState changes it.
func (p Page) SetState(state uint64) { p.set(wordState, state) }

// Inode is that of the pipe.
func (p Page) Inode() uint64 { return p.get(wordInode) }

// Used is how much of the pipe is on its way, and Length what has become of it.
func (p Page) Used() int { return int(p.get(wordUsed)) }

// Length is how much it is with dates and the like.
func (p Page) Length() int { return int(p.get(wordLength)) }

// Now is the time in the lines, and Midline that the first of them goes on with one.
func (p Page) Now() time.Time { return time.Unix(0, int64(p.get(wordNow))) }

// Midline is told by Begin.
func (p Page) Midline() bool { return p.get(wordMidline) != 0 }

// Begin notes that used bytes of a pipe are on their way as length bytes. entered gives an entry to each file before.
func (p Page) Begin(inode uint64, used, length int, now time.Time, midline bool, entered func(enter func(i int) Entry)) {
	p.set(wordInode, inode)
	p.set(wordUsed, uint64(used))
	p.set(wordLength, uint64(length))
	p.set(wordNow, uint64(now.UnixNano()))
	p.set(wordMidline, 0)
	if midline {
		p.set(wordMidline, 1)
	}
	entered(func(i int) Entry {
		e := p.Entry(i)
		for w := range e {
			atomic.StoreUint64(&e[w], 0)
		}
		return e
	})
	p.set(wordState, Writing)
}

// Entry is that of the i-th file.
func (p Page) Entry(i int) Entry {
	at := wordSinks + i*entryWords
	return p.words[at : at+entryWords]
}

// Consume takes n bytes out of the pipe fd, so that a successor knows how many were if this process dies meanwhile. null is
// the null device.
func (p Page) Consume(fd, null, n int) {
	p.set(wordUsed, uint64(n))
	p.set(wordState, Consuming)
	for n > 0 {
		moved := 0
		for moved < n {
			m, err := syscall.Splice(fd, nil, p.Spent, nil, n-moved, spliceNonblock)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || m == 0 {
				break
			}
			moved += int(m)
		}
		n -= moved
		p.set(wordNext, uint64(n))
		p.set(wordState, Emptying)
		p.Empty(null)
		if moved == 0 {
			break // the child has read its own output
		}
		p.set(wordUsed, uint64(n))
		if n > 0 {
			p.set(wordState, Consuming)
		}
	}
	p.set(wordState, Idle)
}

// Resume finishes a delivery from the pipe fd if everything of it was in the files, and reports whether it did.
func (p Page) Resume(fd, null int) bool {
	var left int
	switch p.State() {
	case Idle:
		return true
	case Emptying:
		p.Empty(null)
		left = int(p.get(wordNext))
	case Consuming:
		left = max(p.Used()-waiting(p.Spent), 0)
		p.set(wordNext, uint64(left))
		p.set(wordState, Emptying)
		p.Empty(null)
	default:
		p.Empty(null)
		return false
	}
	p.Consume(fd, null, left)
	return true
}

const (
	spliceNonblock = 2 // SPLICE_F_NONBLOCK
	gulp           = 256 << 10
)

// Empty throws away what is in the spent pipe. null may be -1.
func (p Page) Empty(null int) {
	var buf [4096]byte
	for {
		var m int64
		var err error
		if null >= 0 {
			var k int64
			k, err = spliceAll(p.Spent, null)
			m = k
		} else {
			var k int
			k, err = syscall.Read(p.Spent, buf[:])
			m = int64(k)
		}
		if err == syscall.EINTR {
			continue
		}
		if err != nil || m <= 0 {
			return
		}
	}
}

func spliceAll(from, to int) (int64, error) {
	n, err := syscall.Splice(from, nil, to, nil, gulp, spliceNonblock)
	return int64(n), err
}

// waiting is how many bytes a pipe holds.
func waiting(fd int) int {
	const fionread = 0x541b
	var n int32
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), fionread, uintptr(unsafe.Pointer(&n))); e != 0 {
		return 0
	}
	return int(n)
}
