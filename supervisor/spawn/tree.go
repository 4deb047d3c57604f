package spawn

import (
	"cmp"
	"slices"
)

// process is one line of the process table.
type process struct {
	pid, ppid, pgid, sid int
	start                uint64
	dead                 bool // a zombie without living threads
	begun                bool // its program has an environment, be it an empty one
}

// table is the process table as one pass saw it, by pid.
type table map[int]process

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
	reaper    int                              // orphans fall to it; 0 is unknown
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
func (t table) members(l lineage) (c census) {
	main, taken := t[l.pid]
	here := taken && main.start == l.start
	sessionLives := here || !l.noSession && !taken // taken, but not by the main process: the id was given away

	seeds := make(map[int]bool)
	children := make(map[int][]int, len(t))
	c.sessionOver = !here
	for pid, p := range t {
		children[p.ppid] = append(children[p.ppid], pid)
		switch {
		case pid == l.pid:
			if here {
				seeds[pid] = true
			}
		case l.outside(pid):
		case sessionLives && p.sid == l.pid:
			seeds[pid] = true
			c.sessionOver = false
		case l.reaper != 0 && p.ppid == l.reaper && !p.dead:
			yes, sure := l.tagged(p)
			if yes {
				seeds[pid] = true
			}
			c.unsure = c.unsure || !sure
		}
	}
	c.tree = t.sorted(t.descend(seeds, children, l))
	return c
}

// sorted returns the living of depth, the deepest first.
func (t table) sorted(depth map[int]int) []member {
	tree := make([]member, 0, len(depth))
	for pid, d := range depth {
		if p := t[pid]; !p.dead {
			tree = append(tree, member{pid: pid, start: p.start, depth: d})
		}
	}
	slices.SortFunc(tree, func(a, b member) int {
		return cmp.Or(cmp.Compare(b.depth, a.depth), cmp.Compare(b.pid, a.pid))
	})
	return tree
}

// group returns all of t, which are the processes of one control group, as members, the deepest below main first.
func (t table) group(main int) []member {
	children := make(map[int][]int, len(t))
	seeds := make(map[int]bool, len(t))
	for pid, p := range t {
		children[p.ppid] = append(children[p.ppid], pid)
		seeds[pid] = true
	}
	return t.sorted(t.descend(seeds, children, lineage{pid: main, outside: func(int) bool { return false }}))
}

// descend returns the depth of every process at or below a seed. A seed whose parent is in the tree counts from there; an
// orphan counts as a child of the main process, so that the main process comes last.
func (t table) descend(seeds map[int]bool, children map[int][]int, l lineage) map[int]int {
	depth := make(map[int]int, len(seeds))
	var queue []int
	visit := func(pid, d int) {
		if _, seen := depth[pid]; !seen {
			depth[pid] = d
			queue = append(queue, pid)
		}
	}
	walk := func() {
		for ; len(queue) > 0; queue = queue[1:] {
			for _, child := range children[queue[0]] {
				if child != queue[0] && !l.outside(child) {
					visit(child, depth[queue[0]]+1)
				}
			}
		}
	}
	if seeds[l.pid] {
		visit(l.pid, 0)
		walk()
	}
	for pid := range seeds { // those whose chain is broken: tops of their own subtrees
		if !seeds[t[pid].ppid] {
			visit(pid, 1)
		}
	}
	walk()
	for pid := range seeds { // none, unless the pass caught a pid changing hands
		visit(pid, 1)
	}
	return depth
}
