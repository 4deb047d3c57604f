package supervisor

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weaver/app"
	"weaver/supervisor/spawn/trampoline"
)

func TestMain(m *testing.M) {
	if os.Args[0] == trampoline.Name {
		os.Exit(trampoline.Run(os.Args))
	}
	goleak.VerifyTestMain(m)
}

func ptr[T any](v T) *T { return &v }

func TestDeafChildIsKilledOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{deaf: true}})
		defer f.close()
		f.start(app.Spec{Name: "deaf", Script: "/deaf"})
		require.Equal(t, app.Online, f.get(0).Status)
		begin := time.Now()
		assert.Empty(t, failed(f.do(app.VerbStop, "deaf")))
		assert.Equal(t, 1600*time.Millisecond, time.Since(begin))
		p := f.get(0)
		assert.Equal(t, app.Stopped, p.Status)
		assert.Zero(t, p.PID)
		assert.Equal(t, "SIGKILL", p.Exit.Signal)
	})
}

func TestKillTimeoutOfTheCommandWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{deaf: true}})
		defer f.close()
		f.start(app.Spec{Name: "deaf", Script: "/deaf", KillTimeout: ptr(app.Duration(time.Minute))})
		begin := time.Now()
		f.run(func(report func(app.Progress)) {
			f.Do(t.Context(), Action{Verb: app.VerbRestart, Targets: []app.Selector{"deaf"}, KillTimeout: 3 * time.Second}, report)
		})
		assert.Equal(t, 3*time.Second, time.Since(begin))
		begin = time.Now()
		f.run(func(report func(app.Progress)) {
			f.Do(t.Context(), Action{Verb: app.VerbStop, Targets: []app.Selector{"deaf"}, KillNow: true}, report)
		})
		assert.Zero(t, time.Since(begin))
		f.do(app.VerbRestart, "deaf")
		begin = time.Now()
		f.do(app.VerbStop, "deaf")
		assert.Equal(t, time.Minute, time.Since(begin), "the app's own timeout is back")
	})
}

func TestStopReturnsWhenTheWholeTreeIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{lingers: time.Second}})
		defer f.close()
		f.start(app.Spec{Name: "tree", Script: "/tree"})
		begin := time.Now()
		f.do(app.VerbStop, "tree")
		assert.Equal(t, time.Second, time.Since(begin))
	})
}

func TestSuccessorWaitsForTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{next: behaviour{life: 5 * time.Second, code: 1, lingers: time.Second}}
		f := newFixture(t, w)
		defer f.close()
		f.start(app.Spec{Name: "npm", Script: "/npm"})
		time.Sleep(time.Minute) // virtual
		l := w.launches()
		require.GreaterOrEqual(t, len(l), 9)
		assert.Equal(t, 6*time.Second, l[1].at.Sub(l[0].at))
		assert.False(t, w.overlapped(), "two trees of one process at the same time")
	})
}

func TestCrashLoopGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{next: behaviour{life: 10 * time.Millisecond, code: 7}}
		f := newFixture(t, w)
		defer f.close()
		f.start(app.Spec{Name: "crash", Script: "/crash"})
		time.Sleep(time.Hour)
		p := f.get(0)
		assert.Equal(t, app.Errored, p.Status)
		assert.Equal(t, 15, p.Restarts, "PM2 shows 15 after 16 quick exits")
		assert.Len(t, w.launches(), 16)
		assert.Equal(t, 7, p.Exit.Code)
		assert.Contains(t, p.Reason, "exited with code 7")
		assert.True(t, p.Wanted, "giving up is not a wish")

		w.mu.Lock()
		w.next = behaviour{}
		w.mu.Unlock()
		assert.Empty(t, failed(f.do(app.VerbRestart, "crash")))
		assert.Equal(t, app.Online, f.get(0).Status)
	})
}

func TestFailedExecIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{fails: errors.New("exec /x: permission denied")}})
		defer f.close()
		steps := f.start(app.Spec{Name: "x", Script: "/x", RestartDelay: app.Duration(time.Second)})
		assert.Equal(t, []string{"exec /x: permission denied"}, failed(steps))
		p := f.get(0)
		assert.NotEqual(t, app.Online, p.Status)
		assert.Zero(t, p.PID)
		assert.Contains(t, p.Reason, "permission denied")
	})
}

func TestExitThatIsWantedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{life: time.Second}})
		defer f.close()
		f.start(app.Spec{Name: "once", Script: "/once", AutoRestart: ptr(false)},
			app.Spec{Name: "code", Script: "/code", StopExitCodes: []int{0}})
		time.Sleep(time.Hour)
		for _, p := range f.List() {
			assert.Equal(t, app.Stopped, p.Status, p.Name)
			assert.False(t, p.Wanted, p.Name)
			assert.Zero(t, p.Restarts, p.Name)
		}
	})
}

func TestWaitReadyTimesOutAsPM2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		begin := time.Now()
		f.start(app.Spec{Name: "r", Script: "/r", WaitReady: true, ListenTimeout: ptr(app.Duration(2 * time.Second))})
		assert.Equal(t, 2*time.Second, time.Since(begin))
		assert.Equal(t, app.Online, f.get(0).Status)
		var warned []string
		for _, e := range f.History(0) {
			if e.Kind == app.EventWarning {
				warned = append(warned, e.Message)
			}
		}
		assert.Equal(t, []string{unready(2 * time.Second)}, warned)
	})
}

func TestEndBeforeReadyIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{life: time.Millisecond, code: 3}})
		defer f.close()
		steps := f.start(app.Spec{Name: "r", Script: "/r", WaitReady: true})
		require.Len(t, failed(steps), 1)
		assert.Contains(t, failed(steps)[0], "before it was ready")
	})
}

func TestAwaitEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{next: behaviour{deaf: true}})
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a"})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		steps := f.run(func(report func(app.Progress)) {
			f.Do(ctx, Action{Verb: app.VerbStop, Targets: []app.Selector{"a"}}, report)
		})
		require.Len(t, failed(steps), 1)
		assert.Contains(t, failed(steps)[0], "stopping")
		time.Sleep(2 * time.Second)
		assert.Equal(t, app.Stopped, f.get(0).Status, "the stop goes on without the caller")
	})
}

func TestEventsTellTheLifeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{script: []behaviour{{life: 5 * time.Second, code: 2}}})
		defer f.close()
		f.start(app.Spec{Name: "e", Script: "/e", RestartDelay: app.Duration(time.Second)})
		time.Sleep(10 * time.Second)
		f.do(app.VerbStop, "e")
		var kinds []app.Kind
		var last uint64
		for _, e := range f.History(0) {
			kinds = append(kinds, e.Kind)
			assert.Greater(t, e.Seq, last)
			last = e.Seq
		}
		assert.Equal(t, []app.Kind{
			app.EventStart, app.EventOnline, app.EventExit, app.EventRestart,
			app.EventStart, app.EventOnline, app.EventExit, app.EventStop,
		}, kinds)
	})
}
