package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/supervisor/journal"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// machine is a world whose children outlive their supervisors.
type machine struct {
	world
	children map[childKey]*fakeChild
	lostExit bool // what nobody saw nobody tells
	boot     time.Time
	forks    int
}

type childKey struct {
	id  app.ID
	gen uint64
}

// station is one supervisor's hold on a machine. When the supervisor is dead it reaches nothing there any more.
type station struct {
	m *machine

	mu   sync.Mutex
	dead bool
	disk *journalDisk
	// dieBefore and dieAfter are the launch during which the supervisor dies, before its fork or after it: 0 is none.
	dieBefore, dieAfter int
}

func (s *station) gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// die is the death of the supervisor: it writes nothing any more, and nothing that it does is done.
func (s *station) die() {
	s.disk.refuse.Store(&errDead)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

var errDead = errors.New("this supervisor is dead")

func (s *station) launch(p *app.Process, gen uint64, exited func(spawn.Exit)) (child, error) {
	s.mu.Lock()
	s.m.forks++
	before, after := s.dieBefore == s.m.forks, s.dieAfter == s.m.forks
	s.mu.Unlock()
	if before {
		s.die()
	}
	dead := s.gone()
	if dead {
		return nil, errDead
	}
	v := &vigil{s: s, exited: exited}
	c, err := s.m.launch(p, gen, v.ended)
	if err != nil {
		return nil, err
	}
	v.fakeChild = c.(*fakeChild)
	s.m.mu.Lock()
	s.m.children[childKey{p.ID, gen}] = v.fakeChild
	s.m.mu.Unlock()
	if after {
		s.die()
		return nil, errDead
	}
	return v, nil
}

func (s *station) removePID(string)                               {}
func (s *station) killUnborn()                                    {}
func (s *station) find(app.ID, uint64) int                        { return 0 }
func (s *station) settleEstate(estate, func(app.ID) *app.Process) {}
func (s *station) living(k childKey) (c *fakeChild, dead, empty bool) {
	s.m.mu.Lock()
	c = s.m.children[k]
	s.m.mu.Unlock()
	if c == nil {
		return nil, false, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.dead, c.empty
}

func (s *station) adopt(p *app.Process, c lifecycle.Child, _ handle, _ estate, exited func(spawn.Exit)) found {
	was, dead, empty := s.living(childKey{p.ID, c.Gen})
	if was == nil {
		return found{}
	}
	v := &vigil{fakeChild: was, s: s, exited: exited}
	f := found{child: v, alive: !dead}
	was.mu.Lock()
	defer was.mu.Unlock()
	if dead && !s.m.lostExit {
		f.exit = was.last
	}
	was.exited = v.ended
	v.over = empty
	return f
}

// vigil is a child as one supervisor sees it.
type vigil struct {
	*fakeChild
	s      *station
	exited func(spawn.Exit)

	mu      sync.Mutex
	over    bool
	waiting []func()
}

func (v *vigil) ended(x spawn.Exit) {
	if !v.s.gone() {
		v.exited(x)
	}
}

func (v *vigil) WhenEmpty(f func()) {
	v.mu.Lock()
	over := v.over
	v.waiting = append(v.waiting, f)
	v.mu.Unlock()
	switch {
	case over:
		go v.emptied() // ends with what waits
	case !v.s.gone():
		v.fakeChild.WhenEmpty(func() {
			if !v.s.gone() {
				v.emptied()
			}
		})
	}
}

func (v *vigil) emptied() {
	v.mu.Lock()
	v.over = true
	waiting := v.waiting
	v.waiting = nil
	v.mu.Unlock()
	for _, f := range waiting {
		f()
	}
}

// ghost ends the child for a supervisor that is dead, and for nobody else.
func (v *vigil) ghost() bool {
	if !v.s.gone() {
		return false
	}
	v.exited(spawn.Exit{})
	v.emptied()
	return true
}

func (v *vigil) Term(s syscall.Signal) error {
	if v.ghost() {
		return nil
	}
	return v.fakeChild.Term(s)
}

func (v *vigil) Kill() error {
	if v.ghost() {
		return nil
	}
	return v.fakeChild.Kill()
}

// mortal is a supervisor on a machine.
type mortal struct {
	*fixture
	m       *machine
	station *station
}

func newMortal(t *testing.T, b behaviour) *mortal {
	m := &machine{world: world{next: b}, children: map[childKey]*fakeChild{}, boot: time.Now().Add(-time.Hour)}
	return (&mortal{fixture: &fixture{t: t, w: &m.world, disk: &journalDisk{Dir: journal.Dir(t.TempDir())}}, m: m}).next()
}

// clock is the machine's, in the bubble's time.
func (m *machine) clock() epoch {
	now := time.Now()
	return epoch{now, int64(now.Sub(m.boot))}
}

// next is the supervisor that comes after.
func (f *mortal) next() *mortal {
	disk := &journalDisk{Dir: f.disk.Dir}
	s := &station{m: f.m, disk: disk}
	j, held, err := journal.Open(journal.Options{Files: disk})
	require.NoError(f.t, err)
	n := &mortal{fixture: &fixture{t: f.t, w: f.w, disk: disk}, m: f.m, station: s}
	n.Supervisor = New(Options{launcher: s, Journal: j, Identity: "fake", clock: f.m.clock})
	r, err := n.Resume(held.Values, nil)
	require.NoError(f.t, err)
	require.Empty(f.t, r.Problems)
	f.t.Cleanup(func() { j.Close() })
	return n
}

// close ends the supervisor, and waits for what is left of those before.
func (f *mortal) close() {
	f.fixture.close()
	time.Sleep(time.Minute)
}

// dies kills the supervisor at once, and starts its successor. What is left of it in this test ends without being seen.
func (f *mortal) dies() *mortal {
	f.t.Helper()
	f.leave()
	n := f.next()
	synctest.Wait()
	return n
}

func (f *mortal) leave() {
	f.station.die()
	go f.Shutdown(context.Background(), true, func(app.Progress) {}) // ends in its own time; nobody sees it
	synctest.Wait()
}

// begin gives an operation and does not wait for it.
func (f *mortal) begin(v app.Verb) {
	go f.Do(f.t.Context(), Action{Verb: v, Targets: []app.Selector{"all"}}, func(app.Progress) {}) // ends with the supervisor
	synctest.Wait()
}

// sight is what an operator sees of a process.
type sight struct {
	Status    app.Status
	PID       int
	Gen       uint64
	Restarts  int
	Unstable  int
	Uptime    time.Duration
	Exit      string
	Reason    string
	RestartIn time.Duration
}

func (f *mortal) sight() []sight {
	var out []sight
	for _, p := range f.List() {
		s := sight{Status: p.Status, PID: p.PID, Gen: p.Gen, Restarts: p.Restarts, Unstable: p.Unstable, Reason: p.Reason}
		if p.PID != 0 {
			s.Uptime = time.Since(p.Started)
		}
		if p.Exit != nil {
			s.Exit = fmt.Sprint(p.Exit.Gen, p.Exit.Code, p.Exit.Signal, p.Exit.Err)
		}
		if !p.RestartAt.IsZero() {
			s.RestartIn = time.Until(p.RestartAt)
		}
		out = append(out, s)
	}
	return out
}

// TestDeathOfTheSupervisorChangesNothing plays scripts in virtual time, once undisturbed and then with a death at each step,
// and wants to see the same at every step after.
func TestDeathOfTheSupervisorChangesNothing(t *testing.T) {
	spec := app.Spec{Name: "a", Script: "/a"}
	scripts := map[string]struct {
		spec app.Spec
		b    behaviour
		do   map[int]app.Verb // by step
	}{
		"online":          {spec, behaviour{}, nil},
		"crashing":        {spec, behaviour{life: 250 * time.Millisecond, code: 3}, nil},
		"crashing slowly": {app.Spec{Name: "a", Script: "/a", RestartDelay: app.Duration(300 * time.Millisecond)}, behaviour{life: 450 * time.Millisecond, code: 1}, nil},
		"backing off":     {app.Spec{Name: "a", Script: "/a", ExpBackoff: app.Duration(100 * time.Millisecond)}, behaviour{life: 30 * time.Millisecond, code: 1}, nil},
		"giving up":       {app.Spec{Name: "a", Script: "/a", MaxRestarts: ptr(4)}, behaviour{life: 150 * time.Millisecond, code: 1}, nil},
		"waiting ready":   {app.Spec{Name: "a", Script: "/a", WaitReady: true, ListenTimeout: ptr(app.Duration(700 * time.Millisecond))}, behaviour{}, nil},
		"deaf, stopped":   {spec, behaviour{deaf: true}, map[int]app.Verb{2: app.VerbStop}},
		"slow, restarted": {spec, behaviour{dies: 550 * time.Millisecond}, map[int]app.Verb{2: app.VerbRestart}},
		"slow, deleted":   {spec, behaviour{dies: 550 * time.Millisecond}, map[int]app.Verb{2: app.VerbDelete}},
		"lingering":       {spec, behaviour{life: 350 * time.Millisecond, lingers: 450 * time.Millisecond, code: 1}, nil},
		"stop, start":     {spec, behaviour{dies: 350 * time.Millisecond}, map[int]app.Verb{1: app.VerbStop, 3: app.VerbStart}},
		"overlapping":     {app.Spec{Name: "a", Script: "/a", Overlap: true, ListenTimeout: ptr(app.Duration(250 * time.Millisecond))}, behaviour{dies: 350 * time.Millisecond}, map[int]app.Verb{2: app.VerbReload}},
		"one job":         {app.Spec{Name: "a", Script: "/a", AutoRestart: ptr(false)}, behaviour{life: 650 * time.Millisecond, code: 7}, nil},
	}
	const steps = 14
	for name, script := range scripts {
		play := func(t *testing.T, dieAt int) (seen [][]sight) {
			synctest.Test(t, func(t *testing.T) {
				f := newMortal(t, script.b)
				f.start(script.spec)
				for i := range steps {
					if v, ok := script.do[i]; ok {
						f.begin(v)
					}
					if i == dieAt {
						f = f.dies()
					}
					seen = append(seen, f.sight())
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
				}
				assert.Equal(t, script.spec.Overlap, f.w.overlapped(), "two at a time")
				f.close()
				assert.Zero(t, f.w.living(0), "left behind")
			})
			return seen
		}
		t.Run(name, func(t *testing.T) {
			want := play(t, -1)
			for at := range steps {
				got := play(t, at)
				if !assert.Equal(t, want, got, "killed at step %d", at) {
					break
				}
			}
		})
	}
}

func TestDeathWhileNobodyLooks(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newMortal(t, behaviour{life: 500 * time.Millisecond, code: 9})
			f.m.lostExit = lost
			f.start(app.Spec{Name: "a", Script: "/a", AutoRestart: ptr(false)})
			f.leave()
			time.Sleep(time.Second)
			f = f.next()
			synctest.Wait()
			p := f.get(0)
			assert.Equal(t, app.Stopped, p.Status)
			require.NotNil(t, p.Exit)
			if lost {
				assert.Equal(t, exitLost, p.Exit.Err, "what is not known is said to be so")
			} else {
				assert.Equal(t, 9, p.Exit.Code)
			}
			f.close()
		})
	}
}

