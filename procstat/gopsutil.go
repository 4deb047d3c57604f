package procstat

import (
	"slices"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

// portable is the source that works everywhere, through gopsutil. It knows the
// trees from one pass over all pids; gopsutil's own Children runs pgrep.
type portable struct {
	procs  map[int32]*portableProc
	kids   map[int32][]int32
	passed time.Time
	sweeps uint32
}

// portableProc keeps gopsutil's object, which remembers what does not change.
type portableProc struct {
	*process.Process
	start uint64
	age   time.Duration
	sweep uint32
}

// passFor is how long the pass over all pids holds for reads on demand: it
// costs some 20 µs for each process of the system.
const passFor = 200 * time.Millisecond

func newPortable() source {
	return &portable{procs: make(map[int32]*portableProc), sweeps: 1}
}

func (p *portable) close() { clear(p.procs) }

func (p *portable) size() (procs, descriptors int) { return len(p.procs), 0 }

func (p *portable) look(int) error {
	if time.Since(p.passed) < passFor {
		return nil
	}
	return p.pass()
}

// pass learns who is whose child.
func (p *portable) pass() error {
	pids, err := process.Pids()
	if err != nil {
		return err
	}
	p.kids = make(map[int32][]int32, len(p.kids))
	slices.Sort(pids)
	for _, pid := range pids {
		// Not NewProcess, which asks again whether there is such a process.
		ppid, err := (&process.Process{Pid: pid}).Ppid()
		if err == nil {
			p.kids[ppid] = append(p.kids[ppid], pid)
		}
	}
	p.passed = time.Now()
	return nil
}

func (p *portable) sweep() {
	for pid, q := range p.procs {
		if q.sweep != p.sweeps {
			delete(p.procs, pid)
		}
	}
	p.sweeps++
}

func (p *portable) tree(dst []reading, pid int, start uint64, extra []int) ([]reading, bool) {
	from := len(dst)
	main := p.read(int32(pid))
	if main == nil || start != 0 && main.start != start {
		return dst, false
	}
	had := make(map[int32]bool)
	for _, top := range append([]int{pid}, extra...) {
		for down := []int32{int32(top)}; len(down) > 0; {
			pid := down[len(down)-1]
			down = down[:len(down)-1]
			if had[pid] {
				continue
			}
			had[pid] = true
			if q := p.read(pid); q != nil {
				if r, ok := q.reading(); ok {
					dst = append(dst, r)
					down = append(down, p.kids[pid]...)
				}
			}
		}
	}
	alive := false
	for i := range dst[from:] {
		alive = alive || !dst[from+i].zombie
	}
	return dst, alive && dst[from].pid == pid
}

// read is the process pid as it is now, which may be another one than before.
func (p *portable) read(pid int32) *portableProc {
	start, age, err := identify(pid)
	if err != nil {
		delete(p.procs, pid)
		return nil
	}
	q := p.procs[pid]
	if q == nil || q.start != start {
		q = &portableProc{Process: &process.Process{Pid: pid}, start: start}
		p.procs[pid] = q
	}
	q.age, q.sweep = age, p.sweeps
	return q
}

func (q *portableProc) reading() (reading, bool) {
	times, err := q.Times()
	if err != nil {
		return reading{}, false
	}
	ppid, err := q.Ppid()
	if err != nil {
		return reading{}, false
	}
	r := reading{
		pid:   int(q.Pid),
		ppid:  int(ppid),
		start: q.start,
		age:   q.age,
		self:  time.Duration((times.User + times.System) * float64(time.Second)),
	}
	// Not every system tells all of these of every process: 0 is unknown.
	if memory, err := q.MemoryInfo(); err == nil && memory != nil {
		r.rss = memory.RSS
	}
	if threads, err := q.NumThreads(); err == nil {
		r.threads = int(threads)
	}
	if status, err := q.Status(); err == nil {
		r.zombie = slices.Contains(status, process.Zombie) && r.threads <= 1
	}
	return r, true
}
