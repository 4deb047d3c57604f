package ledger

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Where things are in the memory, in words of eight bytes.
const (
	pageWords = 64
	gapsAt    = Pages * pageWords
	gapWords  = 3
	gaps      = 127
	ownerAt   = Size/8 - 1
)

// Memory is the ledger itself.
type Memory struct {
	mem   []byte
	words []uint64
	born  uint64 // when this process was started, once that was asked
}

// Map makes use of the memory file fd, which has Size bytes.
func Map(fd int) (*Memory, error) {
	mem, err := syscall.Mmap(fd, 0, Size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, &os.PathError{Op: "map", Path: "the ledger of logs", Err: err}
	}
	return &Memory{mem: mem, words: unsafe.Slice((*uint64)(unsafe.Pointer(&mem[0])), Size/8)}, nil
}

// Close unmaps it. Pages and entries of it must not be used any more.
func (m *Memory) Close() {
	_ = syscall.Munmap(m.mem)
	m.mem, m.words = nil, nil
}

// Page returns page i, of whose spent pipe that is the descriptor.
func (m *Memory) Page(i, spent int) Page {
	return Page{words: m.words[i*pageWords : (i+1)*pageWords], Spent: spent}
}

func (m *Memory) owner() *uint64 { return &m.words[ownerAt] }

// Owner is the pid of who carries output, 0 if nobody does or it is not known: supervisors used not to say so.
func (m *Memory) Owner() int { return int(atomic.LoadUint64(m.owner())) }

// ReadOwner is Owner of memory that is not mapped.
func ReadOwner(fd int) int {
	var b [8]byte
	if n, err := syscall.Pread(fd, b[:], ownerAt*8); err != nil || n != len(b) {
		return 0
	}
	return int(*(*uint64)(unsafe.Pointer(&b[0])))
}

// Own makes pid the owner, unless somebody else is.
func (m *Memory) Own(pid int) bool {
	was := atomic.LoadUint64(m.owner())
	return was == uint64(pid) || was == 0 && atomic.CompareAndSwapUint64(m.owner(), 0, uint64(pid))
}

// Disown ends that pid is the owner.
func (m *Memory) Disown(pid int) { atomic.CompareAndSwapUint64(m.owner(), uint64(pid), 0) }

// Patience is how long to wait for an owner who is about to finish, which takes milliseconds unless a disk hangs.
const Patience = 10 * time.Second

// Await makes this process the owner as soon as the other one has finished or is no more, and in any case in the end: what that one has
// a claim on is left to it.
func (m *Memory) Await(patience time.Duration) {
	self := os.Getpid()
	for began := time.Now(); !m.Own(self); time.Sleep(time.Millisecond) {
		was := atomic.LoadUint64(m.owner())
		late := time.Since(began) > patience
		if late && m.ownedByClaimant(was) {
			_ = syscall.Kill(int(was), syscall.SIGCONT) // it may have been stopped, and is to finish
		}
		if late || syscall.Kill(int(was), 0) == syscall.ESRCH {
			atomic.CompareAndSwapUint64(m.owner(), was, 0)
		}
	}
}

// ownedByClaimant reports that the owner is surely the one with the claim, and nobody else who has its pid by now.
func (m *Memory) ownedByClaimant(owner uint64) bool {
	c, ok := m.Claimed()
	return ok && uint64(c.pid) == owner
}
