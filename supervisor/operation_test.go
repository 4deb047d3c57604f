package supervisor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// wish is an operation as a door has it carried out.
type wish func(ctx context.Context, s *Supervisor, report func(app.Progress))

func acting(a Action) wish {
	return func(ctx context.Context, s *Supervisor, report func(app.Progress)) { s.Do(ctx, a, report) }
}

func starting(o StartOptions, specs ...app.Spec) wish {
	return func(ctx context.Context, s *Supervisor, report func(app.Progress)) {
		s.Start(ctx, slices.Clone(specs), o, report)
	}
}

func scaling(n int, relative bool) wish {
	return func(ctx context.Context, s *Supervisor, report func(app.Progress)) {
		s.Scale(ctx, "a", n, relative, report)
	}
}

// end is what an operation came to.
type end struct {
	Said  []string
	Is    []string
	Forks int
}

// ask has an operation carried out, and returns what was said, nil if the supervisor died before it was.
func (f *mortal) ask(w wish) []string {
	ctx, over, err := f.Operation(context.Background(), "x")
	require.NoError(f.t, err)
	var mu sync.Mutex
	var said []string
	done := make(chan struct{})
	go func() { // ends with the operation or the supervisor
		defer close(done)
		defer over()
		w(ctx, f.Supervisor, func(p app.Progress) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, fmt.Sprint(p.Step, p.Verb, p.Target, p.ID, p.IDs, p.Name, p.Kind, p.Message, p.Failures))
		})
	}()
	for range 2000 {
		if f.station.gone() { // whatever it says now nobody hears
			return nil
		}
		select {
		case <-done:
			mu.Lock()
			defer mu.Unlock()
			slices.Sort(said)
			return said
		default:
		}
		time.Sleep(5 * time.Millisecond)
		synctest.Wait()
	}
	f.t.Fatal("it does not end")
	return nil
}

// TestOperationsAreDoneOnceWhateverDies has the supervisor die before each write to its journal during an operation, has its
// successor asked the same again, and wants everything to be as if nothing had happened.
func TestOperationsAreDoneOnceWhateverDies(t *testing.T) {
	a := app.Spec{Name: "a", Script: "/a", Instances: 3}
	b := app.Spec{Name: "b", Script: "/b"}
	newer := b
	newer.Args = []string{"-v"}
	for name, w := range map[string]wish{
		"restart":       acting(Action{Verb: app.VerbRestart, Targets: []app.Selector{"a"}}),
		"twice":         acting(Action{Verb: app.VerbRestart, Targets: []app.Selector{"b", "b"}}),
		"restart all":   acting(Action{Verb: app.VerbRestart, Targets: []app.Selector{"all"}}),
		"reload":        acting(Action{Verb: app.VerbReload, Targets: []app.Selector{"a", "b"}}),
		"stop":          acting(Action{Verb: app.VerbStop, Targets: []app.Selector{"a"}}),
		"delete":        acting(Action{Verb: app.VerbDelete, Targets: []app.Selector{"b", "a"}}),
		"unknown":       acting(Action{Verb: app.VerbDelete, Targets: []app.Selector{"b", "c"}}),
		"with a spec":   acting(Action{Verb: app.VerbRestart, Targets: []app.Selector{"b"}, Specs: map[app.ID]app.Spec{3: newer}}),
		"scale up":      scaling(2, true),
		"scale down":    scaling(1, false),
		"start":         starting(StartOptions{}, app.Spec{Name: "c", Script: "/c", Instances: 2}, app.Spec{Name: "d", Script: "/d"}),
		"start again":   starting(StartOptions{IfExists: app.Restart}, b, app.Spec{Name: "c", Script: "/c"}),
		"start running": starting(StartOptions{}, b),
		"in order":      starting(StartOptions{}, on("y", "x", "a"), on("x", "b"), on("z", "y")),
		"around order":  starting(StartOptions{IfExists: app.Restart}, on("b", "a"), a, on("c", "b")),
		"start twice":   starting(StartOptions{IfExists: app.Duplicate}, b),
		"resurrect": func(ctx context.Context, s *Supervisor, report func(app.Progress)) {
			c := app.Spec{Name: "c", Script: "/c"}
			s.Resurrect(ctx, []Saved{{app.Process{Spec: &b}, true}, {app.Process{Spec: &c}, true}, {app.Process{Spec: &c}, false}}, report)
		},
		"take": func(ctx context.Context, s *Supervisor, report func(app.Progress)) {
			c := app.Spec{Name: "c", Script: "/c"}
			s.Take(ctx, []Saved{{app.Process{ID: 9, Spec: &c}, true}, {app.Process{ID: 2, Spec: &c}, true}}, report)
		},
	} {
		play := func(t *testing.T, dieAt int32) (e end, writes int32) {
			synctest.Test(t, func(t *testing.T) {
				f := newMortal(t, behaviour{dies: 50 * time.Millisecond})
				f.start(a, b)
				synctest.Wait()
				first := f.disk.writes.Load()
				f.disk.before = func(n int32) {
					if n == first+dieAt {
						f.station.die()
					}
				}
				disk := f.disk
				e.Said = f.ask(w)
				if writes = disk.writes.Load() - first; e.Said == nil {
					f = f.dies()
					e.Said = f.ask(w)
				}
				time.Sleep(3 * time.Second)
				for _, p := range f.List() {
					e.Is = append(e.Is, fmt.Sprint(p.ID, p.Name, p.Status, p.Gen, p.Restarts, p.Spec.Args, p.Spec.Instances, f.w.living(p.ID)))
				}
				e.Forks = len(f.w.launches())
				assert.False(t, f.w.overlapped(), "two at a time")
				f.close()
				assert.Zero(t, f.w.living(0), "left behind")
			})
			return e, writes
		}
		t.Run(name, func(t *testing.T) {
			want, writes := play(t, -1)
			require.NotNil(t, want.Said)
			if name == "twice" {
				require.Equal(t, 4+2, want.Forks, "as often as it was named")
			}
			t.Logf("%d writes", writes)
			for n := int32(1); n <= writes; n++ {
				got, _ := play(t, n)
				if !assert.Equal(t, want, got, "killed before write %d of %d", n, writes) {
					break
				}
			}
		})
	}
}

