package procstat

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// procfs is the source that reads /proc. It keeps the processes of all trees in
// mind, linked as parents and children, with a descriptor of the stat file of
// each: reading again is one pread, and the descriptor belongs to the process,
// not to its pid, so it never tells of another one.
//
// Who is new is learnt from the last pid that was given out (newborn_linux.go),
// and only for a new root, and now and then for all, from the children files
// (walk_linux.go). So a sample costs one pread per process however many threads
// it has.
type procfs struct {
	dir   string // "/proc"
	hz    uint64
	page  uint64
	procs map[int32]*proc
	open  int // descriptors kept
	limit int // of them
	below int // which number one has that is kept: those above are left to others

	newborn  newborn
	children bool              // the kernel has children files
	census   map[int32][]int32 // else: who are whose children, as of this look

	clocks  bool          // the kernel tells of the CPU time of processes by clock_gettime
	looks   uint32        // numbers the looks; a process is read once in each
	clock   time.Duration // the time since boot,
	clocked uint32        // in this look
	walks   uint32        // numbers the trees taken
	sweeps  uint32
	stack   []*proc
	buf     [4096]byte
}

// proc is one process kept in mind.
type proc struct {
	stat
	pid     int32
	fd      int32 // of its stat file, -1 if it has none
	ran     int64 // its CPU time in ns when it was read; 0 is not known
	parent  *proc // in whose kids it is; nil if that is not kept in mind
	kids    []*proc
	look    uint32 // when it was read
	walk    uint32 // the last tree that had it
	sweep   uint32 // when a tree last had it
	checked uint32 // the look in which its children were last looked for
}

func newNative() (source, error) { return newProcfs("/proc") }

func newProcfs(dir string) (*procfs, error) {
	p := &procfs{
		dir:     dir,
		hz:      clockTicks(),
		page:    uint64(unix.Getpagesize()),
		procs:   make(map[int32]*proc),
		newborn: newborn{fd: -1},
		sweeps:  1,
	}
	p.budget()
	if err := p.once(int32(unix.Getpid()), &stat{}); err != nil {
		return nil, fmt.Errorf("read own process in %s: %w", dir, err)
	}
	p.clocks = dir == "/proc" && cpuTime(int32(unix.Getpid())) > 0
	p.children = p.hasChildrenFiles()
	p.newborn.begin(dir)
	return p, nil
}

// clockTicks is how many ticks /proc counts in a second. It is 100 everywhere
// today; the kernel tells each program in its auxiliary vector.
func clockTicks() uint64 {
	const atClktck = 17
	vector, err := unix.Auxv()
	if err == nil {
		for _, v := range vector {
			if v[0] == atClktck && v[1] > 0 {
				return uint64(v[1])
			}
		}
	}
	return 100
}

func (p *procfs) close() {
	for pid, q := range p.procs {
		p.shut(q)
		delete(p.procs, pid)
	}
	p.newborn.end()
}

func (p *procfs) size() (procs, descriptors int) { return len(p.procs), p.open }

// budget takes a quarter of the descriptors this process may have, and none of
// the last eighth: the kernel gives the lowest that is free, so somebody who
// got one of those is told that there are few. Which processes have one does
// not change with use: they are all read in turn, so giving the oldest one's
// descriptor to the next would reopen each every time.
func (p *procfs) budget() {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		limit.Cur = 1024
	}
	p.limit = int(min(limit.Cur/4, 1<<20))
	p.below = int(min(limit.Cur-min(max(limit.Cur/8, 128), limit.Cur), 1<<20))
}

// sweep forgets the processes that no tree has had since the last sweep.
func (p *procfs) sweep() {
	for _, q := range p.procs {
		if q.sweep != p.sweeps {
			p.drop(q)
		}
	}
	p.sweeps++
	p.budget()
}

func (p *procfs) tree(dst []reading, pid int, start uint64, extra []int) ([]reading, bool) {
	from := len(dst)
	p.walks++
	main := p.get(int32(pid))
	if main == nil || start != 0 && main.start != start {
		return dst, false
	}
	now := p.now()
	dst = p.collect(dst, main, now)
	for _, pid := range extra {
		if q := p.get(int32(pid)); q != nil {
			dst = p.collect(dst, q, now)
		}
	}
	alive := false
	for i := range dst[from:] {
		alive = alive || !dst[from+i].zombie
	}
	return dst, alive
}

// get is the process pid, read in this look, with its children known.
func (p *procfs) get(pid int32) *proc {
	if q := p.procs[pid]; q != nil && p.read(q) {
		return q
	}
	q := p.meet(pid) // Unknown, or another one under the same pid.
	if q != nil {
		p.walkDown(q)
	}
	return q
}

// collect appends top and its descendants as far as this walk has not had them.
func (p *procfs) collect(dst []reading, top *proc, now time.Duration) []reading {
	p.stack = append(p.stack[:0], top)
	for len(p.stack) > 0 {
		q := p.stack[len(p.stack)-1]
		p.stack = p.stack[:len(p.stack)-1]
		if q.walk == p.walks {
			continue
		}
		q.walk, q.sweep = p.walks, p.sweeps
		dst = append(dst, p.reading(q, now))
		if p.mustCheck(q) {
			p.walkDown(q)
		}
		for i := 0; i < len(q.kids); {
			kid := q.kids[i]
			if p.read(kid) && kid.parent == q {
				p.stack = append(p.stack, kid)
			}
			if i < len(q.kids) && q.kids[i] == kid { // Else it has gone, or moved.
				i++
			}
		}
	}
	return dst
}

