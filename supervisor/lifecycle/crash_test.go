package lifecycle

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crashes lets the current child run for each of the given times and exit with code 1. Delays are waited out.
func (sc *script) crashes(runs ...time.Duration) {
	for _, run := range runs {
		gen := sc.s.Cur.Gen
		require.NotZero(sc.t, gen, "no child left to crash")
		sc.do(Spawned{Gen: gen, PID: int(gen)}, Ready{gen})
		sc.after(run, Exited{Gen: gen, Code: 1}, Empty{gen})
		if at := sc.s.RestartAt; !at.IsZero() {
			sc.now = at
			sc.do(Tick{})
		}
	}
}

func times(n int, d time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d
	}
	return all
}

// PM2 shows 15 restarts after 16 quick exits, 2 with a limit of 3, and none with a limit of 0 or 1.
func TestGivesUpWithTheNumbersOfPM2(t *testing.T) {
	for limit, restarts := range map[int]int{16: 15, 3: 2, 1: 0, 0: 0} {
		sc := newScript(t, func(p *Policy) { p.MaxRestarts = limit })
		sc.do(Start{})
		sc.crashes(times(restarts, 100*time.Millisecond)...)
		sc.status("launching")
		require.Equal(t, restarts, sc.s.Unstable)
		sc.crashes(100 * time.Millisecond)
		sc.status("errored")
		require.True(t, sc.s.GaveUp)
		require.Equal(t, restarts, sc.s.Restarts)
		require.Zero(t, sc.s.Unstable)
		require.True(t, sc.s.Born.IsZero())
		require.Equal(t, uint64(restarts+1), sc.s.LastGen)
		sc.quiet()
	}
}

func TestLimitOfZeroGivesUpOnAnyExit(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.MaxRestarts = 0 })
	sc.do(Start{})
	sc.crashes(time.Hour)
	sc.status("errored")
}

// PM2 restarts such a process hot and without end: 1241 times in 5 s were seen.
func TestCrashAtBootAfterALongRunGivesUpToo(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{})
	sc.crashes(time.Hour)
	sc.crashes(times(15, 5*time.Millisecond)...)
	sc.status("launching")
	sc.crashes(5 * time.Millisecond)
	sc.status("errored")
	require.Equal(t, 16, sc.s.Restarts)
}

func TestALongRunEndsTheRow(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.MaxRestarts = 3 })
	sc.do(Start{})
	sc.crashes(0, 999*time.Millisecond)
	require.Equal(t, 2, sc.s.Unstable)
	sc.crashes(time.Second)
	require.Zero(t, sc.s.Unstable)
	sc.crashes(0, 0)
	sc.status("launching")
	sc.crashes(0)
	sc.status("errored")
}

func TestLongPausesNeverGiveUp(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"delay":    func(p *Policy) { p.RestartDelay = 1100 * time.Millisecond },
		"back-off": func(p *Policy) { p.ExpBackoff = 100 * time.Millisecond },
	} {
		sc := newScript(t, change)
		sc.do(Start{})
		sc.crashes(times(200, 50*time.Millisecond)...)
		sc.status("launching")
		require.Equal(t, 200, sc.s.Restarts, name)
	}
}

// Pauses that let MaxRestarts exits into MinUptime × MaxRestarts do not help. Each of these was seen with PM2.
func TestShortPausesGiveUp(t *testing.T) {
	for _, c := range []struct {
		limit             int
		delay, expBackoff time.Duration
	}{
		{limit: 3, delay: 200 * time.Millisecond},
		{limit: 3, delay: 1100 * time.Millisecond},
		{limit: 3, expBackoff: 100 * time.Millisecond},
		{limit: 16, delay: 900 * time.Millisecond},
		{limit: 16, delay: time.Second},
	} {
		sc := newScript(t, func(p *Policy) { p.MaxRestarts, p.RestartDelay, p.ExpBackoff = c.limit, c.delay, c.expBackoff })
		sc.do(Start{})
		sc.crashes(times(c.limit-1, 10*time.Millisecond)...)
		sc.status("launching")
		sc.crashes(10 * time.Millisecond)
		sc.status("errored") // "waiting restart" in PM2, though nothing is coming
		require.Equal(t, c.limit-1, sc.s.Restarts)
		sc.quiet()
	}
}

