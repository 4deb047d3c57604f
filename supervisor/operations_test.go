package supervisor

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func names(list []app.Process) (out []string) {
	for _, p := range list {
		out = append(out, p.Name+"-"+p.ID.String())
	}
	return out
}

func TestIdsStartAgainWhenNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a"}, app.Spec{Name: "b", Script: "/b", Instances: 2})
		assert.Equal(t, []string{"a-0", "b-1", "b-2"}, names(f.List()))
		f.do(app.VerbDelete, "a")
		f.start(app.Spec{Name: "c", Script: "/c"})
		assert.Equal(t, []string{"b-1", "b-2", "c-3"}, names(f.List()))
		f.do(app.VerbDelete, "all")
		f.start(app.Spec{Name: "d", Script: "/d"})
		assert.Equal(t, []string{"d-0"}, names(f.List()))
	})
}

func TestRunningScriptIsNotStartedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a"})
		assert.Equal(t, []string{"Script already launched, add -f option to force re-execution"}, failed(f.start(app.Spec{Name: "a", Script: "/a"})))
		assert.Len(t, f.List(), 1)

		f.do(app.VerbStop, "a")
		assert.Empty(t, failed(f.start(app.Spec{Name: "a", Script: "/a"})), "a stopped one is started")
		assert.Len(t, f.List(), 1)
		assert.Equal(t, app.Online, f.get(0).Status)

		assert.Empty(t, failed(f.start(app.Spec{Name: "a", Script: "/a", Force: true})))
		assert.Len(t, f.List(), 2)
	})
}

func TestConfigFileRestartsWhatExists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		f := newFixture(t, w)
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a", OutFile: "/log/a-out.log"})
		steps := f.run(func(report func(app.Progress)) {
			f.Start(t.Context(), []app.Spec{
				{Name: "a", Script: "/a", OutFile: "/other.log", Env: app.Env{{Name: "X", Value: "1"}}},
				{Name: "b", Script: "/b"},
			}, StartOptions{File: "eco.json", IfExists: app.Restart}, report)
		})
		assert.Empty(t, failed(steps))
		a := f.get(0)
		assert.Equal(t, 1, a.Restarts)
		assert.Equal(t, "/log/a-out-0.log", a.OutPath, "where it logs was settled when it was first started")
		x, _ := a.Spec.Env.Get("X")
		assert.Equal(t, "1", x)
		told := slices.ContainsFunc(steps, func(p app.Progress) bool { return p.Message == "Applications b not running, starting..." })
		assert.True(t, told, "%v", steps)
		assert.Len(t, w.launches(), 3)
	})
}

func TestFirstFailureEndsTheTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a"}, app.Spec{Name: "b", Script: "/b"})
		steps := f.do(app.VerbStop, "a", "nope", "b")
		assert.Equal(t, []string{"Process or Namespace nope not found"}, failed(steps))
		assert.Equal(t, app.Stopped, f.get(0).Status)
		assert.Equal(t, app.Online, f.get(1).Status)
	})
}

func TestUnknownTargetsAreWordedAsByPM2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		for _, c := range []struct {
			verb   app.Verb
			target app.Selector
			want   string
		}{
			{app.VerbStop, "99", "99 : id unknown"},
			{app.VerbRestart, "99", "God db process id unknown"},
			{app.VerbReload, "99", "PM2 ID unknown"},
			{app.VerbStop, "all", "No process found"},
			{app.VerbStop, "/x/", "No process found"},
			{app.VerbDelete, "x", "Process or Namespace x not found"},
			{app.VerbReset, "x", "Unknown process name"},
		} {
			assert.Equal(t, []string{c.want}, failed(f.do(c.verb, c.target)), "%s %s", c.verb, c.target)
		}
		assert.Len(t, failed(f.do(app.VerbStop, "/(/")), 1, "an unreadable regex is an error")
	})
}

func TestScale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a", Instances: 2})
		scale := func(n int, relative bool) []string {
			return failed(f.run(func(report func(app.Progress)) { f.Scale(t.Context(), "a", n, relative, report) }))
		}
		assert.Empty(t, scale(4, false))
		assert.Equal(t, []string{"a-0", "a-1", "a-2", "a-3"}, names(f.List()))
		assert.Equal(t, 4, f.get(0).Spec.Instances)
		assert.Equal(t, []string{"Nothing to do"}, scale(4, false))
		assert.Empty(t, scale(-2, true))
		assert.Equal(t, []string{"a-2", "a-3"}, names(f.List()), "PM2 lets the lowest ids go")
		assert.Len(t, scale(-3, true), 1, "fewer than none")
		assert.Empty(t, scale(1, true))
		assert.Equal(t, []int{2, 3, 0}, instances(f.List()), "the lowest free instance number")
		assert.Empty(t, scale(0, false))
		assert.Empty(t, f.List())
		assert.Equal(t, []string{"Application a not found"}, scale(1, false))
	})
}