// Who asks again when it was done gets the same answer, and nothing is done.
func TestOperationThatIsDoneIsNotDoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newMortal(t, behaviour{})
		f.start(app.Spec{Name: "a", Script: "/a"})
		w := acting(Action{Verb: app.VerbRestart, Targets: []app.Selector{"a"}})
		said := f.ask(w)
		assert.Equal(t, said, f.ask(w))
		assert.Equal(t, uint64(2), f.get(0).Gen)
		f.do(app.VerbRestart, "a") // somebody else's
		f = f.dies()
		assert.Equal(t, said, f.ask(w), "also of the next supervisor")
		other, done, err := f.Operation(t.Context(), "y")
		require.NoError(t, err)
		f.Do(other, Action{Verb: app.VerbRestart, Targets: []app.Selector{"a"}}, func(app.Progress) {})
		done()
		f = f.dies()
		assert.Equal(t, said, f.ask(w), "and the next but one, whatever came between")
		assert.Equal(t, uint64(4), f.get(0).Gen)

		ctx, over, err := f.Operation(t.Context(), "x")
		require.NoError(t, err)
		assert.Equal(t, []app.Selector{"a"}, Asked(ctx))
		got := f.run(func(report func(app.Progress)) {
			f.Do(ctx, Action{Verb: app.VerbRestart, Targets: []app.Selector{"b"}}, report)
		})
		over()
		assert.Contains(t, failed(got)[0], "another operation", "an id is good for one thing")
		f.close()
	})
}

func TestOperationsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newMortal(t, behaviour{})
		f.start(app.Spec{Name: "a", Script: "/a"})
		for i := range 3 * operationsKept {
			ctx, over, err := f.Operation(t.Context(), fmt.Sprint("op", i))
			require.NoError(t, err)
			f.Do(ctx, Action{Verb: app.VerbReset, Targets: []app.Selector{"a"}}, func(app.Progress) {})
			over()
			time.Sleep(time.Millisecond)
		}
		assert.Len(t, f.operations.list, operationsKept)
		f = f.dies()
		assert.Len(t, f.operations.list, operationsKept, "in the journal as well")
		assert.Equal(t, fmt.Sprint("op", 2*operationsKept), f.operations.list[0].id, "the oldest go first")
		f.close()
	})
}

func TestOddOperationsAreRefused(t *testing.T) {
	for _, id := range []string{"/", "a/b", "a/-1", "a/1/2", "a b", "a\nb", "ä", string(make([]byte, 65))} {
		assert.False(t, IsOperation(id), "%q", id)
	}
	for _, id := range []string{"", "a", "1ab-f", "a/0", "a/12"} {
		assert.True(t, IsOperation(id), "%q", id)
	}
}