func TestARowThatLastedTooLongStartsAnew(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.RestartDelay, p.MaxRestarts = 1400*time.Millisecond, 3 })
	sc.do(Start{})
	sc.crashes(0, 0)
	require.Equal(t, 2, sc.s.Unstable)
	sc.do(Spawned{Gen: 3, PID: 3})
	sc.after(300*time.Millisecond, Exited{Gen: 3}) // 3.1 s after the first run began, in a window of 3 s
	require.Equal(t, 1, sc.s.Unstable)
	require.False(t, sc.s.GaveUp)
}

func TestFailedSpawnIsAQuickExit(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.MaxRestarts = 3 })
	sc.do(Start{})
	const slow = 900 * time.Millisecond // each attempt
	require.Equal(t, "exited 1, restarting 1 in 0s, starting 2, spawn 2", sc.after(slow, Exited{Gen: 1, Err: "no such file"}))
	require.Equal(t, "no such file", sc.s.Exit.Err)
	sc.after(slow, Exited{Gen: 2, Err: "no such file"})
	require.Equal(t, "exited 3, errored 3", sc.after(slow, Exited{Gen: 3, Err: "no such file"}))
	require.Equal(t, 2, sc.s.Restarts)
	sc.quiet()
}

func TestASlowFailureToSpawnIsStillQuick(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{})
	sc.after(time.Minute, Exited{Gen: 1, Err: "no answer from the file server"})
	require.Equal(t, 1, sc.s.Unstable)
}

func TestUptimeCountsFromTheProcessNotFromTheWish(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{})
	sc.after(time.Minute, Spawned{Gen: 1, PID: 11})
	sc.after(10*time.Millisecond, Exited{Gen: 1, Code: 1})
	require.Equal(t, 1, sc.s.Unstable)
}

func TestUnlimitedIsPacedAfterAHotRow(t *testing.T) {
	sc := newScript(t, noTree, func(p *Policy) { p.MaxRestarts = -1 })
	sc.do(Start{})
	for gen := uint64(1); gen < 16; gen++ {
		require.Contains(t, sc.do(Spawned{Gen: gen, PID: 1}, Exited{Gen: gen}), "in 0s")
	}
	for gen := uint64(16); gen < 100; gen++ {
		require.Contains(t, sc.do(Spawned{Gen: gen, PID: 1}, Exited{Gen: gen}), "in 1s")
		sc.status("waiting restart")
		sc.alarm(time.Second)
	}
	sc.do(Spawned{Gen: 100, PID: 1})
	require.Contains(t, sc.after(time.Second, Exited{Gen: 100}), "in 0s")
}

func TestASpawnThatGoesOnFailingIsPacedWhateverTheLimit(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.MaxRestarts = 99999 })
	sc.do(Start{})
	for gen := uint64(1); gen < 16; gen++ {
		require.Contains(t, sc.do(Exited{Gen: gen, Err: "no such file"}), "in 0s")
	}
	require.Equal(t, "exited 16, restarting 16 in 1s", sc.do(Exited{Gen: 16, Err: "no such file"}))
	require.Equal(t, "starting 17, spawn 17", sc.alarm(time.Second))
	require.Contains(t, sc.do(Spawned{Gen: 17, PID: 1}, Exited{Gen: 17}, Empty{17}), "spawn 18", "a limit of one's own choice is run into hot, as in PM2")
}

