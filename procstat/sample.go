package procstat

import (
	"time"
)

// Sample is what a tree of processes used.
type Sample struct {
	At      time.Time
	CPU     float64       // percent of one core over about the last period; over the life of the main process if this is the first sample
	RSS     uint64        // bytes, whole tree; shared pages count for each process. Linux sums up lazily: up to a few hundred kB per CPU may be missing or too many
	MainRSS uint64        // bytes, the main process alone
	Threads int           // whole tree
	Procs   int           // living processes of the tree, the main one included
	CPUTime time.Duration // CPU time of the whole tree as far as it is known, children that have ended included
}

// reading is what the system says about one process at one moment.
type reading struct {
	pid, ppid int
	start     uint64        // tells apart two processes that had the same pid
	age       time.Duration // since its start
	self      time.Duration // CPU time of the process
	reaped    time.Duration // CPU time of the children it has waited for, and of theirs; 0 where the system doesn't tell
	rss       uint64        // bytes
	threads   int
	zombie    bool // ended, and not waited for yet
}

// account adds up the CPU time of one tree from its readings. The difficulty is
// that processes come and go between two readings:
//
//   - A child that ended and was waited for is gone, and its whole life is in the
//     reaped time of its parent, the part included that was counted already.
//   - A child that ended unseen (the parent ignores SIGCHLD, or ended before it)
//     is gone, and its last moments with it.
//   - An orphan that joins brings a past that was counted elsewhere, or not ours.
//   - The readings are not of one moment: a child that is waited for after its
//     parent was read, and before its own turn, is gone, while its parent tells
//     of it the next time only.
//
// So each process counts by what it added since its last reading, a new one by
// its whole life only if that began since, and what a parent reaped counts less
// what was already counted of those who have gone from below it, now or last time.
type account struct {
	start   uint64 // of the main process
	at      time.Time
	total   time.Duration
	members []member
	points  [2]point // older, newer: total at former readings, at least half a period apart
	tick    uint64   // the last tick in which it was used
}

type member struct {
	pid, ppid    int32
	start        uint64
	self, reaped time.Duration
	owed         time.Duration // counted before, of those gone from below, and not in reaped yet
}

type point struct {
	at    time.Time
	total time.Duration
}

// clockStep is how coarse start times are.
const clockStep = 20 * time.Millisecond

// ledger is the scratch space of observe, shared by all accounts.
type ledger struct {
	members []member
	gained  []time.Duration // by index of the reading: growth of reaped
	known   []time.Duration // by index of the reading: counted before, of those gone from below
	kept    []bool          // by index of the old member
}

// observe takes the readings of one tree, the main process first, made at now,
// and tells what it used. A rate is taken over no less than window, since CPU
// time comes in steps of 10 ms.
func (a *account) observe(now time.Time, readings []reading, window time.Duration, l *ledger) Sample {
	s := Sample{At: now, MainRSS: readings[0].rss}
	for i := range readings {
		if r := &readings[i]; !r.zombie {
			s.Procs++
			s.Threads += r.threads
			s.RSS += r.rss
		}
	}
	first := a.at.IsZero()
	if first {
		a.start = readings[0].start
	}
	a.total += a.gain(now, readings, l)
	s.CPUTime = a.total
	a.at = now

	if first {
		a.points = [2]point{{now, a.total}, {now, a.total}}
		s.CPU = percent(a.total, max(readings[0].age, window))
		return s
	}
	since := a.points[1]
	if now.Sub(since.at) < window {
		since = a.points[0]
	} else {
		a.points = [2]point{since, {now, a.total}}
	}
	s.CPU = percent(a.total-since.total, max(now.Sub(since.at), window))
	return s
}

func percent(part, whole time.Duration) float64 {
	return 100 * float64(part) / float64(whole)
}

// gain is the CPU time the tree has used since the last readings, and makes
// these the last ones.
func (a *account) gain(now time.Time, readings []reading, l *ledger) time.Duration {
	first := a.at.IsZero()
	interval := now.Sub(a.at) + clockStep
	l.reset(len(readings), len(a.members))

	var sum time.Duration
	next := 0 // where the old self of the next reading is, if nothing has changed
	for i := range readings {
		r := &readings[i]
		l.members = append(l.members, member{pid: int32(r.pid), ppid: int32(r.ppid), start: r.start, self: r.self, reaped: r.reaped})
		if j := a.find(r, next); j >= 0 {
			old := &a.members[j]
			l.kept[j] = true
			l.known[i] = old.owed
			next = j + 1
			sum += max(r.self-old.self, 0)
			l.gained[i] = max(r.reaped-old.reaped, 0)
			continue
		}
		if first || r.age <= interval {
			sum += r.self
			l.gained[i] = r.reaped
		}
	}
	for j := range a.members {
		if gone := &a.members[j]; !l.kept[j] {
			if i := a.heir(gone, l.members); i >= 0 {
				known := gone.self + gone.reaped + gone.owed
				l.known[i] += known
				l.members[i].owed += known
			}
		}
	}
	for i := range readings {
		sum += max(l.gained[i]-l.known[i], 0)
		// What is owed since the last time has come by now, or never will: the parent ignores its children. It is settled first.
		m := &l.members[i]
		m.owed = max(m.owed-max(l.gained[i]-(l.known[i]-m.owed), 0), 0)
	}
	a.members = append(a.members[:0], l.members...)
	return sum
}

// find is the index of r among the last members; trees are read in the same
// order each time, so it is mostly the one at hint.
func (a *account) find(r *reading, hint int) int {
	if hint < len(a.members) && a.members[hint].is(r) {
		return hint
	}
	for j := range a.members {
		if a.members[j].is(r) {
			return j
		}
	}
	return -1
}

func (m *member) is(r *reading) bool { return int(m.pid) == r.pid && m.start == r.start }

// heir is the index of the nearest living ancestor of gone, by way of ancestors
// that have gone as well; it is where the time of gone has been added, if at all.
func (a *account) heir(gone *member, living []member) int {
	parent := gone.ppid
	for range a.members { // no more steps than there are ancestors
		for i := range living {
			if living[i].pid == parent {
				return i
			}
		}
		up := int32(-1)
		for j := range a.members {
			if a.members[j].pid == parent {
				up = a.members[j].ppid
				break
			}
		}
		if up < 0 {
			return -1
		}
		parent = up
	}
	return -1
}

func (l *ledger) reset(readings, members int) {
	l.members = l.members[:0]
	l.gained = zeroed(l.gained, readings)
	l.known = zeroed(l.known, readings)
	l.kept = zeroed(l.kept, members)
}

func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
