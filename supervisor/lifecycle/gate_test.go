package lifecycle

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAGatedChildIsSpawnedWhenItIsCleared(t *testing.T) {
	sc := newScript(t, gated)
	require.Equal(t, "await", sc.do(Start{}))
	sc.status(statusWaiting)
	sc.quiet()
	require.Empty(t, sc.do(Wait{Blocked}))
	sc.status(statusErrored)
	require.Empty(t, sc.do(Wait{Waiting}), "there is hope again")
	sc.status(statusWaiting)
	require.Equal(t, "starting 1, spawn 1", sc.do(Clear{}))
	require.Empty(t, sc.do(Clear{}), "once")
	require.Empty(t, sc.do(Wait{Blocked}), "too late")
	sc.status(statusLaunching)
}

func TestAStopEndsTheWait(t *testing.T) {
	for _, hold := range []Hold{Waiting, Blocked, Asleep} {
		sc := newScript(t, gated)
		sc.do(Start{}, Wait{hold})
		require.Equal(t, "stopped 0", sc.do(Stop{}), "%v", hold)
		require.Empty(t, sc.do(Clear{}))
		sc.status(statusStopped)
	}
}

func TestAStartAsksAgain(t *testing.T) {
	sc := newScript(t, gated)
	sc.do(Start{}, Wait{Blocked})
	require.Equal(t, "await", sc.do(Start{}))
	sc.status(statusWaiting)
}

func TestAnAutomaticRestartAsksToo(t *testing.T) {
	sc := newScript(t, gated, noTree)
	sc.do(Start{}, Clear{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "exited 1, restarting 1 in 0s, await", sc.do(Exited{Gen: 1, Code: 1}))
	require.Equal(t, 0, sc.s.Restarts)
	require.Equal(t, "starting 2, spawn 2", sc.do(Clear{}))
	require.Equal(t, 1, sc.s.Restarts)
}

func TestAGateThatIsTakenAwayHoldsNothing(t *testing.T) {
	sc := newScript(t, gated)
	sc.do(Start{}, Wait{Blocked})
	sc.p.Gated = false
	require.Equal(t, "starting 1, spawn 1", sc.alarm(0))
}

func TestAReloadWithoutAGapAsksNobody(t *testing.T) {
	sc := newScript(t, gated, overlap)
	sc.do(Start{}, Clear{}, Spawned{Gen: 1, PID: 11})
	require.Equal(t, "starting 2, spawn 2", sc.do(Reload{}))
}

func TestWhatNobodyNeedsSleepsUntilSomebodyDoes(t *testing.T) {
	sc := newScript(t, gated)
	sc.do(Start{}, Wait{Asleep})
	sc.status(statusStopped)
	sc.do(Clear{}, Spawned{Gen: 1, PID: 11})
	sc.status(statusOnline)
	require.Equal(t, "stopping 1, term 1", sc.do(Idle{1}))
	require.Empty(t, sc.do(Idle{1}), "it ends already")
	sc.do(Exited{Gen: 1})
	require.Equal(t, "await", sc.do(Empty{1}))
	require.Empty(t, sc.do(Wait{Asleep}))
	sc.status(statusStopped)
	require.Equal(t, Up, sc.s.Want)
	require.Equal(t, 0, sc.s.Restarts, "that was no restart")
}
