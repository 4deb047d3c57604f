package lifecycle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// places leads a fresh script to each column of the table. The policy waits for ready and allows overlap.
var places = map[string]func(*script){
	"none": func(*script) {},
	"errored": func(sc *script) {
		sc.p.MaxRestarts = 1
		sc.do(Start{}, Exited{Gen: 1, Err: "exec"})
		sc.p.MaxRestarts = 16
	},
	"waiting": func(sc *script) {
		sc.p.RestartDelay = time.Minute
		sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Exited{Gen: 1, Code: 1}, Empty{1})
	},
	"spawning":  func(sc *script) { sc.do(Start{}) },
	"launching": func(sc *script) { sc.do(Start{}, Spawned{Gen: 1, PID: 11}) },
	"online":    func(sc *script) { sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}) },
	"overlap": func(sc *script) {
		sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}, Reload{}, Spawned{Gen: 2, PID: 22})
	},
	"draining": func(sc *script) {
		sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}, Reload{}, Spawned{Gen: 2, PID: 22}, Ready{2})
	},
	"stopping": func(sc *script) { sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}, Stop{}) },
	"restarting": func(sc *script) {
		sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}, Restart{})
	},
	"stopping unspawned": func(sc *script) { sc.do(Start{}, Stop{}) },
	"deleting":           func(sc *script) { sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}, Delete{}) },
	"deleted":            func(sc *script) { sc.do(Delete{}) },
	"survivors":          func(sc *script) { sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}, Exited{Gen: 1, Code: 1}) },
	"stopped survivors":  func(sc *script) { sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Stop{}, Exited{Gen: 1}) },
	"dying both": func(sc *script) {
		sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}, Reload{}, Spawned{Gen: 2, PID: 22}, Restart{})
	},
}

