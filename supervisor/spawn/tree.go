package spawn

import (
	"cmp"
	"slices"
)

// process is one line of the process table.
type process struct {
	pid, ppid, pgid, sid int
	start                uint64
	dead                 bool   // a zombie without living threads
	envEnd               uint64 // where its environment ends in its memory; 0 in the middle of an exec
}

// table is the process table as one pass saw it.
type table struct {
	processes map[int]process // by pid
	children  map[int][]int   // by parent
	sessions  map[int][]int   // by session
}

func newTable(n int) *table {
	return &table{make(map[int]process, n), make(map[int][]int), make(map[int][]int)}
}

func (t *table) add(p process) {
	t.processes[p.pid] = p
	t.children[p.ppid] = append(t.children[p.ppid], p.pid)
	t.sessions[p.sid] = append(t.sessions[p.sid], p.pid)
}

// member is a live process of a tree.
type member struct {
	pid   int
	start uint64
	depth int // forks below the main process, as far as the chain is whole
}

// lineage is what makes a process a member where there is no control group.
type lineage struct {
	pid       int
	start     uint64
	noSession bool                             // the session is known to be over
	reapers   []int                            // orphans fall to one of them; none is unknown
	outside   func(pid int) bool               // never members: the supervisor, the reaper, main processes of other children
	tagged    func(p process) (yes, sure bool) // its environment carries the tag
}

// census is what one table tells of a tree.
type census struct {
	tree        []member // the deepest first
	sessionOver bool     // the main process is gone and nobody is left in its session, whose id may become another's
	unsure      bool     // some process may be a member or not
}

// members takes the census of l's tree.
func (t *table) members(l lineage) (c census) {
	main, taken := t.processes[l.pid]
	here := taken && main.start == l.start
	c.sessionOver = !here
	seeds := make(map[int]bool)
	if here {
		seeds[l.pid] = true
	}
	if here || !l.noSession && !taken { // taken by another: the session's id was given away with the pid
		for _, pid := range t.sessions[l.pid] {
			if pid != l.pid && !l.outside(pid) {
				seeds[pid] = true
				c.sessionOver = false
			}
		}
	}
	for _, pid := range t.orphans(l) {
		yes, sure := l.tagged(t.processes[pid])
		if yes {
			seeds[pid] = true
		}
		c.unsure = c.unsure || !sure
	}
	c.tree = t.living(t.descend(seeds, l))
	return c
}

// orphans returns the living children of the reapers that may have come from any service.
func (t *table) orphans(l lineage) (pids []int) {
	for _, reaper := range l.reapers {
		for _, pid := range t.children[reaper] {
			if pid != l.pid && !t.processes[pid].dead && !l.outside(pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// group returns all of t, which are the processes of one control group, as members, the deepest below main first.
func (t *table) group(main int) []member {
	seeds := make(map[int]bool, len(t.processes))
	for pid := range t.processes {
		seeds[pid] = true
	}
	return t.living(t.descend(seeds, lineage{pid: main, outside: func(int) bool { return false }}))
}

// descend returns the depth of every process at or below a seed. A seed whose parent is in the tree counts from there; an
// orphan counts as a child of the main process, so that the main process comes last.
func (t *table) descend(seeds map[int]bool, l lineage) map[int]int {
	depth := make(map[int]int, len(seeds))
	var queue []int
	walk := func(top, d int) {
		if _, seen := depth[top]; seen {
			return
		}
		depth[top] = d
		for queue = append(queue, top); len(queue) > 0; queue = queue[1:] {
			for _, child := range t.children[queue[0]] {
				if _, seen := depth[child]; !seen && !l.outside(child) {
					depth[child] = depth[queue[0]] + 1
					queue = append(queue, child)
				}
			}
		}
	}
	if seeds[l.pid] {
		walk(l.pid, 0)
	}
	for pid := range seeds { // those whose chain is broken: tops of their own subtrees
		if !seeds[t.processes[pid].ppid] {
			walk(pid, 1)
		}
	}
	for pid := range seeds { // none, unless the pass caught a pid changing hands
		walk(pid, 1)
	}
	return depth
}

// living returns those of depth that live, the deepest first.
func (t *table) living(depth map[int]int) []member {
	tree := make([]member, 0, len(depth))
	for pid, d := range depth {
		if p := t.processes[pid]; !p.dead {
			tree = append(tree, member{pid: pid, start: p.start, depth: d})
		}
	}
	slices.SortFunc(tree, func(a, b member) int {
		return cmp.Or(cmp.Compare(b.depth, a.depth), cmp.Compare(b.pid, a.pid))
	})
	return tree
}
