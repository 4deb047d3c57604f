package supervisor

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/supervisor/journal"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// behaviour is how a fake program acts.
type behaviour struct {
	life    time.Duration // it exits by itself after this; 0 is never
	code    int
	dies    time.Duration // after being asked
	deaf    bool          // it does not hear the request
	lingers time.Duration // its tree outlives it by this
	fails   error         // it cannot be run at all
}

// world is a fake machine. Under synctest its time is virtual.
type world struct {
	mu       sync.Mutex
	next     behaviour
	script   []behaviour // for the coming launches, before next
	launched []launch
	overlap  bool               // two of one process lived at the same time
	saw      func(*app.Process) // each launch, if somebody looks
	trees    map[app.ID]int
}

type launch struct {
	id  app.ID
	gen uint64
	at  time.Time
	env app.Env
}

func (w *world) launch(p *app.Process, gen uint64, exited func(spawn.Exit)) (child, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.next
	if len(w.script) > 0 {
		b, w.script = w.script[0], w.script[1:]
	}
	w.launched = append(w.launched, launch{p.ID, gen, time.Now(), p.Spec.Env})
	if w.saw != nil {
		w.saw(p)
	}
	if b.fails != nil {
		return nil, b.fails
	}
	if w.trees == nil {
		w.trees = map[app.ID]int{}
	}
	w.trees[p.ID]++
	w.overlap = w.overlap || w.trees[p.ID] > 1
	c := &fakeChild{w: w, b: b, id: p.ID, pid: 1000 + len(w.launched), exited: exited}
	if b.life > 0 {
		time.AfterFunc(b.life, func() { c.exit(spawn.Exit{Code: b.code, At: time.Now()}) })
	}
	return c, nil
}

func (w *world) launches() []launch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]launch(nil), w.launched...)
}

// overlapped reports whether two trees of one process lived at the same time.
func (w *world) overlapped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.overlap
}

// living counts the trees of a process.
func (w *world) living(id app.ID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trees[id]
}

type fakeChild struct {
	w      *world
	b      behaviour
	id     app.ID
	pid    int
	exited func(spawn.Exit)

	mu      sync.Mutex
	dead    bool
	empty   bool
	waiting []func()
	signals []syscall.Signal
	last    *spawn.Exit
}

func (c *fakeChild) exit(x spawn.Exit) {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return
	}
	c.dead, c.last = true, &x
	exited := c.exited
	c.mu.Unlock()
	exited(x)
	if c.b.lingers > 0 {
		time.AfterFunc(c.b.lingers, c.end)
		return
	}
	c.end()
}

// end is when the tree is empty.
func (c *fakeChild) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.empty {
		return
	}
	c.empty = true
	c.w.mu.Lock()
	c.w.trees[c.id]--
	c.w.mu.Unlock()
	for _, f := range c.waiting {
		f()
	}
	c.waiting = nil
}

func (w *world) removePID(string) {}

func (w *world) settleEstate(estate, func(app.ID) *app.Process) {}

func (w *world) killUnborn() {}

func (w *world) find(app.ID, uint64) int { return 0 }

func (w *world) adopt(*app.Process, lifecycle.Child, handle, estate, func(spawn.Exit)) found {
	return found{}
}

func (c *fakeChild) PID() int                      { return c.pid }
func (c *fakeChild) Trouble() error                { return nil }
func (c *fakeChild) Membership() string            { return "fake" }
func (c *fakeChild) Ceilings() []app.Ceiling       { return nil }
func (c *fakeChild) Tree() ([]int, error)          { return []int{c.pid}, nil }
func (c *fakeChild) Drain()                        {}
func (c *fakeChild) Queue([]byte) (Flusher, error) { return nil, ErrNoIPC }
func (c *fakeChild) Input(string) error            { return nil }
func (c *fakeChild) Handle() handle                { return handle{} }
func (c *fakeChild) Retire() error                 { return nil }
func (c *fakeChild) Close()                        {}

func (c *fakeChild) Signal(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signals = append(c.signals, s)
	if c.dead {
		return errors.New("no such process")
	}
	return nil
}

func (c *fakeChild) Term(s syscall.Signal) error {
	if !c.b.deaf {
		time.AfterFunc(c.b.dies, func() { c.exit(spawn.Exit{Signal: s, At: time.Now()}) })
	}
	return nil
}

func (c *fakeChild) Kill() error {
	c.exit(spawn.Exit{Signal: syscall.SIGKILL, At: time.Now()})
	c.end()
	return nil
}

func (c *fakeChild) WhenEmpty(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.empty {
		go f() // ends with f
		return
	}
	c.waiting = append(c.waiting, f)
}

// fixture is a supervisor in a fake world, and what it reports.
type fixture struct {
	*Supervisor
	t    *testing.T
	w    *world
	disk *journalDisk // where its journal is
}

func newFixture(t *testing.T, w *world) *fixture {
	return (&fixture{t: t, w: w, disk: &journalDisk{Dir: journal.Dir(t.TempDir())}}).successor()
}

// successor is a supervisor of the same journal and world, as after the death of f, whose goroutines are the caller's to end.
func (f *fixture) successor() *fixture {
	n := &fixture{t: f.t, w: f.w, disk: &journalDisk{Dir: f.disk.Dir}}
	j, found, err := journal.Open(journal.Options{Files: n.disk})
	require.NoError(f.t, err)
	n.Supervisor = New(Options{launcher: f.w, Journal: j, Identity: "fake"})
	_, err = n.Resume(found.Values, nil)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { j.Close() })
	return n
}

// close ends the supervisor, and with it every goroutine.
func (f *fixture) close() {
	require.NoError(f.t, f.Shutdown(f.t.Context(), true, func(app.Progress) {}))
}

// run collects what an operation reports and checks its shape: it ends once, with the right count.
func (f *fixture) run(op func(report func(app.Progress))) []app.Progress {
	f.t.Helper()
	var mu sync.Mutex
	var got []app.Progress
	op(func(p app.Progress) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, p)
	})
	require.NotEmpty(f.t, got)
	failures := 0
	for i, p := range got {
		require.Equal(f.t, i == len(got)-1, p.Step == app.StepEnd, "StepEnd comes last, once: %+v", got)
		if p.Step == app.StepFailed {
			failures++
		}
	}
	require.Equal(f.t, failures, got[len(got)-1].Failures)
	return got
}

func (f *fixture) start(specs ...app.Spec) []app.Progress {
	f.t.Helper()
	return f.run(func(report func(app.Progress)) { f.Start(f.t.Context(), specs, StartOptions{}, report) })
}

func (f *fixture) do(v app.Verb, targets ...app.Selector) []app.Progress {
	f.t.Helper()
	return f.run(func(report func(app.Progress)) { f.Do(f.t.Context(), Action{Verb: v, Targets: targets}, report) })
}

func (f *fixture) get(id app.ID) app.Process {
	f.t.Helper()
	p, ok := f.Get(id)
	require.True(f.t, ok, "process %d exists", id)
	return p
}

// failed returns the messages of the steps that failed.
func failed(steps []app.Progress) []string {
	var out []string
	for _, p := range steps {
		if p.Step == app.StepFailed {
			out = append(out, p.Message)
		}
	}
	return out
}