func (p *procfs) reading(q *proc, now time.Duration) reading {
	return reading{
		pid:     int(q.pid),
		ppid:    int(q.ppid),
		start:   q.start,
		age:     max(now-p.duration(q.start), 0),
		self:    p.duration(q.self),
		reaped:  p.duration(q.reaped),
		rss:     uint64(q.rss) * p.page,
		threads: int(q.count),
		zombie:  q.zombie(),
	}
}

func (p *procfs) duration(ticks uint64) time.Duration {
	return time.Duration(ticks) * time.Second / time.Duration(p.hz)
}

// now is the time since boot, as start times are, as of this look.
func (p *procfs) now() time.Duration {
	if p.clock == 0 || p.clocked != p.looks {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
			return 0
		}
		p.clock, p.clocked = time.Duration(ts.Nano()), p.looks
	}
	return p.clock
}

// meet takes a process not kept in mind yet, and links it to its parent. It
// returns nil if there is none, or pid is a thread.
func (p *procfs) meet(pid int32) *proc {
	q := &proc{pid: pid, fd: -1, look: p.looks, sweep: p.sweeps}
	if p.open < p.limit {
		if fd, err := unix.Open(p.path(pid, "/stat"), unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			q.fd = int32(fd)
			p.open++
			if fd >= p.below {
				defer p.shut(q) // what is read once more than that is worth less than what may be refused for want of it
			}
		}
	}
	if err := p.fetch(q, &q.stat); err != nil || q.thread {
		p.shut(q)
		return nil
	}
	p.procs[pid] = q
	p.link(q)
	return q
}

// read reads q once in a look. It reports false, and has dropped q, if q is
// gone.
func (p *procfs) read(q *proc) bool {
	if q.look == p.looks {
		return p.procs[q.pid] == q
	}
	q.look = p.looks
	ran := p.cpuTime(q)
	if ran != 0 && ran == q.ran && (p.looks+uint32(q.pid))%fullRead != 0 {
		return true
	}
	q.ran = ran // taken before what is read, so that what happens between is seen the next time
	var s stat
	err := p.fetch(q, &s)
	switch {
	case err == nil && s.start == q.start:
	case err == nil, errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESRCH), errors.Is(err, errStat):
		p.drop(q)
		return false
	default:
		return true // It cannot be read now, as for want of descriptors: it stays as it was.
	}
	moved := s.ppid != q.ppid
	q.stat = s
	if q.zombie() {
		for _, kid := range q.kids {
			p.forget(kid) // They have a new parent, without having run.
		}
	}
	if moved {
		p.unlink(q)
		p.link(q)
	}
	return true
}

// forget has q read in full, also if it was in this look.
func (p *procfs) forget(q *proc) { q.look, q.ran = p.looks-1, 0 }

// fullRead is after how many looks a process is read that has not run: others
// may have taken pages from it, or ended and left it to a new parent.
const fullRead = 8

// cpuTime is how long q has run, 0 if that cannot be told. Who has not run since
// it was last read has not changed: no exit, no fork, no memory that is new goes
// without. To ask costs a tenth of reading the stat file.
func (p *procfs) cpuTime(q *proc) int64 {
	if !p.clocks {
		return 0
	}
	return cpuTime(q.pid)
}

// cpuTime asks the clock of a process that clock_getcpuclockid(3) names.
func cpuTime(pid int32) int64 {
	const clockSched = 2
	var ts unix.Timespec
	// The runtime need not know of a call that never waits: telling it takes a tenth of the whole.
	_, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(^pid<<3|clockSched), uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return ts.Nano()
}

// drop forgets q. Its children have a new parent, which may be kept in mind.
func (p *procfs) drop(q *proc) {
	p.shut(q)
	p.unlink(q)
	if p.procs[q.pid] == q {
		delete(p.procs, q.pid)
	}
	orphans := q.kids
	q.kids = nil
	for _, kid := range orphans {
		kid.parent = nil
		p.forget(kid) // Its parent must be read again.
		if p.read(kid) && kid.parent == nil {
			p.link(kid)
		}
	}
}

func (p *procfs) link(q *proc) {
	if parent := p.procs[q.ppid]; parent != nil && parent != q {
		q.parent = parent
		parent.kids = append(parent.kids, q)
	}
}

func (p *procfs) unlink(q *proc) {
	if q.parent == nil {
		return
	}
	kids := q.parent.kids
	for i := range kids {
		if kids[i] == q {
			q.parent.kids = append(kids[:i], kids[i+1:]...)
			break
		}
	}
	q.parent = nil
}

func (p *procfs) shut(q *proc) {
	if q.fd >= 0 {
		_ = unix.Close(int(q.fd)) // It was read from only.
		q.fd = -1
		p.open--
	}
}

// fetch reads the stat of q, through its descriptor if it has one.
func (p *procfs) fetch(q *proc, s *stat) error {
	if q.fd < 0 {
		return p.once(q.pid, s)
	}
	n, err := unix.Pread(int(q.fd), p.buf[:], 0)
	if err != nil {
		return err
	}
	return s.parse(p.buf[:n])
}

// once reads the stat of pid without keeping its file open.
func (p *procfs) once(pid int32, s *stat) error {
	data, err := p.slurp(p.path(pid, "/stat"))
	if err != nil {
		return err
	}
	return s.parse(data)
}

// slurp reads a small file into p.buf, which the next read overwrites.
func (p *procfs) slurp(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, p.buf[:])
	if err != nil {
		return nil, err
	}
	return p.buf[:n], nil
}

func (p *procfs) path(pid int32, file string) string {
	return p.dir + "/" + strconv.Itoa(int(pid)) + file
}