// Each row of the table in the package comment, cell by cell. The wish after the input is in want.
var cells = []struct {
	place string
	in    Input
	out   string
	after string // status
	want  Want
}{
	{"none", Start{}, "starting 1, spawn 1", "launching", Up},
	{"errored", Start{}, "starting 2, spawn 2", "launching", Up},
	{"waiting", Start{}, "starting 2, spawn 2", "launching", Up},
	{"launching", Start{}, "", "launching", Up},
	{"online", Start{}, "", "online", Up},
	{"overlap", Start{}, "", "launching", Up},
	{"draining", Start{}, "", "online", Up},
	{"stopping", Start{}, "", "stopping", Up},
	{"survivors", Start{}, "", "stopping", Up},
	{"deleting", Start{}, "", "stopping", Gone},
	{"deleted", Start{}, "", "stopped", Gone},

	{"none", Stop{}, "", "stopped", Down},
	{"errored", Stop{}, "stopped 1", "stopped", Down},
	{"waiting", Stop{}, "stopped 1", "stopped", Down},
	{"spawning", Stop{}, "stopping 1", "stopping", Down},
	{"launching", Stop{}, "stopping 1, term 1", "stopping", Down},
	{"online", Stop{}, "stopping 1, term 1", "stopping", Down},
	{"overlap", Stop{}, "stopping 2, term 2, stopping 1, term 1", "stopping", Down},
	{"draining", Stop{}, "stopping 2, term 2", "stopping", Down},
	{"stopping", Stop{}, "", "stopping", Down},
	{"restarting", Stop{}, "", "stopping", Down},
	{"survivors", Stop{}, "", "stopping", Down},
	{"deleting", Stop{}, "", "stopping", Gone},

	{"none", Delete{}, "gone 0", "stopped", Gone},
	{"errored", Delete{}, "gone 1", "stopped", Gone},
	{"waiting", Delete{}, "gone 1", "stopped", Gone},
	{"spawning", Delete{}, "stopping 1", "stopping", Gone},
	{"online", Delete{}, "stopping 1, term 1", "stopping", Gone},
	{"overlap", Delete{}, "stopping 2, term 2, stopping 1, term 1", "stopping", Gone},
	{"stopping", Delete{}, "", "stopping", Gone},
	{"survivors", Delete{}, "", "stopping", Gone},
	{"deleted", Delete{}, "", "stopped", Gone},

	{"none", Restart{}, "starting 1, spawn 1", "launching", Up},
	{"errored", Restart{}, "starting 2, spawn 2", "launching", Up},
	{"waiting", Restart{}, "starting 2, spawn 2", "launching", Up},
	{"spawning", Restart{}, "stopping 1", "stopping", Up},
	{"launching", Restart{}, "stopping 1, term 1", "stopping", Up},
	{"online", Restart{}, "stopping 1, term 1", "stopping", Up},
	{"overlap", Restart{}, "stopping 2, term 2, stopping 1, term 1", "stopping", Up},
	{"draining", Restart{}, "stopping 2, term 2", "stopping", Up},
	{"stopping", Restart{}, "", "stopping", Up},
	{"survivors", Restart{}, "", "stopping", Up},
	{"deleting", Restart{}, "", "stopping", Gone},

	{"waiting", Restart{1}, "", "waiting restart", Up},
	{"errored", Restart{1}, "", "errored", Up},
	{"launching", Restart{1}, "stopping 1, term 1", "stopping", Up},
	{"online", Restart{1}, "stopping 1, term 1", "stopping", Up},
	{"online", Restart{7}, "", "online", Up},
	{"overlap", Restart{1}, "", "launching", Up},
	{"overlap", Restart{2}, "stopping 2, term 2, stopping 1, term 1", "stopping", Up},
	{"stopping", Restart{1}, "", "stopping", Down},
	{"survivors", Restart{1}, "", "stopping", Up},

	{"none", Reload{}, "starting 1, spawn 1", "launching", Up},
	{"waiting", Reload{}, "starting 2, spawn 2", "launching", Up},
	{"launching", Reload{}, "stopping 1, term 1", "stopping", Up},
	{"online", Reload{}, "starting 2, spawn 2", "launching", Up},
	{"online", Reload{1}, "starting 2, spawn 2", "launching", Up},
	{"online", Reload{7}, "", "online", Up},
	{"overlap", Reload{}, "", "launching", Up},
	{"draining", Reload{}, "", "online", Up},
	{"stopping", Reload{}, "", "stopping", Up},
	{"stopping", Reload{1}, "", "stopping", Down},
	{"deleting", Reload{}, "", "stopping", Gone},

	{"none", Spawned{Gen: 1, PID: 11}, "", "stopped", Down},
	{"spawning", Spawned{Gen: 1, PID: 11}, "", "launching", Up},
	{"online", Spawned{Gen: 1, PID: 99}, "", "online", Up},
	{"stopping unspawned", Spawned{Gen: 1, PID: 11}, "term 1", "stopping", Down},
	{"survivors", Spawned{Gen: 1, PID: 99}, "", "stopping", Up},

	{"launching", Ready{1}, "online 1", "online", Up},
	{"spawning", Ready{1}, "online 1", "online", Up},
	{"launching", Ready{7}, "", "launching", Up},
	{"online", Ready{1}, "", "online", Up},
	{"overlap", Ready{2}, "online 2, stopping 1, term 1", "online", Up},
	{"overlap", Ready{1}, "", "launching", Up},
	{"stopping", Ready{1}, "", "stopping", Down},
	{"restarting", Ready{1}, "", "stopping", Up},

	{"spawning", Exited{Gen: 1, Err: "exec"}, "exited 1, restarting 1 in 0s, starting 2, spawn 2", "launching", Up},
	{"launching", Exited{Gen: 1}, "exited 1, term 1, restarting 1 in 0s", "stopping", Up},
	{"online", Exited{Gen: 1}, "exited 1, term 1, restarting 1 in 0s", "stopping", Up},
	{"online", Exited{Gen: 7}, "", "online", Up},
	{"overlap", Exited{Gen: 2}, "exited 2, term 2, reload failed 2", "online", Up},
	{"overlap", Exited{Gen: 1}, "exited 1, term 1", "launching", Up},
	{"draining", Exited{Gen: 1}, "exited 1", "online", Up},
	{"draining", Exited{Gen: 2}, "exited 2, term 2, restarting 2 in 0s", "stopping", Up},
	{"stopping", Exited{Gen: 1}, "exited 1", "stopping", Down},
	{"restarting", Exited{Gen: 1}, "exited 1", "stopping", Up},
	{"stopping unspawned", Exited{Gen: 1, Err: "exec"}, "exited 1, stopped 1", "stopped", Down},
	{"survivors", Exited{Gen: 1}, "", "stopping", Up},
	{"none", Exited{}, "", "stopped", Down},

	{"online", Empty{1}, "", "online", Up},
	{"survivors", Empty{1}, "starting 2, spawn 2", "launching", Up},
	{"survivors", Empty{7}, "", "stopping", Up},
	{"stopped survivors", Empty{1}, "stopped 1", "stopped", Down},

	{"none", Tick{}, "", "stopped", Down},
	{"waiting", Tick{}, "", "waiting restart", Up},
	{"launching", Tick{}, "", "launching", Up},
	{"online", Tick{}, "", "online", Up},
	{"stopping", Tick{}, "", "stopping", Down},

	{"none", Reset{}, "", "stopped", Down},
	{"errored", Reset{}, "", "errored", Up},
	{"waiting", Reset{}, "", "waiting restart", Up},
	{"online", Reset{}, "", "online", Up},
	{"stopping", Reset{}, "", "stopping", Down},
}

