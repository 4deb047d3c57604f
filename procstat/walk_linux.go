package procstat

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// checkEvery is after how many sweeps the children files of a process are read
// again, in case that a birth was missed.
const checkEvery = 60

func (p *procfs) hasChildrenFiles() bool {
	pid := int32(unix.Getpid())
	_, err := p.slurp(p.path(pid, "/task/"+strconv.Itoa(int(pid))+"/children"))
	return err == nil
}

// mustCheck says whether the children of q are to be looked for: each time if
// births cannot be watched, else now and then, not all processes at once.
func (p *procfs) mustCheck(q *proc) bool {
	if !p.children || q.zombie() || q.checked == p.looks {
		return false
	}
	return !p.newborn.watching() || (p.sweeps+uint32(q.pid))%checkEvery == 0
}

// walkDown meets the descendants of q.
func (p *procfs) walkDown(q *proc) {
	q.checked = p.looks
	if !p.children {
		p.descend(q)
		return
	}
	// Any thread may have forked, and has its children in a file of its own.
	if q.count <= 1 {
		p.walkThread(q, strconv.Itoa(int(q.pid)))
		return
	}
	tasks, err := os.ReadDir(p.path(q.pid, "/task"))
	if err != nil {
		return // It has ended, which the next read tells.
	}
	for _, task := range tasks {
		p.walkThread(q, task.Name())
	}
}

func (p *procfs) walkThread(q *proc, tid string) {
	data, err := p.readAll(p.path(q.pid, "/task/"+tid+"/children"))
	if err != nil {
		return // The thread has ended; its children are with another one.
	}
	for f := (fields{rest: data}); len(f.rest) > 0; {
		pid := int32(f.next())
		if f.bad {
			return
		}
		if kid := p.child(pid); kid != nil {
			p.walkDown(kid)
		}
	}
}

// child meets pid, and returns it if it is new to us.
func (p *procfs) child(pid int32) *proc {
	if known := p.procs[pid]; known != nil {
		if known.parent == nil {
			p.forget(known)
		}
		if p.read(known) {
			if known.parent == nil { // Its parent was not kept in mind until now.
				p.link(known)
			}
			return nil
		}
	}
	return p.meet(pid)
}

// readAll reads a file of any length.
func (p *procfs) readAll(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var all []byte
	for {
		n, err := unix.Read(fd, p.buf[:])
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return all, nil
		}
		all = append(all, p.buf[:n]...)
	}
}

// pass meets all descendants of those kept in mind, by reading all of /proc.
func (p *procfs) pass() {
	p.census = nil
	known := make([]*proc, 0, len(p.procs))
	for _, q := range p.procs {
		known = append(known, q)
	}
	for _, q := range known {
		p.descend(q)
	}
}

// descend meets the descendants of q by the census.
func (p *procfs) descend(q *proc) {
	if p.census == nil {
		p.census = p.takeCensus()
	}
	for _, pid := range p.census[q.pid] {
		if kid := p.child(pid); kid != nil {
			p.descend(kid)
		}
	}
}

// takeCensus reads all of /proc. On an error it is empty, as if nobody was born.
func (p *procfs) takeCensus() map[int32][]int32 {
	kids := make(map[int32][]int32)
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return kids
	}
	for _, e := range entries {
		pid, err := strconv.ParseInt(e.Name(), 10, 32)
		if err != nil {
			continue
		}
		var s stat
		if err := p.once(int32(pid), &s); err == nil {
			kids[s.ppid] = append(kids[s.ppid], int32(pid))
		}
	}
	return kids
}
