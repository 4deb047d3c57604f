package ledger

import (
	"os"
	"sync/atomic"
)

// Entry is what is noted of the writes to one file; nil notes nothing.
type Entry []uint64

// The words of an entry.
const (
	entryDev = iota
	entryIno
	entryDone   // bytes that are in files for good, or lost for good
	entryOffset // where the write under way began
	entrySize   // and how much it is; 0 is none
	entryBase   // entryDone when it began: another one means that it is over
	entryWords
)

// Writing notes a write of n bytes that is about to begin at the end of a file.
func (e Entry) Writing(dev, ino uint64, offset int64, n int) {
	if e == nil {
		return
	}
	atomic.StoreUint64(&e[entrySize], 0)
	atomic.StoreUint64(&e[entryDev], dev)
	atomic.StoreUint64(&e[entryIno], ino)
	atomic.StoreUint64(&e[entryOffset], uint64(offset))
	atomic.StoreUint64(&e[entryBase], atomic.LoadUint64(&e[entryDone]))
	atomic.StoreUint64(&e[entrySize], uint64(n))
}

// Wrote notes that n more bytes need not be written again.
func (e Entry) Wrote(n int) {
	if e != nil {
		atomic.AddUint64(&e[entryDone], uint64(n))
	}
}

// Begun says that some of the delivery may be in the file.
func (e Entry) Begun() bool {
	return atomic.LoadUint64(&e[entryDone]) > 0 || atomic.LoadUint64(&e[entrySize]) > 0
}

// Done returns how many bytes of out are in a file or were, and notes it. The file is at path now.
func (e Entry) Done(dev, ino uint64, path string, out []byte) int {
	done, size := int(atomic.LoadUint64(&e[entryDone])), int(atomic.LoadUint64(&e[entrySize]))
	if base := int(atomic.LoadUint64(&e[entryBase])); size == 0 || base != done || done+size > len(out) {
		return min(done, len(out))
	}
	if dev == atomic.LoadUint64(&e[entryDev]) && ino == atomic.LoadUint64(&e[entryIno]) {
		done += written(path, int64(atomic.LoadUint64(&e[entryOffset])), out[done:done+size])
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

// Complete says that all of a delivery of that length is in the file.
func (e Entry) Complete(length int) bool {
	return int(atomic.LoadUint64(&e[entryDone])) >= length
}