// The series was measured with PM2.
func TestBackoffGrowsAsInPM2(t *testing.T) {
	sc := newScript(t, noTree, func(p *Policy) { p.ExpBackoff, p.RestartDelay = 100*time.Millisecond, time.Minute })
	sc.do(Start{})
	for i, ms := range []int{100, 150, 225, 337, 505, 757, 1135, 1702, 2553, 3829, 5743, 8614, 12921, 15000, 15000} {
		gen := uint64(i + 1)
		sc.do(Spawned{Gen: gen, PID: 1}, Exited{Gen: gen, Code: 1})
		sc.status("waiting restart")
		require.Equal(t, time.Duration(ms)*time.Millisecond, sc.s.Backoff)
		require.Equal(t, i, sc.s.Restarts, "counted when it happens")
		sc.alarm(sc.s.Backoff)
	}
}

func TestBackoffStartsAgainWhenStable(t *testing.T) {
	sc := newScript(t, noTree, waitReady, func(p *Policy) { p.ExpBackoff, p.ListenTimeout = 100*time.Millisecond, time.Minute })
	sc.do(Start{}, Spawned{Gen: 1, PID: 1}, Exited{Gen: 1})
	sc.alarm(100 * time.Millisecond)
	sc.do(Spawned{Gen: 2, PID: 2})
	sc.after(40*time.Second, Tick{})
	require.Equal(t, 100*time.Millisecond, sc.s.Backoff, "not online yet")
	sc.do(Ready{2})
	sc.alarm(-10 * time.Second)
	require.Zero(t, sc.s.Backoff)
	sc.quiet()
}

func TestStableCountsEvenIfItsTickWasLate(t *testing.T) {
	sc := newScript(t, noTree, func(p *Policy) { p.ExpBackoff = 100 * time.Millisecond })
	sc.do(Start{}, Spawned{Gen: 1, PID: 1}, Exited{Gen: 1})
	sc.alarm(100 * time.Millisecond)
	sc.do(Spawned{Gen: 2, PID: 2})
	require.Contains(t, sc.after(30*time.Second, Exited{Gen: 2}), "in 100ms")
	sc.alarm(100 * time.Millisecond)
	sc.do(Spawned{Gen: 3, PID: 3})
	require.Contains(t, sc.after(30*time.Second-1, Exited{Gen: 3}), "in 150ms")
}

func TestBackoffIsNotForgottenForSurvivorsThatLinger(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.ExpBackoff = 100 * time.Millisecond })
	sc.do(Start{}, Spawned{Gen: 1, PID: 1}, Exited{Gen: 1})
	sc.after(time.Minute, Tick{})
	sc.do(Empty{1}, Spawned{Gen: 2, PID: 2})
	require.Contains(t, sc.do(Exited{Gen: 2}), "in 150ms")
}

func TestGrowNeverOverflows(t *testing.T) {
	require.Equal(t, time.Duration(math.MaxInt64), grow(0, math.MaxInt64))
	require.Equal(t, backoffMax, grow(math.MaxInt64, math.MaxInt64))
	require.Equal(t, backoffMax, grow(backoffMax, 1))
}

func TestHugeLimitsDoNotOverflow(t *testing.T) {
	sc := newScript(t, noTree, func(p *Policy) { p.MaxRestarts, p.MinUptime = math.MaxInt, math.MaxInt64 })
	sc.do(Start{})
	sc.crashes(times(50, time.Hour)...)
	require.Equal(t, 50, sc.s.Unstable)
	sc.status("launching")
}

func TestExitWithoutAutoRestartIsStoppedNotErrored(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.AutoRestart, p.MaxRestarts, p.RestartDelay = false, 1, time.Minute })
	sc.do(Start{}, Spawned{Gen: 1, PID: 1})
	require.Equal(t, "exited 1, term 1", sc.do(Exited{Gen: 1, Code: 1}))
	require.Equal(t, "stopped 1", sc.do(Empty{1}))
	sc.status("stopped")
	require.False(t, sc.s.GaveUp)
	sc.quiet()
	require.Equal(t, "starting 2, spawn 2", sc.do(Restart{}))
	require.Zero(t, sc.s.Restarts)
}