func TestEveryCellOfTheTable(t *testing.T) {
	for _, c := range cells {
		sc := newScript(t, overlap, waitReady)
		places[c.place](sc)
		got := sc.do(c.in)
		require.Equal(t, c.out, got, "%s: %T%+v", c.place, c.in, c.in)
		require.Equal(t, c.after, sc.s.Status(), "%s: %T%+v", c.place, c.in, c.in)
		require.Equal(t, c.want, sc.s.Want, "%s: %T%+v", c.place, c.in, c.in)
	}
}

func TestNewsOfAnAbsentChildChangesNothing(t *testing.T) {
	for name, lead := range places {
		sc := newScript(t, overlap, waitReady)
		lead(sc)
		for _, gen := range []uint64{0, 77} {
			for _, in := range []Input{Spawned{Gen: gen, PID: 5}, Ready{gen}, Exited{Gen: gen, Code: 9}, Empty{gen}} {
				was := sc.s
				require.Empty(t, sc.after(time.Hour, in), "%s: %T", name, in)
				require.Equal(t, was, sc.s, "%s: %T", name, in)
			}
		}
	}
}

func TestStaleWatchersChangeNothing(t *testing.T) {
	for name, lead := range places {
		sc := newScript(t, overlap, waitReady)
		lead(sc)
		for gen := uint64(1); gen < 4; gen++ {
			if gen == sc.s.Cur.Gen && !sc.s.Cur.Dying() {
				continue
			}
			for _, in := range []Input{Restart{gen}, Reload{gen}} {
				was := sc.s
				require.Empty(t, sc.do(in), "%s: %T%v", name, in, in)
				require.Equal(t, was, sc.s, "%s: %T%v", name, in, in)
			}
		}
	}
}

func TestResetZeroesCountersOnly(t *testing.T) {
	for name, lead := range places {
		sc := newScript(t, overlap, waitReady)
		lead(sc)
		sc.s.Restarts, sc.s.Unstable, sc.s.RowSince, sc.s.Backoff = 4, 3, t0, time.Second
		want := sc.s
		require.Empty(t, sc.after(time.Second, Reset{}), name)
		want.Restarts, want.Unstable, want.RowSince, want.Backoff, want.Born = 0, 0, time.Time{}, 0, sc.now
		require.Equal(t, want, sc.s, name)
	}
}

// Delete at any time ends the process, however it is disturbed, and nothing brings it back.
func TestDeleteEndsDoneFromEverywhere(t *testing.T) {
	for name, lead := range places {
		sc := newScript(t, overlap, waitReady)
		lead(sc)
		sc.do(Delete{}, Start{}, Restart{}, Reload{}, Stop{})
		for _, gen := range []uint64{sc.s.Cur.Gen, sc.s.Old.Gen} {
			sc.do(Exited{Gen: gen}, Empty{gen})
		}
		require.True(t, sc.s.Done(), name)
		sc.quiet()
		require.Empty(t, sc.after(time.Hour, Start{}, Tick{}), name)
		require.True(t, sc.s.Done(), name)
	}
}

// The kernel knows better than we when a process began; a clock that is coarse does not take it to before it was asked for.
func TestRunBeginsWithTheProcess(t *testing.T) {
	asked := time.Unix(1000, 0)
	told := asked.Add(5 * time.Second)
	for _, row := range []struct{ since, want time.Time }{
		{time.Time{}, told},
		{asked.Add(time.Second), asked.Add(time.Second)},
		{asked.Add(-time.Millisecond), asked},
		{told.Add(time.Millisecond), told},
	} {
		s, _ := Step(Policy{}, State{}, asked, Start{})
		s, _ = Step(Policy{}, s, told, Spawned{Gen: s.Cur.Gen, PID: 7, Since: row.since})
		if !s.Cur.Since.Equal(row.want) {
			t.Errorf("since %v: %v, want %v", row.since, s.Cur.Since, row.want)
		}
	}
}
