package procstat

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// watch observes one reading list after the other, a second apart.
func watch(t *testing.T, seconds ...[]reading) []Sample {
	t.Helper()
	var a account
	var l ledger
	var all []Sample
	for i, r := range seconds {
		all = append(all, a.observe(noon.Add(time.Duration(i)*time.Second), r, time.Second/2, &l))
	}
	return all
}

func TestSumsOverTheTree(t *testing.T) {
	got := watch(t, []reading{
		{pid: 1, start: 1, age: time.Hour, rss: 100, threads: 11},
		{pid: 2, ppid: 1, start: 2, age: time.Hour, rss: 20, threads: 2},
		{pid: 3, ppid: 1, start: 3, age: time.Hour, rss: 0, threads: 1, zombie: true},
	})[0]
	require.Equal(t, Sample{At: noon, RSS: 120, MainRSS: 100, Threads: 13, Procs: 2}, got)
}

func TestRateIsOfTheLastPeriod(t *testing.T) {
	got := watch(t,
		[]reading{{pid: 1, start: 1, age: 10 * time.Second, self: 5 * time.Second}},
		[]reading{{pid: 1, start: 1, age: 11 * time.Second, self: 5*time.Second + 250*ms}},
		[]reading{{pid: 1, start: 1, age: 12 * time.Second, self: 5*time.Second + 250*ms}},
		[]reading{{pid: 1, start: 1, age: 13 * time.Second, self: 7*time.Second + 250*ms}},
	)
	require.InDelta(t, 50, got[0].CPU, 1e-9, "over its life")
	require.InDelta(t, 25, got[1].CPU, 1e-9)
	require.InDelta(t, 0, got[2].CPU, 1e-9)
	require.InDelta(t, 200, got[3].CPU, 1e-9, "two cores")
	require.Equal(t, 7*time.Second+250*ms, got[3].CPUTime)
}

// A read on demand shortly after a tick must not take a rate over a moment in
// which CPU time, which comes in steps of 10 ms, has or has not grown.
func TestRateIsNeverOfAMoment(t *testing.T) {
	var a account
	var l ledger
	at := func(after, self time.Duration) float64 {
		r := []reading{{pid: 1, start: 1, age: time.Hour + after, self: self}}
		return a.observe(noon.Add(after), r, time.Second/2, &l).CPU
	}
	at(0, 0)
	at(1000*ms, 100*ms)
	require.InDelta(t, 100.*110/1005, at(1005*ms, 110*ms), 1e-9, "over the tick before")
	require.InDelta(t, 10, at(2000*ms, 200*ms), 1e-9, "the read in between did not shorten the period")
	require.InDelta(t, 50, at(2600*ms, 500*ms), 1e-9, "long enough to count")
	require.InDelta(t, 40, at(3000*ms, 600*ms), 1e-9, "over more than the 400 ms since")
}

func TestNewProcessIsNotSaidToBurn(t *testing.T) {
	got := watch(t, []reading{{pid: 1, start: 1, age: 5 * ms, self: 10 * ms}})[0]
	require.InDelta(t, 2, got.CPU, 1e-9)
}

func TestReapedChildCountsOnce(t *testing.T) {
	main := reading{pid: 1, start: 1, age: time.Hour}
	after := main
	after.reaped = 900 * ms
	got := watch(t,
		[]reading{main, {pid: 2, ppid: 1, start: 2, age: 10 * ms}},
		[]reading{main, {pid: 2, ppid: 1, start: 2, age: time.Second, self: 600 * ms}},
		[]reading{after}, // it used 300 ms more, ended, and was waited for
	)
	require.InDelta(t, 60, got[1].CPU, 1e-9)
	require.InDelta(t, 30, got[2].CPU, 1e-9)
	require.Equal(t, 900*ms, got[2].CPUTime)
}

