package lifecycle

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlineWhenSpawnedUnlessItMustSaySo(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{})
	sc.quiet() // a slow fork has no deadline
	require.Equal(t, "online 1", sc.after(time.Hour, Spawned{Gen: 1, PID: 11}))
	sc.status("online")
	require.Equal(t, 11, sc.s.Cur.PID)
	require.Equal(t, sc.now, sc.s.Cur.Since)
	sc.quiet()
}

func TestASecondSpawnedChangesNothing(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11})
	was := sc.s
	require.Empty(t, sc.after(time.Hour, Spawned{Gen: 1, PID: 12}))
	require.Equal(t, was, sc.s)
}

func TestSilentChildCountsAsReadyOnTime(t *testing.T) {
	sc := newScript(t, waitReady)
	sc.do(Start{})
	sc.after(time.Second, Spawned{Gen: 1, PID: 11})
	sc.status("launching")
	require.Equal(t, "not ready in time 1, online 1", sc.alarm(3*time.Second))
	require.Empty(t, sc.do(Ready{1}))
	sc.quiet()
}

func TestDeafChildIsKilledOnTimeAndAgain(t *testing.T) {
	sc := newScript(t, waitReady)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "stopping 1, term 1", sc.after(time.Second, Stop{}))
	require.Empty(t, sc.after(time.Second, Tick{}, Stop{}, Delete{}))
	require.Equal(t, "kill 1", sc.alarm(600*time.Millisecond))
	require.Equal(t, "kill 1", sc.alarm(5*time.Second))
	require.Equal(t, "kill 1", sc.alarm(5*time.Second))
	require.Equal(t, "exited 1", sc.do(Exited{Gen: 1, Signal: 9}))
	require.Equal(t, "gone 1", sc.do(Empty{1}))
	require.True(t, sc.s.Done())
	sc.quiet()
}

func TestKillTimeoutOfNothingKillsAtOnce(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.KillTimeout = 0 })
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Stop{})
	require.Equal(t, "kill 1", sc.alarm(0))
	require.Equal(t, "kill 1", sc.alarm(5*time.Second))
}

func TestAChildStillBeingSpawnedIsTermedWhenItIsThere(t *testing.T) {
	sc := newScript(t)
	require.Equal(t, "stopping 1", sc.do(Start{}, Stop{}))
	sc.status("stopping")
	sc.quiet()
	require.Equal(t, "term 1", sc.after(time.Minute, Spawned{Gen: 1, PID: 11}))
	sc.status("stopping")
	require.Equal(t, "kill 1", sc.alarm(1600*time.Millisecond))
}

// npm died, the node that it started still holds the port.
func TestSurvivorsAreCleanedAwayBeforeTheNextSpawn(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.RestartDelay = 2 * time.Second })
	sc.do(Start{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "exited 1, term 1, restarting 1 in 2s", sc.do(Exited{Gen: 1, Code: 1}))
	sc.status("stopping")
	require.True(t, sc.s.Cur.Dead)
	require.Equal(t, "kill 1", sc.alarm(1600*time.Millisecond))
	require.Equal(t, "kill 1", sc.alarm(5*time.Second))
	require.Equal(t, "starting 2, spawn 2", sc.do(Empty{1}), "the delay counts from the exit")
	require.Equal(t, 1, sc.s.Restarts)
}

func TestRestartDelayGoesOnWhenSurvivorsLeaveEarly(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.RestartDelay = 2 * time.Second })
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Exited{Gen: 1, Code: 1})
	require.Empty(t, sc.after(500*time.Millisecond, Empty{1}))
	sc.status("waiting restart")
	require.Equal(t, "starting 2, spawn 2", sc.alarm(1500*time.Millisecond))
}

func TestSurvivorsOfAStopAreKilledByTheSameClock(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Stop{})
	require.Equal(t, "exited 1", sc.after(600*time.Millisecond, Exited{Gen: 1}), "they had their Term")
	require.Equal(t, "kill 1", sc.alarm(time.Second))
	sc.status("stopping")
	require.Equal(t, "stopped 1", sc.do(Empty{1}))
}

func TestWithoutTreeKillNobodyWaitsForSurvivors(t *testing.T) {
	sc := newScript(t, noTree)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "exited 1, restarting 1 in 0s, starting 2, spawn 2", sc.do(Exited{Gen: 1}))
	require.Empty(t, sc.do(Empty{1}))
	sc.do(Spawned{Gen: 2, PID: 22}, Stop{})
	require.Equal(t, "exited 2, stopped 2", sc.do(Exited{Gen: 2}))
	sc.quiet()
}