func TestStopExitCodesAreRealExitCodes(t *testing.T) {
	for _, c := range []struct {
		exit   Exited
		status string
	}{
		{Exited{Gen: 1, Code: 0}, "stopped"},
		{Exited{Gen: 1, Code: 7}, "stopped"},
		{Exited{Gen: 1, Code: 1}, "launching"},
		{Exited{Gen: 1, Signal: 9}, "launching"}, // code 0 in PM2, which takes it for a clean end
		{Exited{Gen: 1, Err: "status unknown"}, "launching"},
	} {
		sc := newScript(t, noTree, func(p *Policy) { p.StopExitCodes = []int{0, 7} })
		sc.do(Start{}, Spawned{Gen: 1, PID: 1}, c.exit)
		require.Equal(t, c.status, sc.s.Status(), "%+v", c.exit)
		require.Equal(t, ExitInfo{1, c.exit.Code, c.exit.Signal, c.exit.Err, t0}, sc.s.Exit)
	}
}

func TestRestartsCountsWhatPM2Counts(t *testing.T) {
	sc := newScript(t, noTree, func(p *Policy) { p.RestartDelay = time.Minute })
	count := func(want int) { t.Helper(); require.Equal(t, want, sc.s.Restarts) }
	sc.do(Start{}, Spawned{Gen: 1, PID: 1})
	count(0)
	sc.do(Restart{}, Exited{Gen: 1}, Spawned{Gen: 2, PID: 2})
	count(1)
	sc.do(Reload{}, Restart{}, Exited{Gen: 2}, Spawned{Gen: 3, PID: 3})
	count(2) // one restart, though asked for twice
	sc.do(Exited{Gen: 3})
	count(2)
	sc.do(Restart{}, Spawned{Gen: 4, PID: 4}) // from waiting: PM2 counts neither this nor the restart it replaces
	count(2)
	sc.do(Exited{Gen: 4}, Start{}, Spawned{Gen: 5, PID: 5})
	count(2)
	sc.do(Exited{Gen: 5})
	sc.alarm(time.Minute)
	count(3)
	sc.do(Spawned{Gen: 6, PID: 6}, Stop{}, Exited{Gen: 6}, Restart{}, Spawned{Gen: 7, PID: 7})
	count(3)
	sc.p.Overlap = true
	sc.do(Reload{}, Spawned{Gen: 8, PID: 8}, Ready{8})
	count(4)
	sc.do(Exited{Gen: 8}, Stop{}, Exited{Gen: 7}, Start{})
	count(4)
}

func TestOperatorForgives(t *testing.T) {
	for _, in := range []Input{Start{}, Restart{}, Reload{}} {
		sc := newScript(t, func(p *Policy) { p.ExpBackoff, p.MaxRestarts = 10*time.Millisecond, 3 })
		sc.do(Start{})
		sc.crashes(0, 0, 0)
		sc.status("errored")
		sc.after(time.Hour, in)
		require.False(t, sc.s.GaveUp)
		require.Zero(t, sc.s.Backoff)
		require.Equal(t, sc.now, sc.s.Born)
		sc.crashes(0, 0)
		sc.status("launching")
		require.Equal(t, 4, sc.s.Restarts)
		sc.do(Spawned{Gen: sc.s.LastGen, PID: 5}, Restart{}, Exited{Gen: sc.s.LastGen}, Empty{sc.s.LastGen})
		require.Zero(t, sc.s.Unstable)
		require.Zero(t, sc.s.Backoff)
		sc.crashes(0, 0)
		sc.status("launching")
	}
}

// An exit within a second of its start is no crash if it was asked for (PM2 counts it as one).
func TestAnAskedExitIsNoCrash(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.MaxRestarts = 1 })
	sc.do(Start{}, Spawned{Gen: 1, PID: 1}, Restart{}, Exited{Gen: 1, Code: 1})
	require.Zero(t, sc.s.Unstable)
	require.Equal(t, "starting 2, spawn 2", sc.do(Empty{1}))
}

