package ledger

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// A Claim says that somebody is about to carry what is in a pipe, by way of a page. Whoever takes the place of the owner, because that
// one hangs in a write, leaves both alone until the claim is given up or its holder is no more: what was written is certain then.
//
// It is made before it is looked who the owner is, and looked at after the owner was replaced. So one of both sees the other.
type Claim struct {
	Pipe uint64 // its inode
	page int
	pid  int
	born uint64 // when that process was started
}

// The words of a claim are at the end of page 0, which needs few.
const (
	claimPipe = pageWords - 1 - iota // 0 is none; written last, and first when it is over
	claimPage
	claimPID
	claimBorn
)

// Claim makes a claim of this process's. Only the anchor makes any, and one at a time.
func (m *Memory) Claim(pipe uint64, page int) {
	self := os.Getpid()
	atomic.StoreUint64(&m.words[claimPage], uint64(page))
	atomic.StoreUint64(&m.words[claimPID], uint64(self))
	if m.born == 0 {
		m.born = born(self)
	}
	atomic.StoreUint64(&m.words[claimBorn], m.born)
	atomic.StoreUint64(&m.words[claimPipe], pipe)
}

// Unclaim gives it up.
func (m *Memory) Unclaim() { atomic.StoreUint64(&m.words[claimPipe], 0) }

// UnclaimOf gives up that of a process that has become another program.
func (m *Memory) UnclaimOf(pid int) {
	if atomic.LoadUint64(&m.words[claimPID]) == uint64(pid) {
		m.Unclaim()
	}
}

// Claimed returns the claim that there is, of another process that lives.
func (m *Memory) Claimed() (Claim, bool) {
	c := Claim{
		Pipe: atomic.LoadUint64(&m.words[claimPipe]),
		page: int(atomic.LoadUint64(&m.words[claimPage])),
		pid:  int(atomic.LoadUint64(&m.words[claimPID])),
		born: atomic.LoadUint64(&m.words[claimBorn]),
	}
	return c, c.Pipe != 0 && c.pid != os.Getpid() && lives(c.pid, c.born) && m.Claims(c)
}

// Claims reports that a claim has not been given up. Its holder may have died.
func (m *Memory) Claims(c Claim) bool {
	return atomic.LoadUint64(&m.words[claimPipe]) == c.Pipe && atomic.LoadUint64(&m.words[claimPID]) == uint64(c.pid)
}

// Uses reports that the claim is on that page.
func (c Claim) Uses(page int) bool { return c.Pipe != 0 && c.page == page }

// lives reports whether a process has a thread that lives: a killed one that hangs in a write dies when that is over, though its first
// thread is a zombie already.
func lives(pid int, start uint64) bool {
	state, began, threads := statOf(pid)
	return began == start && (threads > 1 || state != "Z" && state != "X")
}

// born is when a process was started, 0 if it is not there.
func born(pid int) uint64 {
	_, start, _ := statOf(pid)
	return start
}

// statOf reads some of the fields of /proc/PID/stat, which come after a name that may have blanks and brackets.
func statOf(pid int) (state string, start uint64, threads int) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", 0, 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const stateAt, threadsAt, startAt = 0, 17, 19
	if len(fields) <= startAt {
		return "", 0, 0
	}
	start, _ = strconv.ParseUint(fields[startAt], 10, 64)
	threads, _ = strconv.Atoi(fields[threadsAt])
	return fields[stateAt], start, threads
}