func TestTreeKillSwitchedOffEndsTheWait(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Stop{}, Exited{Gen: 1})
	sc.p.TreeKill = false
	sc.alarm(1600 * time.Millisecond)
	sc.status("stopped")
	sc.quiet()
}

func TestGivingUpWithSurvivorsIsErroredWhenTheyAreGone(t *testing.T) {
	sc := newScript(t, func(p *Policy) { p.MaxRestarts = 1 })
	sc.do(Start{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "exited 1, term 1", sc.do(Exited{Gen: 1}))
	sc.status("stopping")
	require.Equal(t, "errored 1", sc.do(Empty{1}))
	sc.status("errored")
}

func TestStopWinsOverARestartUnderWay(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Restart{}, Stop{}, Exited{Gen: 1})
	require.Equal(t, "stopped 1", sc.do(Empty{1}))
	sc.quiet()
}

func TestStartWhileStoppingComesBack(t *testing.T) {
	sc := newScript(t)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Stop{}, Start{}, Exited{Gen: 1})
	require.Equal(t, "starting 2, spawn 2", sc.do(Empty{1}))
	require.Zero(t, sc.s.Restarts)
}

func TestStopOfAWaitingProcessIsFinal(t *testing.T) {
	sc := newScript(t, noTree, func(p *Policy) { p.RestartDelay = time.Minute })
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Exited{Gen: 1})
	require.Equal(t, "stopped 1", sc.do(Stop{}))
	sc.quiet()
	require.Empty(t, sc.after(time.Hour, Tick{}))
}

func TestOverlappingReload(t *testing.T) {
	sc := newScript(t, overlap)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "starting 2, spawn 2", sc.do(Reload{}))
	require.Empty(t, sc.do(Spawned{Gen: 2, PID: 22}), "spawned is not listening")
	sc.status("launching")
	require.Equal(t, "online 2, stopping 1, term 1", sc.after(time.Second, Ready{2}))
	sc.status("online")
	require.Equal(t, "kill 1", sc.alarm(1600*time.Millisecond))
	sc.do(Exited{Gen: 1}, Empty{1})
	require.Equal(t, Child{}, sc.s.Old)
	require.Equal(t, 1, sc.s.Restarts)
	sc.quiet()
}

func TestReloadedChildThatNeverListensTakesOverOnTime(t *testing.T) {
	sc := newScript(t, overlap)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22})
	require.Equal(t, "online 2, stopping 1, term 1", sc.alarm(3*time.Second))
}

// What listened is replaced by nothing that does not.
func TestAReloadedChildThatIsNotReadyInTimeDoesNotTakeOver(t *testing.T) {
	sc := newScript(t, overlap, drains, func(p *Policy) { p.ReloadTimeout = 30 * time.Second })
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Ready{1}, Reload{}, Spawned{Gen: 2, PID: 22})
	require.Equal(t, "reload failed 2, stopping 2, term 2", sc.alarm(30*time.Second))
	sc.status("online")
	require.Equal(t, uint64(1), sc.s.Cur.Gen)
	require.Equal(t, uint64(2), sc.s.Unready)
	require.Empty(t, sc.do(Ready{2}), "too late")
	require.Equal(t, uint64(1), sc.s.Cur.Gen)
	require.Equal(t, "kill 2", sc.alarm(1600*time.Millisecond))
	require.Equal(t, "exited 2", sc.do(Exited{Gen: 2, Signal: 9}))
	require.Empty(t, sc.do(Empty{2}))
	sc.quiet()

	sc.do(Reload{}, Spawned{Gen: 3, PID: 33})
	require.Equal(t, "online 3, stopping 1, drain 1", sc.after(29*time.Second, Ready{3}), "slow is not late")
}

func TestWhatNeverSaidSoIsReplacedByWhatDoesNot(t *testing.T) {
	sc := newScript(t, overlap, waitReady, func(p *Policy) { p.ReloadTimeout = 30 * time.Second })
	sc.do(Start{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "not ready in time 1, online 1", sc.alarm(3*time.Second))
	sc.do(Reload{}, Spawned{Gen: 2, PID: 22})
	require.Equal(t, "not ready in time 2, online 2, stopping 1, term 1", sc.alarm(3*time.Second))
	sc.do(Exited{Gen: 1}, Empty{1})
	require.Empty(t, sc.do(Ready{2}), "late, and noted all the same")
	sc.do(Reload{}, Spawned{Gen: 3, PID: 33})
	require.Equal(t, "reload failed 3, stopping 3, term 3", sc.alarm(30*time.Second))
}

func TestFailedReloadKeepsTheOldChild(t *testing.T) {
	sc := newScript(t, overlap)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22})
	require.Equal(t, "exited 2, term 2, reload failed 2", sc.do(Exited{Gen: 2, Code: 1}))
	sc.status("online")
	require.Equal(t, uint64(1), sc.s.Cur.Gen)
	require.Equal(t, 11, sc.s.Cur.PID)
	require.Equal(t, "kill 2", sc.alarm(1600*time.Millisecond), "its survivors")
	require.Empty(t, sc.do(Empty{2}))
	sc.quiet()
	require.Equal(t, uint64(2), sc.s.Exit.Gen)
	require.Zero(t, sc.s.Unstable)
}