func TestDelaysThatGrow(t *testing.T) {
	for _, c := range []struct {
		growth Growth
		want   []int // seconds
	}{
		{Linear, []int{2, 4, 6, 8, 9, 9}},
		{Doubling, []int{0, 2, 4, 8, 9, 9}},
	} {
		sc := newScript(t, noTree, func(p *Policy) {
			p.Growth, p.RestartDelay, p.BackoffCap, p.MaxRestarts = c.growth, 2*time.Second, 9*time.Second, 7
		})
		sc.do(Start{})
		for i, s := range c.want {
			gen := uint64(i + 1)
			sc.do(Spawned{Gen: gen, PID: 1})
			require.Contains(t, sc.do(Exited{Gen: gen, Code: 1}), "in "+(time.Duration(s)*time.Second).String())
			if s > 0 {
				sc.alarm(time.Duration(s) * time.Second)
			}
		}
		sc.do(Spawned{Gen: 7, PID: 1}, Exited{Gen: 7})
		sc.status("errored") // however long the row lasted
	}
}

func TestJitterShortensAndIsTheSameForTheSameIncarnation(t *testing.T) {
	var seen []time.Duration
	for gen := range uint64(50) {
		m := machine{p: Policy{Growth: Linear, RestartDelay: time.Second, Jitter: 0.5}, s: State{LastGen: gen, Unstable: 1, Born: t0}, now: t0}
		d := m.grown()
		require.Equal(t, d, m.grown())
		require.LessOrEqual(t, d, time.Second)
		require.GreaterOrEqual(t, d, 500*time.Millisecond)
		seen = append(seen, d)
	}
	require.NotEqual(t, seen[0], seen[1])
	require.NotEqual(t, seen[1], seen[2])
}

func TestMaxRestartsInAWindow(t *testing.T) {
	sc := newScript(t, noTree, func(p *Policy) { p.Window, p.MaxRestarts = time.Minute, 2 })
	sc.do(Start{})
	run := func(gen uint64, d time.Duration) { sc.do(Spawned{Gen: gen, PID: 1}); sc.after(d, Exited{Gen: gen}) }
	run(1, 10*time.Second)
	run(2, 20*time.Second)
	sc.status("launching")
	run(3, 45*time.Second) // 65 s after the first restart: another window
	run(4, 10*time.Second)
	sc.status("launching")
	run(5, 10*time.Second)
	sc.status("errored")
	require.Equal(t, 4, sc.s.Restarts)
	sc.do(Start{})
	sc.status("launching")
	require.Zero(t, sc.s.InWindow)
}

func TestCircuitOpensTriesOnceAndCloses(t *testing.T) {
	sc := newScript(t, noTree, func(p *Policy) { p.Breaker, p.OpenFor, p.MaxRestarts = 3, time.Minute, -1 })
	sc.do(Start{})
	sc.do(Spawned{Gen: 1, PID: 1}, Exited{Gen: 1}, Spawned{Gen: 2, PID: 1}, Exited{Gen: 2}, Spawned{Gen: 3, PID: 1})
	require.Equal(t, "exited 3, circuit opened 3, restarting 3 in 1m0s", sc.do(Exited{Gen: 3}))
	sc.status("waiting restart")
	sc.alarm(time.Minute)
	sc.do(Spawned{Gen: 4, PID: 1})
	require.Equal(t, "exited 4, restarting 4 in 1m0s", sc.do(Exited{Gen: 4}), "the trial failed")
	sc.alarm(time.Minute)
	sc.do(Spawned{Gen: 5, PID: 1})
	require.Equal(t, "circuit closed 5", sc.alarm(time.Second))
	require.Contains(t, sc.do(Exited{Gen: 5}), "in 0s")
	require.False(t, sc.s.Open)
	sc.do(Spawned{Gen: 6, PID: 1}, Exited{Gen: 6}, Spawned{Gen: 7, PID: 1}, Exited{Gen: 7})
	sc.do(Start{})
	require.False(t, sc.s.Open, "the operator forgives")
	sc.status("launching")
}
