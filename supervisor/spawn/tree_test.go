package spawn

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

const (
	testReaper     = 2
	testSupervisor = 3
	testMain       = 100
)

// world is a process table with the reaper and the supervisor in it.
func world(processes ...process) *table {
	t := newTable(8)
	t.add(process{pid: 1, sid: 1, start: 1})
	t.add(process{pid: testReaper, ppid: 1, sid: 2, start: 2})
	t.add(process{pid: testSupervisor, ppid: testReaper, sid: 3, start: 3})
	for _, p := range processes {
		if p.start == 0 {
			p.start = uint64(p.pid)
		}
		t.add(p)
	}
	return t
}

// lineageOf is that of a main process 100, whose tag the given pids carry.
func lineageOf(tagged ...int) lineage {
	return lineage{
		pid: testMain, start: testMain, reapers: []int{testReaper},
		outside: func(pid int) bool { return pid == testReaper || pid == testSupervisor || pid == 500 },
		tagged: func(p process) (bool, bool) {
			for _, pid := range tagged {
				if pid == p.pid {
					return true, true
				}
			}
			return false, p.pid != 666
		},
	}
}

func TestMembersByLineage(t *testing.T) {
	main := process{pid: testMain, ppid: testSupervisor, sid: testMain}
	rows := []struct {
		name      string
		processes []process
		tagged    []int
		reapers   []int // if others than the usual
		noSession bool
		want      []int
		over      bool
		unsure    bool
	}{
		{name: "alone", processes: []process{main}, want: []int{100}},
		{name: "nobody", over: true},
		{
			name:      "descendants, whatever their session, deepest first",
			processes: []process{main, {pid: 101, ppid: 100, sid: 100}, {pid: 102, ppid: 101, sid: 102}, {pid: 90, ppid: 102, sid: 102}},
			want:      []int{90, 102, 101, 100},
		},
		{
			name:      "orphans of the session, main alive or not",
			processes: []process{main, {pid: 101, ppid: testReaper, sid: 100}, {pid: 102, ppid: 101, sid: 102}},
			want:      []int{102, 101, 100},
		},
		{
			name:      "main gone",
			processes: []process{{pid: 101, ppid: testReaper, sid: 100}, {pid: 102, ppid: 101, sid: 102}},
			want:      []int{102, 101},
		},
		{
			name:      "tagged orphans and what is below",
			processes: []process{{pid: 101, ppid: testReaper, sid: 101}, {pid: 102, ppid: 101, sid: 102}, {pid: 103, ppid: testReaper, sid: 103}},
			tagged:    []int{101},
			want:      []int{102, 101},
			over:      true,
		},
		{
			name:      "a tag counts for children of the reaper only",
			processes: []process{main, {pid: 101, ppid: 1, sid: 101}},
			tagged:    []int{101},
			want:      []int{100},
		},
		{
			name:      "and for those to whom the children of a dead reaper fell",
			processes: []process{main, {pid: 101, ppid: 1, sid: 101}, {pid: 102, ppid: 101, sid: 102}, {pid: 103, ppid: 1, sid: 103}},
			reapers:   []int{testReaper, 1},
			tagged:    []int{101},
			want:      []int{102, 101, 100},
		},
		{
			name:      "zombies are dead, those below them are not",
			processes: []process{{pid: testMain, ppid: testSupervisor, sid: testMain, dead: true}, {pid: 101, ppid: 100, sid: 100}, {pid: 102, ppid: 100, sid: 100, dead: true}},
			want:      []int{101},
		},
		{
			name:      "a zombie holds its session's id",
			processes: []process{{pid: 101, ppid: testReaper, sid: 100, dead: true}},
		},
		{
			name:      "the id given to another process: neither it nor its session",
			processes: []process{{pid: testMain, ppid: 1, sid: testMain, start: 999}, {pid: 200, ppid: testMain, sid: testMain}, {pid: 201, ppid: testReaper, sid: testMain}},
			over:      true,
		},
		{
			name:      "the session over, its id in use again by orphans of a stranger",
			processes: []process{{pid: 200, ppid: testReaper, sid: testMain}},
			noSession: true,
			over:      true,
		},
		{
			name:      "supervisor, reaper and other mains are never members",
			processes: []process{main, {pid: 500, ppid: testReaper, sid: 100}, {pid: 501, ppid: 500, sid: 501}},
			tagged:    []int{500, testSupervisor},
			want:      []int{100},
		},
		{
			name:      "an orphan whose environment is not there is doubtful",
			processes: []process{{pid: 666, ppid: testReaper, sid: 666}},
			over:      true, unsure: true,
		},
		{
			name:      "a dead one is not doubtful",
			processes: []process{{pid: 666, ppid: testReaper, sid: 666, dead: true}},
			over:      true,
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			l := lineageOf(row.tagged...)
			l.noSession = row.noSession
			if row.reapers != nil {
				l.reapers = row.reapers
			}
			got := world(row.processes...).members(l)
			assert.Equal(t, row.want, pidsOf(got.tree))
			assert.Equal(t, row.over, got.sessionOver)
			assert.Equal(t, row.unsure, got.unsure)
		})
	}
}

func pidsOf(tree []member) (pids []int) {
	for _, m := range tree {
		pids = append(pids, m.pid)
	}
	return pids
}

func TestWithoutReaperItsChildrenAreStrangers(t *testing.T) {
	l := lineageOf(101)
	l.reapers = nil
	assert.Empty(t, world(process{pid: 101, ppid: testReaper, sid: 101}).members(l).tree)
}

func TestGroupMembersAreDeepestFirst(t *testing.T) {
	g := newTable(4)
	for _, p := range []process{
		{pid: 100, ppid: 3}, {pid: 90, ppid: 101}, {pid: 101, ppid: 100}, {pid: 300, ppid: 2}, {pid: 301, ppid: 300}, {pid: 302, ppid: 301, dead: true},
	} {
		g.add(p)
	}
	assert.Equal(t, []int{301, 90, 300, 101, 100}, pidsOf(g.group(100)))
}

// Whatever the kernel may show, even ppids in a circle: members are living, unique, sorted, all descendants of main are
// there, and a child comes before its parent.
func TestAnyTableIsCounted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pid := rapid.IntRange(95, 110)
		tab := world()
		for p := range rapid.MapOf(pid, rapid.Just(0)).Draw(rt, "pids") {
			tab.add(process{
				pid: p, ppid: rapid.OneOf(pid, rapid.SampledFrom([]int{1, 2, 3})).Draw(rt, "ppid"),
				sid: pid.Draw(rt, "sid"), start: uint64(p), dead: rapid.Bool().Draw(rt, "dead"),
			})
		}
		tree := tab.members(lineageOf(101, 107)).tree
		at := make(map[int]int)
		for i, m := range tree {
			if _, twice := at[m.pid]; twice || tab.processes[m.pid].dead {
				rt.Fatalf("%d twice or dead", m.pid)
			}
			at[m.pid] = i
		}
		if main, here := tab.processes[testMain]; here && !main.dead && (len(tree) == 0 || tree[len(tree)-1].pid != testMain) {
			rt.Fatalf("main is not the last: %v", tree)
		}
		for p, line := range tab.processes {
			if _, in := at[line.ppid]; !in || line.dead || p == testReaper || p == testSupervisor {
				continue
			}
			if _, in := at[p]; !in {
				rt.Fatalf("%d is missing, its parent %d is not: %v", p, line.ppid, tree)
			}
		}
	})
}