func TestFailedSpawnInAReloadKeepsTheOldChild(t *testing.T) {
	sc := newScript(t, overlap)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{})
	require.Equal(t, "exited 2, reload failed 2", sc.do(Exited{Gen: 2, Err: "no such file"}))
	sc.status("online")
	require.Equal(t, Child{}, sc.s.Old)
}

func TestWhatIsReplacedMayFinishWhatItBegan(t *testing.T) {
	sc := newScript(t, overlap, drains, noTree)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 12})
	require.Equal(t, "online 2, stopping 1, drain 1", sc.do(Ready{2}))
	require.Equal(t, "online", sc.s.Status())
	require.Equal(t, sc.now.Add(8*time.Second), sc.s.Deadline(sc.p))
	require.Empty(t, sc.do(Drained{2}), "who does not drain is not drained")
	require.Equal(t, "term 1", sc.do(Drained{1}))
	require.Empty(t, sc.do(Drained{1}))
	require.Equal(t, sc.now.Add(sc.p.KillTimeout), sc.s.Deadline(sc.p))
	require.Equal(t, "exited 1", sc.do(Exited{Gen: 1}))

	sc.do(Reload{}, Spawned{Gen: 3, PID: 13}, Ready{3})
	require.Equal(t, "term 2", sc.after(8*time.Second, Tick{}), "not for ever")
	sc.do(Exited{Gen: 2})

	sc.do(Reload{}, Spawned{Gen: 4, PID: 14}, Ready{4})
	require.Equal(t, "stopping 4, term 4, term 3", sc.do(Stop{}), "a stop is a stop")
	sc.do(Exited{Gen: 3})
	require.Equal(t, "exited 4, stopped 4", sc.do(Exited{Gen: 4}))

	sc.do(Start{}, Spawned{Gen: 5, PID: 15})
	require.Equal(t, "stopping 5, drain 5", sc.do(Delete{Drain: true}))
	require.Equal(t, "stopping", sc.s.Status())
	require.Equal(t, "exited 5, gone 5", sc.do(Exited{Gen: 5}), "some need no term")
	require.True(t, sc.s.Done())
}

func TestSurvivorsOfWhatDrainedGetTheirTerm(t *testing.T) {
	sc := newScript(t, overlap, drains)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 12}, Ready{2})
	require.Equal(t, "exited 1, term 1", sc.do(Exited{Gen: 1}))
	require.Empty(t, sc.do(Drained{1}), "its channel ends too")
	require.Empty(t, sc.do(Empty{1}))
}

func TestRestartInAnOverlapCannotBeUndone(t *testing.T) {
	sc := newScript(t, overlap)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22}, Restart{})
	require.Equal(t, "exited 2", sc.do(Exited{Gen: 2, Code: 1}))
	sc.status("stopping")
	require.Equal(t, "starting 3, spawn 3", sc.do(Empty{2}))
	require.Equal(t, "exited 1", sc.do(Exited{Gen: 1}))
	sc.do(Empty{1}, Spawned{Gen: 3, PID: 33})
	require.Equal(t, uint64(3), sc.s.Cur.Gen)
}

func TestWhenBothDieInAnOverlapTheCrashRuleHolds(t *testing.T) {
	sc := newScript(t, overlap, noTree)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22})
	require.Equal(t, "exited 1", sc.do(Exited{Gen: 1}))
	sc.status("launching")
	require.Equal(t, "exited 2, restarting 2 in 0s, starting 3, spawn 3", sc.do(Exited{Gen: 2}))
	require.Equal(t, 1, sc.s.Unstable)
}

func TestAReloadDuringAReloadFollowsIt(t *testing.T) {
	sc := newScript(t, overlap)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22})
	require.Empty(t, sc.do(Reload{}, Reload{}))
	require.Equal(t, "online 2, stopping 1, term 1", sc.do(Ready{2}))
	require.Equal(t, "exited 1", sc.do(Exited{Gen: 1}))
	require.Equal(t, "starting 3, spawn 3", sc.do(Empty{1}))
	sc.do(Spawned{Gen: 3, PID: 33}, Ready{3}, Exited{Gen: 2})
	require.Empty(t, sc.do(Empty{2}), "once is enough")
	require.Equal(t, 2, sc.s.Restarts)
	sc.quiet()
}

