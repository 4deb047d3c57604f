package procstat

import (
	"bytes"
	"time"

	"golang.org/x/sys/unix"
)

// newborn watches for new processes by the last pid that the kernel gave out:
// it hands them out one after the other, so whoever is new since the last look
// is between the last pid then and the last pid now. That finds the children of
// every thread, and costs one read when there are none, where the children
// files of a Node service alone are eleven.
type newborn struct {
	fd    int   // tells the last pid; -1 if births cannot be watched
	last  int32 // of the former look
	early []early
}

// early is a pid given out to a process that was not to be seen: it is gone
// already, or it is being made, which takes the kernel less than a millisecond
// after giving out the pid. So it gets another look after a while.
type early struct {
	pid int32
	at  time.Duration // since boot
}

const (
	earlyAgain = 10 * time.Millisecond  // many Reads in a row need not look again each time
	earlyGone  = 100 * time.Millisecond // it never was, or is no more
)

// begin opens a file that tells the last pid. Some containers put a file of
// their own over /proc/loadavg, which doesn't.
func (n *newborn) begin(dir string) {
	for _, file := range []string{"/loadavg", "/sys/kernel/ns_last_pid"} {
		fd, err := unix.Open(dir+file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		var fs unix.Statfs_t
		n.fd = fd
		if dir != "/proc" || unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC {
			if n.last = n.cursor(); n.last > 0 {
				return
			}
		}
		n.end()
	}
}

func (n *newborn) end() {
	if n.fd >= 0 {
		_ = unix.Close(n.fd) // It was read from only.
		n.fd = -1
	}
}

func (n *newborn) watching() bool { return n.fd >= 0 }

// cursor is the last pid given out, the last word of the file; 0 if it cannot
// be read.
func (n *newborn) cursor() int32 {
	var buf [128]byte
	got, err := unix.Pread(n.fd, buf[:], 0)
	if err != nil {
		return 0
	}
	text := bytes.TrimRight(buf[:got], " \n")
	f := fields{rest: text[bytes.LastIndexByte(text, ' ')+1:]}
	if pid := f.next(); !f.bad {
		return int32(pid)
	}
	return 0
}

// look meets the newborn whose parents are kept in mind.
func (p *procfs) look(only int) error {
	p.looks++
	p.census = nil
	if p.children && only > 0 && p.procs[int32(only)] == nil {
		return nil // Its children files are read; the births wait for the next look.
	}
	n := &p.newborn
	before, now := n.last, int32(0)
	if n.watching() {
		if now = n.cursor(); now == 0 {
			n.end() // From now on the children files are read.
		}
	}
	if !n.watching() {
		if !p.children {
			p.pass()
		}
		return nil
	}
	n.last = now

	clock := p.now()
	again := n.early
	n.early = n.early[:0]
	for _, e := range again {
		age := clock - e.at
		if age < earlyAgain || !p.greet(e.pid) && age < earlyGone {
			n.early = append(n.early, e)
		}
	}
	// Pids begin anew when they have reached their end. Then, or if there are
	// very many, a pass over those that are alive is the cheaper way.
	if now < before || int(now-before) > max(512, 2*len(p.procs)) {
		p.pass()
		return nil
	}
	for pid := before + 1; pid <= now; pid++ {
		if !p.greet(pid) {
			n.early = append(n.early, early{pid, clock})
		}
	}
	return nil
}

// greet meets pid if it is a child of one kept in mind. It reports false if
// there is no such process to be seen.
func (p *procfs) greet(pid int32) bool {
	if known := p.procs[pid]; known != nil && p.read(known) {
		return true
	}
	var s stat
	if err := p.once(pid, &s); err != nil {
		return false
	}
	if !s.thread && p.procs[s.ppid] != nil {
		p.meet(pid)
	}
	return true
}
