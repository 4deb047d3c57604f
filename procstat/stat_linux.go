package procstat

import (
	"bytes"
	"errors"
)

// stat is what is used of /proc/PID/stat, in the kernel's units: clock ticks
// and pages.
type stat struct {
	ppid   int32
	state  byte
	thread bool // not a process but one of its threads
	self   uint64
	reaped uint64
	start  uint64
	rss    uint32
	count  int32 // threads
}

var errStat = errors.New("not a stat line")

// parse reads a line of /proc/PID/stat. Fields are numbered as in proc(5).
func (s *stat) parse(line []byte) error {
	// The name may hold anything, ") R 1" included, but what follows it is
	// numbers.
	end := bytes.LastIndexByte(line, ')')
	if end < 0 || len(line) < end+4 || line[end+1] != ' ' || line[end+3] != ' ' {
		return errStat
	}
	*s = stat{state: line[end+2]}
	f := fields{rest: line[end+4:]}
	s.ppid = int32(f.next()) // 4
	f.skip(9)
	s.self = f.next() + f.next()   // 14 utime, 15 stime
	s.reaped = f.next() + f.next() // 16 cutime, 17 cstime
	f.skip(2)
	s.count = int32(f.next()) // 20 num_threads
	f.skip(1)
	s.start = f.next() // 22 starttime
	f.skip(1)
	s.rss = uint32(f.next()) // 24 rss
	if f.bad {
		return errStat
	}
	f.skip(13)
	// 38 exit_signal: the signal for the parent; a thread has none, which is -1.
	s.thread = len(f.rest) > 0 && f.rest[0] == '-'
	return nil
}

// zombie says that the process has ended. One whose first thread has ended
// while others go on is in state Z, too.
func (s *stat) zombie() bool {
	return (s.state == 'Z' || s.state == 'X') && s.count <= 1
}

// fields are numbers between single spaces.
type fields struct {
	rest []byte
	bad  bool
}

// next reads a number, 0 if it is negative.
func (f *fields) next() uint64 {
	var n uint64
	negative := len(f.rest) > 0 && f.rest[0] == '-'
	i := 0
	if negative {
		i = 1
	}
	digits := i
	for ; i < len(f.rest) && f.rest[i]-'0' <= 9; i++ {
		n = n*10 + uint64(f.rest[i]-'0')
	}
	f.bad = f.bad || i == digits
	f.cut(i)
	if negative {
		return 0
	}
	return n
}

func (f *fields) skip(n int) {
	for range n {
		i := bytes.IndexByte(f.rest, ' ')
		if i < 0 {
			i = len(f.rest)
		}
		f.cut(i)
	}
}

// cut drops i bytes and the space that follows.
func (f *fields) cut(i int) {
	if i < len(f.rest) {
		f.bad = f.bad || f.rest[i] != ' ' && f.rest[i] != '\n'
		i++
	}
	f.rest = f.rest[i:]
}