func TestAReloadThatWaitedFollowsAFailedOneToo(t *testing.T) {
	sc := newScript(t, overlap)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22}, Reload{}, Exited{Gen: 2})
	require.Equal(t, "starting 3, spawn 3", sc.do(Empty{2}))
	require.Equal(t, uint64(1), sc.s.Old.Gen)
	require.Equal(t, "exited 3, reload failed 3", sc.do(Exited{Gen: 3, Err: "exec"}))
	sc.status("online")
	sc.quiet()
}

// The random lives found it: with both children crashed, giving up left a reload undone that had been accepted.
func TestAReloadThatWaitedIsARestartIfNobodyIsLeft(t *testing.T) {
	sc := newScript(t, overlap, noTree, func(p *Policy) { p.MaxRestarts, p.AutoRestart = 0, false })
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22}, Reload{}, Exited{Gen: 1})
	require.Equal(t, "exited 2, starting 3, spawn 3", sc.do(Exited{Gen: 2, Code: 1}))
	require.Equal(t, 2, sc.s.Restarts)
	sc.do(Spawned{Gen: 3, PID: 33})
	require.Equal(t, "exited 3, stopped 3", sc.do(Exited{Gen: 3, Code: 1}), "once")
}

func TestStopForgetsAReloadThatWaits(t *testing.T) {
	sc := newScript(t, overlap, noTree)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22}, Ready{2}, Reload{}, Stop{}, Exited{Gen: 2})
	sc.status("stopping")
	require.Equal(t, "exited 1, stopped 2", sc.do(Exited{Gen: 1}))
	require.Equal(t, "online 3", sc.do(Start{}, Spawned{Gen: 3, PID: 33}))
	sc.quiet()
}

func TestAReloadThatWaitsBecomesARestartIfOverlapIsForbidden(t *testing.T) {
	sc := newScript(t, overlap, noTree)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22}, Ready{2}, Reload{})
	sc.p.Overlap = false
	require.Equal(t, "exited 1, stopping 2, term 2", sc.do(Exited{Gen: 1}))
	require.Equal(t, "exited 2, starting 3, spawn 3", sc.do(Exited{Gen: 2}))
	require.Equal(t, 2, sc.s.Restarts)
}

func TestACrashWhileTheOldChildDrains(t *testing.T) {
	sc := newScript(t, overlap, noTree)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11}, Reload{}, Spawned{Gen: 2, PID: 22}, Ready{2})
	crashed := sc.s
	require.Equal(t, "exited 2, restarting 2 in 0s, starting 3, spawn 3", sc.do(Exited{Gen: 2}), "two at a time may be")

	sc.s, sc.p.Overlap = crashed, false
	require.Equal(t, "exited 2, restarting 2 in 0s", sc.do(Exited{Gen: 2}), "two at a time may not be")
	sc.status("stopping")
	require.Equal(t, "kill 1", sc.alarm(1600*time.Millisecond), "and no Tick for the restart meanwhile")
	require.Equal(t, "exited 1, starting 3, spawn 3", sc.do(Exited{Gen: 1}))
}

func TestReloadOfAChildThatMayNotOverlapIsARestart(t *testing.T) {
	sc := newScript(t, noTree)
	sc.do(Start{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "stopping 1, term 1", sc.do(Reload{1}))
	require.Equal(t, "exited 1, starting 2, spawn 2", sc.do(Exited{Gen: 1}))
}

// A supervisor that dies reads its states back from the journal and goes on.
func TestStateSurvivesAJournal(t *testing.T) {
	for name, lead := range places {
		sc := newScript(t, overlap, waitReady)
		lead(sc)
		line, err := json.Marshal(sc.s)
		require.NoError(t, err)
		var back State
		require.NoError(t, json.Unmarshal(line, &back))
		require.Equal(t, sc.s, back, name)
		require.Equal(t, sc.s.Deadline(sc.p), back.Deadline(sc.p), name)
	}
}

func TestWords(t *testing.T) {
	require.Equal(t, "down up gone", Down.String()+" "+Up.String()+" "+Gone.String())
	require.Equal(t, "unknown", What(0).String())
	require.Equal(t, "unknown", What(200).String())
	for w := WhatStarting; w <= WhatGone; w++ {
		require.NotEmpty(t, w.String())
	}
}

func TestAnInputFromNowhereIsAPanic(t *testing.T) {
	require.PanicsWithValue(t, "lifecycle: unknown input while stopped", func() { Step(Policy{}, State{}, t0, nil) })
}