func TestChildThatCameAndWentCounts(t *testing.T) {
	main := reading{pid: 1, start: 1, age: time.Hour}
	after := main
	after.reaped = 700 * ms
	got := watch(t, []reading{main}, []reading{after})
	require.InDelta(t, 70, got[1].CPU, 1e-9)
}

func TestChildOfAChildCountsOnce(t *testing.T) {
	main := reading{pid: 1, start: 1, age: time.Hour}
	after := main
	after.reaped = 1000 * ms
	got := watch(t,
		[]reading{main, {pid: 2, ppid: 1, start: 2, self: 100 * ms}, {pid: 3, ppid: 2, start: 3, self: 500 * ms}},
		[]reading{after}, // 3 ended at 600 ms in all and 2 at 400 ms, each waited for
	)
	require.Equal(t, 1000*ms, got[1].CPUTime)
}

// The readings of a tree are made one after the other: a child may be waited for between its parent's and its own.
func TestChildReapedBetweenTwoReadingsCountsOnce(t *testing.T) {
	main := reading{pid: 1, start: 1, age: time.Hour}
	after := main
	after.reaped = 700 * ms
	last := after
	last.reaped += 50 * ms
	got := watch(t,
		[]reading{main, {pid: 2, ppid: 1, start: 2, self: 600 * ms}},
		[]reading{main}, // 2 was there when 1 was read, and 1 had waited for it when it was 2's turn
		[]reading{after},
		[]reading{last},
	)
	require.Equal(t, 600*ms, got[1].CPUTime)
	require.Equal(t, 700*ms, got[2].CPUTime)
	require.Equal(t, 750*ms, got[3].CPUTime)
}

func TestUnseenEndIsNotHeldAgainstOthers(t *testing.T) {
	main := reading{pid: 1, start: 1, age: time.Hour}
	after := main
	after.reaped = 500 * ms
	got := watch(t,
		[]reading{main, {pid: 2, ppid: 1, start: 2, self: 600 * ms}},
		[]reading{main}, // nobody will wait for it
		[]reading{main},
		[]reading{after}, // another one, that came and went
	)
	require.Equal(t, 1100*ms, got[3].CPUTime)
}

func TestUnseenEndTakesNothingBack(t *testing.T) {
	main := reading{pid: 1, start: 1, age: time.Hour}
	got := watch(t,
		[]reading{main, {pid: 2, ppid: 1, start: 2, self: 600 * ms}},
		[]reading{main}, // SIGCHLD is ignored: nobody waits
	)
	require.Equal(t, 600*ms, got[1].CPUTime)
	require.Zero(t, got[1].CPU)
}

func TestPastOfAnAdoptedProcessIsNotOurs(t *testing.T) {
	main := reading{pid: 1, start: 1, age: time.Hour}
	orphan := reading{pid: 2, ppid: 99, start: 2, age: time.Hour, self: 40 * time.Minute, reaped: time.Minute}
	later := orphan
	later.self += 100 * ms
	later.reaped += 50 * ms
	got := watch(t, []reading{main}, []reading{main, orphan}, []reading{main, later})
	require.Zero(t, got[1].CPU)
	require.InDelta(t, 15, got[2].CPU, 1e-9)
}

func TestReusedPidIsANewProcess(t *testing.T) {
	main := reading{pid: 1, start: 1, age: time.Hour}
	got := watch(t,
		[]reading{main, {pid: 2, ppid: 1, start: 2, self: 600 * ms}},
		[]reading{main, {pid: 2, ppid: 1, start: 3, age: 100 * ms, self: 50 * ms}},
	)
	require.InDelta(t, 5, got[1].CPU, 1e-9)
}

// world is a tree of processes that burn, fork, end and wait as processes do.
type world struct {
	procs []*reading // living and zombies, the main one first
	born  map[int]time.Time
	burnt time.Duration // by all that were in the tree when they burnt
	now   time.Time
	pids  int
}

func newWorld() *world {
	w := &world{now: noon, born: map[int]time.Time{}}
	w.fork(0)
	return w
}