func instances(list []app.Process) (out []int) {
	for _, p := range list {
		out = append(out, p.Instance)
	}
	return out
}

func TestIncrementVarCountsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		f := newFixture(t, w)
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a", Instances: 3, IncrementVar: "PORT", Env: app.Env{{Name: "PORT", Value: "4000"}}})
		var ports []string
		for _, p := range f.List() {
			v, _ := p.Spec.Env.Get("PORT")
			ports = append(ports, v)
		}
		assert.Equal(t, []string{"4000", "4001", "4002"}, ports)
	})
}

func TestSuccessIsToldAfterTheListIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		refusal := errors.New("no space left on device")
		f.disk.refuse.Store(&refusal)
		steps := f.start(app.Spec{Name: "a", Script: "/a"})
		require.GreaterOrEqual(t, len(steps), 2)
		warn := steps[len(steps)-2]
		assert.Equal(t, app.StepWarn, warn.Step)
		assert.Contains(t, warn.Message, "state not durable: write the journal: no space left on device")
		f.disk.refuse.Store(nil)
		time.Sleep(time.Minute) // the disk is tried again
		before := f.disk.syncs.Load()
		for _, p := range f.do(app.VerbSignal, "a") {
			assert.NotEqual(t, app.StepWarn, p.Step)
		}
		f.do(app.VerbStart, "a")
		assert.Equal(t, before, f.disk.syncs.Load(), "nothing was wished")
		f.do(app.VerbStop, "a")
		assert.Equal(t, before+1, f.disk.syncs.Load(), "one wish, one sync")
	})
}

func TestResurrectTakesOnlyWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a"})
		saved := []Saved{
			{Process: app.Process{Spec: &app.Spec{Name: "a", Script: "/a"}}, Up: true},
			{Process: app.Process{Spec: &app.Spec{Name: "b", Script: "/b"}}, Up: true},
			{Process: app.Process{Spec: &app.Spec{Name: "b", Script: "/b"}}, Up: true},
			{Process: app.Process{Spec: &app.Spec{Name: "c", Script: "/c"}}},
		}
		steps := f.run(func(report func(app.Progress)) { f.Resurrect(t.Context(), saved, report) })
		assert.Empty(t, failed(steps))
		assert.Equal(t, []string{"a-0", "b-1", "b-2", "c-3"}, names(f.List()))
		assert.Equal(t, app.Online, f.get(2).Status)
		assert.Equal(t, app.Stopped, f.get(3).Status)
	})
}

func TestRestoreKeepsIdsAndCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		born := time.Now().Add(-time.Hour)
		require.NoError(t, f.Restore([]Saved{
			{Process: app.Process{ID: 4, Name: "a", Spec: &app.Spec{Name: "a", Script: "/a"}, Restarts: 3, Created: born}, Up: true},
			{Process: app.Process{ID: 2, Name: "b", Spec: &app.Spec{Name: "b", Script: "/b"}}},
		}))
		synctest.Wait()
		assert.Equal(t, []string{"b-2", "a-4"}, names(f.List()))
		a := f.get(4)
		assert.Equal(t, app.Online, a.Status)
		assert.Equal(t, 3, a.Restarts)
		assert.Equal(t, app.Stopped, f.get(2).Status)
		f.start(app.Spec{Name: "c", Script: "/c"})
		assert.Equal(t, app.ID(5), f.List()[2].ID)
	})
}

func TestShutdownWithoutForgettingKeepsTheWishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		f := newFixture(t, w)
		f.start(app.Spec{Name: "a", Script: "/a"})
		require.NoError(t, f.Shutdown(t.Context(), false, func(app.Progress) {}))
		again := f.successor()
		assert.Equal(t, []string{"a-0"}, names(again.List()), "the list on disk stays")
		again.close()
		assert.Zero(t, w.living(0))
		steps := f.start(app.Spec{Name: "b", Script: "/b"})
		assert.Equal(t, []string{ErrClosed.Error()}, failed(steps))
		assert.ErrorIs(t, f.Shutdown(t.Context(), true, nil), ErrClosed)
	})
}

func TestCommandsAtOnceLeaveOneProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{next: behaviour{dies: 10 * time.Millisecond}}
		f := newFixture(t, w)
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a"})
		done := make(chan struct{})
		for i := range 30 {
			verb := []app.Verb{app.VerbStart, app.VerbStop, app.VerbRestart}[i%3]
			go func() { // ends with the operation
				f.Do(t.Context(), Action{Verb: verb, Targets: []app.Selector{"a"}}, func(app.Progress) {})
				done <- struct{}{}
			}()
		}
		for range 30 {
			<-done
		}
		assert.False(t, w.overlapped())
		assert.Len(t, f.List(), 1)
		f.do(app.VerbStart, "a")
		assert.Equal(t, app.Online, f.get(0).Status)
	})
}
