package spawn

import (
	"bytes"
	"os"
	"slices"
	"sync"
)

// members takes a census of the tree as it is now.
func (c *Child) members() (census, error) {
	if c.grouped() {
		return c.membersIn(nil)
	}
	t, err := c.spawner.table()
	if err != nil {
		return census{}, err
	}
	return c.membersIn(t)
}

// byLineage takes a census of the tree in t, which was read after the call that wants it began.
func (c *Child) byLineage(t *table) census {
	s := c.spawner
	c.mu.Lock()
	l := lineage{pid: c.PID, start: c.StartTime, noSession: c.noSession, tagged: c.tagged}
	reaped, empty := c.reaped, c.empty
	c.mu.Unlock()
	if empty {
		return census{} // whatever is found now under its ids is another's
	}
	l.reapers = c.reapers(t)
	l.outside = func(pid int) bool { return slices.Contains(l.reapers, pid) || s.isOutside(pid, c.PID) }
	all := t.members(l)
	if reaped && all.sessionOver {
		c.mu.Lock()
		c.noSession = true
		c.mu.Unlock()
	}
	return all
}

// reapers are those to whom orphans of the tree may have fallen: the reaper, which all the life of what this Spawner launched is
// the same. What a former supervisor launched may have had others before, whose death left their children to the next subreaper
// above them, or to init.
func (c *Child) reapers(t *table) []int {
	s := c.spawner
	if s.options.Reaper == nil {
		return nil
	}
	reaper := s.options.Reaper()
	if reaper == 0 {
		return nil
	}
	list := []int{reaper}
	if !c.inherited {
		return list
	}
	s.foster.mu.Lock()
	defer s.foster.mu.Unlock()
	for _, pid := range append([]int{initPID, t.processes[reaper].ppid}, s.foster.pids...) {
		if pid > 0 && !slices.Contains(list, pid) {
			list = append(list, pid)
		}
	}
	return list
}

const initPID = 1

// foster is to whom else children of services' reapers have fallen: the parents of main processes that were adopted.
type foster struct {
	mu   sync.Mutex
	pids []int
}

// meet notes the parent of a main process that was adopted.
func (f *foster) meet(parent int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if parent > initPID && !slices.Contains(f.pids, parent) {
		f.pids = append(f.pids, parent)
	}
}

// isOutside reports whether pid is known not to be of the tree of main: it is this process, or another main process.
func (s *Spawner) isOutside(pid, main int) bool {
	return pid == os.Getpid() || pid != main && s.system.isMain(pid)
}

// tagged reports whether p was seen to carry the child's tag, now or before. Once is enough: what it execs later changes
// its environment, not where it came from.
func (c *Child) tagged(p process) (yes, sure bool) {
	marker := c.spawner.options.Marker
	if marker == "" || c.Tag == "" || p.start < c.StartTime { // older: no descendant
		return false, true
	}
	c.mu.Lock()
	start, known := c.orphans[p.pid]
	c.mu.Unlock()
	if known && start == p.start {
		return true, true
	}
	if yes, sure = carries(p, marker+"="+c.Tag); !yes {
		return false, sure
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orphans == nil {
		c.orphans = make(map[int]uint64)
	}
	c.orphans[p.pid] = p.start
	return true, true
}

// lineageMembership says what byLineage can tell here.
func (s *Spawner) lineageMembership() string {
	if s.options.Marker != "" && s.options.Reaper != nil && s.options.Reaper() != 0 {
		return "session+marker"
	}
	return "session"
}

// containsEntry reports whether entry is one of the strings of a block of them, each ended by a NUL.
func containsEntry(block []byte, entry string) bool {
	for len(block) > 0 {
		var kv []byte
		if kv, block, _ = bytes.Cut(block, []byte{0}); string(kv) == entry {
			return true
		}
	}
	return false
}