func (w *world) fork(parent int) {
	w.pids++
	w.born[w.pids] = w.now
	w.procs = append(w.procs, &reading{pid: w.pids, ppid: parent, start: uint64(w.pids)})
}

func (w *world) reap(i int) {
	c := w.procs[i]
	for _, p := range w.procs {
		if p.pid == c.ppid {
			p.reaped += c.self + c.reaped
		}
	}
	w.remove(i)
}

func (w *world) remove(i int) { w.procs = append(w.procs[:i], w.procs[i+1:]...) }

// leave takes the descendants of pid out of the tree, as when it ends before
// them.
func (w *world) leave(pid int) {
	for i := 0; i < len(w.procs); i++ {
		if w.procs[i].ppid == pid {
			kid := w.procs[i].pid
			w.remove(i)
			w.leave(kid)
			i = 0
		}
	}
}

func (w *world) readings() []reading {
	var all []reading
	for _, p := range w.procs {
		p.age = w.now.Sub(w.born[p.pid])
		all = append(all, *p)
	}
	return all
}

// live lets a world live, and calls sampled after each sample, torn after one during which it went on.
func live(t *rapid.T, orphans bool, sampled, torn func(w *world, s Sample)) {
	w := newWorld()
	var a account
	var l ledger
	pick := func(t *rapid.T) *reading { return w.procs[rapid.IntRange(0, len(w.procs)-1).Draw(t, "i")] }
	t.Repeat(map[string]func(*rapid.T){
		"burn": func(t *rapid.T) {
			if p := pick(t); !p.zombie {
				d := time.Duration(rapid.IntRange(1, 50).Draw(t, "ticks")) * 10 * ms
				p.self += d
				w.burnt += d
				w.now = w.now.Add(d)
			}
		},
		"fork": func(t *rapid.T) {
			if p := pick(t); !p.zombie {
				w.fork(p.pid)
			}
		},
		"exit": func(t *rapid.T) {
			p := pick(t)
			if p.pid == 1 {
				return
			}
			for _, kid := range w.procs {
				if kid.ppid == p.pid && !orphans {
					return
				}
			}
			w.leave(p.pid)
			p.zombie = true
		},
		"wait": func(t *rapid.T) {
			i := rapid.IntRange(0, len(w.procs)-1).Draw(t, "i")
			if w.procs[i].zombie {
				w.reap(i)
			}
		},
		"sample, while a child ends and is waited for": func(t *rapid.T) {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 1500).Draw(t, "ms")) * ms)
			i := rapid.IntRange(0, len(w.procs)-1).Draw(t, "i")
			pid := w.procs[i].pid
			if pid == 1 || slices.ContainsFunc(w.procs, func(p *reading) bool { return p.ppid == pid }) {
				return
			}
			already := rapid.IntRange(1, i).Draw(t, "already read")
			readings := w.readings()[:already]
			w.reap(i)
			readings = append(readings, w.readings()[already:]...)
			torn(w, a.observe(w.now, readings, time.Second/2, &l))
		},
		"sample": func(t *rapid.T) {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 1500).Draw(t, "ms")) * ms)
			sampled(w, a.observe(w.now, w.readings(), time.Second/2, &l))
		},
	})
}

func TestAllThatIsBurntIsCountedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		live(t, false, func(w *world, s Sample) {
			require.Equal(t, w.burnt, s.CPUTime)
			require.GreaterOrEqual(t, s.CPU, 0.)
		}, func(w *world, s Sample) { require.LessOrEqual(t, s.CPUTime, w.burnt) })
	})
}

// What orphans take along unseen cannot be known; but nothing counts twice.
func TestOrphansMakeNothingCountTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var before time.Duration
		check := func(w *world, s Sample) {
			require.LessOrEqual(t, s.CPUTime, w.burnt)
			require.GreaterOrEqual(t, s.CPUTime, before)
			before = s.CPUTime
		}
		live(t, true, check, check)
	})
}
