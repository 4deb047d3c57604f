package supervisor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// on depends on others, each as ParseDependency reads it.
func on(name string, others ...string) app.Spec {
	s := app.Spec{Name: name, Script: "/" + name}
	for _, text := range others {
		d, err := app.ParseDependency(text)
		if err != nil {
			panic(err)
		}
		s.DependsOn = append(s.DependsOn, d)
	}
	return s
}

// job does its work once.
func job(name string, others ...string) app.Spec {
	s := on(name, others...)
	s.AutoRestart = new(bool)
	return s
}

// saysReady waits for a program to say that it is ready.
func saysReady(s app.Spec, within time.Duration) app.Spec {
	d := app.Duration(within)
	s.WaitReady, s.ListenTimeout = true, &d
	return s
}

// order is the names of what was launched, in order.
func (f *fixture) order() (names []string) {
	for _, l := range f.w.launches() {
		p, _ := f.Get(l.id)
		names = append(names, p.Name)
	}
	return names
}

// at is when the nth launch of an app was, from 1.
func (f *fixture) at(name string, nth int) time.Time {
	f.t.Helper()
	for _, l := range f.w.launches() {
		if p, _ := f.Get(l.id); p.Name == name {
			if nth--; nth == 0 {
				return l.at
			}
		}
	}
	f.t.Fatalf("%s was not launched so often: %v", name, f.order())
	return time.Time{}
}

func (f *fixture) named(name string) app.Process {
	f.t.Helper()
	for _, p := range f.List() {
		if p.Name == name {
			return p
		}
	}
	f.t.Fatalf("there is no %s", name)
	return app.Process{}
}

func TestAppsComeUpInOrderAndAsParallelAsTheyCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		began := time.Now()
		steps := f.start(
			on("web", "api", "cache"), saysReady(on("api", "db"), 3*time.Second),
			saysReady(on("db"), 2*time.Second), saysReady(on("cache"), 2*time.Second),
		)
		assert.Empty(t, failed(steps))
		assert.Zero(t, f.at("db", 1).Sub(began))
		assert.Zero(t, f.at("cache", 1).Sub(began), "it does not wait for db")
		assert.Equal(t, 2*time.Second, f.at("api", 1).Sub(began))
		assert.Equal(t, 5*time.Second, f.at("web", 1).Sub(began))
	})
}

func TestWhatWaitsSaysForWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		go f.Start(t.Context(), []app.Spec{saysReady(on("db"), time.Minute), on("api", "db"), on("early", "db:started")}, StartOptions{}, func(app.Progress) {})
		synctest.Wait()
		assert.Equal(t, app.Online, f.named("early").Status, "started is enough for it")
		api := f.named("api")
		assert.Equal(t, app.WaitingRestart, api.Status)
		assert.True(t, api.Wanted)
		assert.Equal(t, "waits for db (ready), which is launching", api.Reason)
		assert.Equal(t, []app.Awaited{{Name: "db", Condition: app.IsReady, Is: "is launching"}}, api.WaitsFor)
		assert.True(t, api.RestartAt.IsZero(), "no time is known")
		time.Sleep(time.Minute)
		synctest.Wait()
		api = f.named("api")
		assert.Equal(t, app.Online, api.Status)
		assert.Empty(t, api.Reason)
		assert.Empty(t, api.WaitsFor)
	})
}

func TestADependencyThatNeverGetsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		began := time.Now()
		steps := f.start(saysReady(on("db"), time.Hour), on("api", "db:30s"))
		assert.Equal(t, []string{"api is not started: dependency failed: db was not ready within 30s: it is launching"}, failed(steps)[:1])
		assert.Equal(t, time.Hour, time.Since(began), "db itself was waited for")
		synctest.Wait()
		assert.Equal(t, app.Online, f.named("api").Status, "db came, if late: so does api")
	})
}

func TestAskingForWhatWaitsTakesNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		go f.Start(t.Context(), []app.Spec{saysReady(on("db"), time.Hour)}, StartOptions{}, func(app.Progress) {})
		synctest.Wait()
		began := time.Now()
		assert.Equal(t, []string{"api is not started yet, it waits for db (ready), which is launching"}, failed(f.start(on("api", "db"))))
		assert.Equal(t, gatePatience, time.Since(began))
		assert.Equal(t, app.WaitingRestart, f.named("api").Status, "it goes on waiting")
	})
}

func TestADependencyThatCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{next: behaviour{life: 10 * time.Millisecond, code: 3}}
		f := newFixture(t, w)
		defer f.close()
		steps := f.start(saysReady(on("db"), time.Minute), on("api", "db"), on("web", "api"))
		text := strings.Join(failed(steps), "\n")
		assert.Contains(t, text, "api is not started: dependency failed: db gave up after too many quick exits: exited with code 3")
		assert.Contains(t, text, "web is not started: dependency failed: api cannot start: dependency failed: db gave up")
		assert.Equal(t, app.Errored, f.named("api").Status)
		assert.True(t, f.named("api").WaitsFor[0].Failed)
		assert.NotContains(t, f.order(), "api")

		w.mu.Lock()
		w.next = behaviour{}
		w.mu.Unlock()
		assert.Empty(t, failed(f.do(app.VerbRestart, "db")))
		synctest.Wait()
		assert.Equal(t, app.Online, f.named("api").Status, "nobody had to start it again")
		assert.Equal(t, app.Online, f.named("web").Status)
	})
}

func TestCompletedMeansCodeZero(t *testing.T) {
	for code, want := range map[int]app.Status{0: app.Online, 1: app.Errored} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{script: []behaviour{{life: 5 * time.Second, code: code}}}
			f := newFixture(t, w)
			defer f.close()
			steps := f.start(job("migrate"), on("api", "migrate:completed"))
			assert.Equal(t, want, f.named("api").Status)
			if code == 0 {
				assert.Equal(t, 5*time.Second, f.at("api", 1).Sub(f.at("migrate", 1)))
				return
			}
			assert.Equal(t, []string{"api is not started: dependency failed: migrate exited with code 1"}, failed(steps))
			assert.Empty(t, failed(f.do(app.VerbStart, "migrate")), "this time it goes well")
			synctest.Wait()
			assert.Equal(t, app.WaitingRestart, f.named("api").Status, "it has not ended yet")
			assert.Equal(t, "waits for migrate (completed), which has not ended yet", f.named("api").Reason)
		})
	}
}

func TestAJobThatWasStoppedHasNotCompleted(t *testing.T) {
	s := standing{life: lifecycle.State{Want: lifecycle.Down, LastGen: 1, Exit: lifecycle.ExitInfo{Gen: 1}}}
	got := judge(&app.Dependency{Condition: app.IsCompleted}, s)
	assert.Equal(t, verdict{is: "is stopped"}, got)
	s.life.Want = lifecycle.Up
	assert.True(t, judge(&app.Dependency{Condition: app.IsCompleted}, s).met)
}

func TestHealthyIsAskedOfAProbe(t *testing.T) {
	s := standing{life: lifecycle.State{Want: lifecycle.Up, LastGen: 1, Cur: lifecycle.Child{Gen: 1, PID: 1, Ready: true}}}
	d := &app.Dependency{Condition: app.IsHealthy}
	assert.Equal(t, verdict{is: "is not known to be healthy"}, judge(d, s))
	s.healthy = true
	assert.True(t, judge(d, s).met)
	s.life.Cur.Ready = false
	assert.False(t, judge(d, s).met)
}

func TestWhatCannotBeOrderedIsRefusedBeforeAnythingStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		for want, specs := range map[string][]app.Spec{
			"dependency cycle: a -> b -> a":                               {on("a", "b"), on("b", "a"), on("c")},
			"a depends on nobody, and there is no app of that name":       {on("a", "nobody"), on("c")},
			"a depends on c being healthy, and c has no probe":            {on("a", "c:healthy"), on("c")},
			"a depends on c being completed, and c is restarted whenever": {on("a", "c:completed"), on("c")},
		} {
			got := failed(f.start(specs...))
			require.Len(t, got, 1, want)
			assert.Contains(t, got[0], want)
		}
		assert.Empty(t, f.List())

		require.Empty(t, failed(f.start(on("db"), on("api", "db"))))
		changed := on("db", "api")
		steps := f.run(func(report func(app.Progress)) {
			f.Do(t.Context(), Action{Verb: app.VerbRestart, Targets: []app.Selector{"db"}, Specs: map[app.ID]app.Spec{0: changed}}, report)
		})
		assert.Equal(t, []string{"dependency cycle: api -> db -> api"}, failed(steps))
		assert.Equal(t, 1, int(f.named("db").Gen))
		steps = f.run(func(report func(app.Progress)) {
			f.Start(t.Context(), []app.Spec{changed}, StartOptions{IfExists: app.Restart, File: "x"}, report)
		})
		assert.Equal(t, []string{"dependency cycle: api -> db -> api"}, failed(steps))
	})
}

func TestOptionalDependencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		f := newFixture(t, w)
		defer f.close()
		api := on("api", "nobody", "db")
		api.DependsOn[0].Optional, api.DependsOn[1].Optional = true, true
		assert.Empty(t, failed(f.start(saysReady(on("db"), 2*time.Second), api)))
		assert.Equal(t, 2*time.Second, f.at("api", 1).Sub(f.at("db", 1)), "what is on its way is waited for")
	})
}

// ends records when programs end.
func (f *fixture) ends(op func()) (names []string) {
	ctx, cancel := contextOf(f.t)
	events := f.Events(ctx, 0)
	done := make(chan []string)
	go func() {
		var names []string
		for e := range events {
			if e.Kind == app.EventExit {
				names = append(names, e.Name)
			}
		}
		done <- names
	}()
	op()
	synctest.Wait()
	cancel()
	return <-done
}

func TestStopsAndDeletesInReverse(t *testing.T) {
	for name, op := range map[string]func(*fixture){
		"stop all":  func(f *fixture) { f.do(app.VerbStop, "all") },
		"stop each": func(f *fixture) { f.do(app.VerbStop, "db", "web", "api") },
		"delete":    func(f *fixture) { f.do(app.VerbDelete, "all") },
		"shutdown": func(f *fixture) {
			require.NoError(f.t, f.Shutdown(f.t.Context(), true, func(app.Progress) {}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, &world{next: behaviour{dies: time.Second}})
				if name != "shutdown" {
					defer f.close()
				}
				require.Empty(t, failed(f.start(on("db"), on("api", "db"), on("web", "api"), on("other"))))
				began := time.Now()
				got := f.ends(func() { op(f) })
				assert.Equal(t, []string{"web", "api", "db"}, slices.DeleteFunc(got, func(n string) bool { return n == "other" }))
				assert.Equal(t, 3*time.Second, time.Since(began), "what nobody depends on ends meanwhile")
			})
		})
	}
}

func TestRestartOfSeveralEndsBackwardsAndComesUpForwards(t *testing.T) {
	for name, op := range map[string]func(*fixture) []app.Progress{
		"verb": func(f *fixture) []app.Progress { return f.do(app.VerbRestart, "all") },
		"file": func(f *fixture) []app.Progress {
			return f.run(func(report func(app.Progress)) {
				f.Start(f.t.Context(), []app.Spec{on("web", "api"), saysReady(on("db"), 5*time.Second), on("api", "db")}, StartOptions{IfExists: app.Restart, File: "x"}, report)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{next: behaviour{dies: time.Second}}
				f := newFixture(t, w)
				defer f.close()
				require.Empty(t, failed(f.start(saysReady(on("db"), 5*time.Second), on("api", "db"), on("web", "api"))))
				began := time.Now()
				got := f.ends(func() { assert.Empty(t, failed(op(f))) })
				assert.Equal(t, []string{"web", "api", "db"}, got)
				assert.Equal(t, []string{"db", "api", "web", "db", "api", "web"}, f.order())
				assert.Equal(t, 3*time.Second, f.at("db", 2).Sub(began))
				assert.Equal(t, 8*time.Second, f.at("api", 2).Sub(began), "the old db did not count")
				for _, p := range f.List() {
					assert.Equal(t, 1, p.Restarts, p.Name)
					assert.Equal(t, app.Online, p.Status, p.Name)
				}
			})
		})
	}
}

func TestAStartBringsUpWhatIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		lazy := on("db")
		lazy.AutoStart = new(bool)
		require.Empty(t, failed(f.start(lazy, on("api", "db"))))
		assert.Equal(t, app.Online, f.named("db").Status)
		f.do(app.VerbStop, "all")
		steps := f.do(app.VerbStart, "api")
		assert.Empty(t, failed(steps))
		assert.Equal(t, app.Online, f.named("db").Status)
		assert.True(t, slices.ContainsFunc(steps, func(p app.Progress) bool { return p.Message == "Starting db, which others depend on" }))

		f.do(app.VerbStop, "all")
		f.do(app.VerbStart, "db")
		assert.Equal(t, app.Stopped, f.named("api").Status, "nothing else is started")
	})
}

func TestACrashedProcessWaitsForWhatItNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{script: []behaviour{{}, {life: 10 * time.Second, code: 1}}}
		f := newFixture(t, w)
		defer f.close()
		require.Empty(t, failed(f.start(on("db"), on("api", "db"))))
		f.do(app.VerbStop, "db")
		time.Sleep(15 * time.Second)
		synctest.Wait()
		assert.Equal(t, "waits for db (ready), which is stopped", f.named("api").Reason)
		f.do(app.VerbStart, "db")
		synctest.Wait()
		assert.Equal(t, app.Online, f.named("api").Status)
		assert.Equal(t, 1, f.named("api").Restarts)
	})
}

func TestTheNextSupervisorKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		require.Empty(t, failed(f.start(saysReady(on("db"), 5*time.Second), on("api", "db"), on("web", "api"))))
		require.NoError(t, f.Shutdown(t.Context(), false, func(app.Progress) {}))

		n := f.successor()
		defer n.close()
		began := time.Now()
		synctest.Wait()
		assert.Equal(t, app.WaitingRestart, n.named("web").Status)
		assert.Equal(t, []string{"db"}, n.order()[3:])
		time.Sleep(6 * time.Second)
		synctest.Wait()
		assert.Equal(t, 5*time.Second, n.at("web", 2).Sub(began))
	})
}

func TestADeadSupervisorsWaitGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newMortal(t, behaviour{})
		go f.Start(context.Background(), []app.Spec{saysReady(on("db"), time.Minute), on("api", "db")}, StartOptions{}, func(app.Progress) {}) // ends with the supervisor
		synctest.Wait()
		n := f.dies()
		api := n.named("api")
		assert.Equal(t, app.WaitingRestart, api.Status)
		assert.Equal(t, "waits for db (ready), which is launching", api.Reason)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, app.Online, n.named("api").Status)
		assert.Len(t, n.w.launches(), 2)
		n.close()
	})
}

func TestACycleThatCameWithASavedListIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		a, b := on("a", "b"), on("b", "a")
		f.run(func(report func(app.Progress)) {
			f.Resurrect(t.Context(), []Saved{{Process: app.Process{Spec: &a}, Up: true}, {Process: app.Process{Spec: &b}, Up: true}}, report)
		})
		synctest.Wait()
		assert.Equal(t, app.Errored, f.named("a").Status)
		assert.Equal(t, "dependency failed: b depends on it in turn: a -> b -> a", f.named("a").Reason)
	})
}

func TestAnAppThatIsDeletedIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		go f.Start(t.Context(), []app.Spec{saysReady(on("db"), time.Hour), on("api", "db")}, StartOptions{}, func(app.Progress) {})
		synctest.Wait()
		f.do(app.VerbDelete, "db")
		synctest.Wait()
		assert.Equal(t, "dependency failed: db does not exist", f.named("api").Reason)
		assert.Empty(t, failed(f.start(on("db"))))
		synctest.Wait()
		assert.Equal(t, app.Online, f.named("api").Status)
	})
}

func TestNewAttributesFreeWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		go f.Start(t.Context(), []app.Spec{saysReady(on("db"), time.Hour), on("api", "db")}, StartOptions{}, func(app.Progress) {})
		synctest.Wait()
		require.NoError(t, f.Respec(f.named("api").ID, on("api")))
		synctest.Wait()
		assert.Equal(t, app.Online, f.named("api").Status)
	})
}

// TestRandomOrders starts, restarts and stops random apps that depend on each other, with programs that take their time, and
// checks that no process is ever launched before all it depends on were ready.
func TestRandomOrders(t *testing.T) {
	for seed := range 60 {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 4))
			f := newFixture(t, &world{next: behaviour{dies: time.Duration(r.IntN(300)) * time.Millisecond}})
			defer f.close()
			var specs []app.Spec
			for i := range 2 + r.IntN(6) {
				s := saysReady(on(fmt.Sprint("n", i)), time.Duration(r.IntN(5000))*time.Millisecond)
				for below := range i {
					if r.IntN(3) == 0 {
						s.DependsOn = append(s.DependsOn, app.Dependency{Name: fmt.Sprint("n", below)})
					}
				}
				specs = append(specs, s)
			}
			r.Shuffle(len(specs), func(i, j int) { specs[i], specs[j] = specs[j], specs[i] })
			var trouble atomic.Pointer[string]
			f.w.saw = func(p *app.Process) {
				for _, d := range p.Spec.DependsOn {
					if on := f.named(d.Name); on.Status != app.Online {
						text := fmt.Sprintf("%s was launched while %s was %s", p.Name, d.Name, on.Status)
						trouble.Store(&text)
					}
				}
			}
			assert.Empty(t, failed(f.start(specs...)))
			for range 4 {
				verb := []app.Verb{app.VerbRestart, app.VerbStop, app.VerbStart, app.VerbReload}[r.IntN(4)]
				if verb == app.VerbReload { // one at a time, in order, while those above go on
					continue
				}
				assert.Empty(t, failed(f.do(verb, "all")), verb)
			}
			synctest.Wait()
			if text := trouble.Load(); text != nil {
				t.Fatalf("seed %d: %s", seed, *text)
			}
		})
	}
}

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