func TestDeathBetweenTheDecisionAndTheFork(t *testing.T) {
	for _, after := range []bool{false, true} {
		for launch := 1; launch <= 3; launch++ {
			synctest.Test(t, func(t *testing.T) {
				f := newMortal(t, behaviour{life: 2 * time.Second, code: 1})
				if after {
					f.station.dieAfter = launch
				} else {
					f.station.dieBefore = launch
				}
				go f.Start(t.Context(), []app.Spec{{Name: "a", Script: "/a"}}, StartOptions{}, func(app.Progress) {}) // ends with the supervisor
				for !f.station.gone() {
					time.Sleep(time.Millisecond)
					synctest.Wait()
				}
				f = f.dies()
				p := f.get(0)
				assert.Equal(t, app.Online, p.Status)
				assert.Equal(t, uint64(launch), p.Gen, "the same incarnation")
				assert.Equal(t, launch-1, p.Restarts)
				assert.False(t, f.w.overlapped(), "it was not doubled")
				assert.Len(t, f.w.launches(), launch, "nor forked once more")
				f.close()
			})
		}
	}
}

func TestOrderedEndAndBootStartAgainWhatWasWished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newMortal(t, behaviour{})
		f.start(app.Spec{Name: "a", Script: "/a"}, app.Spec{Name: "b", Script: "/b"})
		f.do(app.VerbStop, "b")
		f.do(app.VerbRestart, "a")
		require.NoError(t, f.Shutdown(t.Context(), false, func(app.Progress) {}))
		f = f.next()
		synctest.Wait()
		assert.Equal(t, []app.Status{app.Online, app.Stopped}, []app.Status{f.get(0).Status, f.get(1).Status})
		assert.Equal(t, 1, f.get(0).Restarts)
		assert.Equal(t, uint64(3), f.get(0).Gen)
		f.close()
	})
}

func TestTheVersionIsReadAtEachStartAndSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newMortal(t, behaviour{})
		now := "1.1.0"
		f.opts.Version = func(*app.Process) string { return now }
		f.start(app.Spec{Name: "a", Script: "/a", Version: "1.0.0"})
		assert.Equal(t, "1.0.0", f.get(0).Version, "the spec has just been read")
		f.do(app.VerbRestart, "a")
		assert.Equal(t, "1.1.0", f.get(0).Version)
		now = "1.2.0"
		f = f.dies()
		assert.Equal(t, "1.1.0", f.get(0).Version, "what runs is of before")
		f.do(app.VerbRestart, "a")
		assert.Equal(t, "1.1.0", f.get(0).Version, "nobody reads it here")
		f.close()
	})
}