// TestOperationsThatNobodyAsksForAgain has the supervisor die as above, and the front end with it. An operation may be left half
// done, but what it has made or restarted runs: no process is left that was ended, or made, to be started next.
func TestOperationsThatNobodyAsksForAgain(t *testing.T) {
	a := app.Spec{Name: "a", Script: "/a", Instances: 3}
	b := app.Spec{Name: "b", Script: "/b"}
	for name, w := range map[string]wish{
		"restart all":  acting(Action{Verb: app.VerbRestart, Targets: []app.Selector{"all"}}),
		"reload":       acting(Action{Verb: app.VerbReload, Targets: []app.Selector{"a", "b"}}),
		"scale up":     scaling(2, true),
		"scale down":   scaling(1, false),
		"start":        starting(StartOptions{}, app.Spec{Name: "c", Script: "/c", Instances: 2}, app.Spec{Name: "d", Script: "/d"}),
		"in order":     starting(StartOptions{}, on("x", "b"), on("y", "x", "a"), on("z", "y")),
		"around order": starting(StartOptions{IfExists: app.Restart}, on("b", "a"), a, on("c", "b")),
		"resurrect": func(ctx context.Context, s *Supervisor, report func(app.Progress)) {
			s.Resurrect(ctx, []Saved{{app.Process{Spec: &app.Spec{Name: "c", Script: "/c"}}, true}}, report)
		},
		"add": func(ctx context.Context, s *Supervisor, report func(app.Progress)) {
			_, _ = s.Add(ctx, app.Spec{Name: "c", Script: "/c"}, 2, true, nil) // what comes of it is looked at
		},
	} {
		play := func(t *testing.T, dieAt int32) (is []string, writes int32) {
			synctest.Test(t, func(t *testing.T) {
				f := newMortal(t, behaviour{dies: 50 * time.Millisecond})
				f.start(a, b)
				synctest.Wait()
				first := f.disk.writes.Load()
				f.disk.before = func(n int32) {
					if n == first+dieAt {
						f.station.die()
					}
				}
				disk := f.disk
				said := f.ask(w)
				if writes = disk.writes.Load() - first; said == nil {
					f = f.dies()
				}
				time.Sleep(3 * time.Second)
				for _, p := range f.List() {
					if p.Status != app.Online || f.w.living(p.ID) != 1 {
						is = append(is, fmt.Sprint(p.ID, " ", p.Name, " is ", p.Status, ", and there are ", f.w.living(p.ID)))
					}
				}
				assert.False(t, f.w.overlapped(), "two at a time")
				f.close()
				assert.Zero(t, f.w.living(0), "left behind")
			})
			return is, writes
		}
		t.Run(name, func(t *testing.T) {
			is, writes := play(t, -1)
			require.Empty(t, is)
			for n := int32(1); n <= writes; n++ {
				if is, _ := play(t, n); !assert.Empty(t, is, "killed before write %d of %d", n, writes) {
					break
				}
			}
		})
	}
}

// What is about no process is done once too, unless it failed.
func TestOnceIsOnceForAllSupervisors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newMortal(t, behaviour{})
		n := map[string]int{}
		ask := func(id string, fail bool) (results []string) {
			ctx, over, err := f.Operation(context.Background(), id)
			require.NoError(t, err)
			defer over()
			for _, text := range []string{"rotate a", "rotate b"} {
				got, err := f.Once(ctx, text, func() (string, error) {
					n[text]++
					if fail && text == "rotate a" {
						return "", errDead
					}
					return fmt.Sprint(text, " ", n[text]), nil
				})
				if err != nil {
					got = err.Error()
				}
				results = append(results, got)
			}
			return results
		}
		assert.Equal(t, []string{errDead.Error(), "rotate b 1"}, ask("x", true))
		f.station.die()
		f = f.dies()
		assert.Equal(t, []string{"rotate a 2", "rotate b 1"}, ask("x", false))
		f.station.die()
		f = f.dies()
		assert.Equal(t, []string{"rotate a 2", "rotate b 1"}, ask("x", false))
		assert.Equal(t, []string{"rotate a 3", "rotate b 2"}, ask("y", false))
		assert.Equal(t, []string{"rotate a 4", "rotate b 3"}, ask("", false))
		f.close()
	})
}
