package ledger

import (
	"sync/atomic"
	"syscall"
)

// Gap is how much of the output to one file was lost and is not told there yet.
type Gap []uint64

// The words of a gap.
const (
	gapFile  = iota // a hash of its path; 0 is none
	gapLost         // bytes
	gapCause        // the number of the error, and whether the loss ended within a line
)

const gapTorn = 1 << 32

// Gap returns that of the file at path, if there is one; else one that is free when make says so. nil: there is no room.
// One caller at a time.
func (m *Memory) Gap(path string, make bool) Gap {
	id, free := hash(path), Gap(nil)
	for i := range gaps {
		g := Gap(m.words[gapsAt+i*gapWords : gapsAt+(i+1)*gapWords])
		switch atomic.LoadUint64(&g[gapFile]) {
		case id:
			return g
		case 0:
			if free == nil {
				free = g
			}
		}
	}
	if free == nil || !make {
		return nil
	}
	atomic.StoreUint64(&free[gapLost], 0)
	atomic.StoreUint64(&free[gapCause], 0)
	atomic.StoreUint64(&free[gapFile], id)
	return free
}

// Lose notes that n more bytes are lost, for that reason, and whether they ended within a line.
func (g Gap) Lose(n int, cause syscall.Errno, torn bool) {
	if g == nil {
		return
	}
	why := uint64(uint32(cause))
	if torn {
		why |= gapTorn
	}
	atomic.StoreUint64(&g[gapCause], why)
	atomic.AddUint64(&g[gapLost], uint64(n))
}

// Lost is what was noted.
func (g Gap) Lost() (n int64, cause syscall.Errno, torn bool) {
	if g == nil {
		return 0, 0, false
	}
	why := atomic.LoadUint64(&g[gapCause])
	return int64(atomic.LoadUint64(&g[gapLost])), syscall.Errno(uint32(why)), why&gapTorn != 0
}

// Told forgets the gap: the file tells of it.
func (g Gap) Told() {
	if g != nil {
		atomic.StoreUint64(&g[gapFile], 0)
	}
}

// hash is FNV-1a's, never 0.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return max(h, 1)
}
