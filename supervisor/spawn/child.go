package spawn

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// Child is one incarnation of a service: its main process and the tree that came of it. Its methods may be called from
// any goroutine, also after its end; what is gone is reported as os.ErrProcessDone.
type Child struct {
	PID       int
	StartTime uint64 // clock ticks since boot (Linux), microseconds since 1970 (macOS); with PID it names the process
	Tag       string

	spawner *Spawner
	exited  func(Exit)
	since   time.Time

	handle // what the OS knows it by

	bounds   Bounds
	holds    []Hold
	throttle *throttle // nil: nobody need hold its CPU bound here

	mu        sync.Mutex
	reaped    bool // the main process is gone and its pid may be anybody's
	adopted   bool // a former supervisor forked it: somebody else reaps it. Never changed
	inherited bool // a former supervisor started it, under a reaper that may have died since. Never changed
	concluded bool // of an adopted one: how it ended is being told
	killed    bool // we sent SIGKILL
	empty     bool
	released  bool
	noSession bool // no process is left in the main process's session, so its id may be anybody's
	whenEmpty []func()
	orphans   map[int]uint64 // start times of those once seen to carry the tag, by pid
}

// Signal sends sig to the main process only.
func (c *Child) Signal(sig syscall.Signal) error {
	c.Ease()
	return c.signal(sig)
}

// Ease has a tree run that pauses because of its CPU bound: it is to act on something now.
func (c *Child) Ease() { c.throttle.ease() }

func (c *Child) signal(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped || c.released {
		return os.ErrProcessDone
	}
	if sig == syscall.SIGKILL {
		c.killed = true
	}
	if err := c.sendMain(sig); err != nil {
		return fmt.Errorf("signal process %d: %w", c.PID, err)
	}
	return nil
}

// SignalTree sends sig to every process of the tree, the deepest first, the main process last; what was forked meanwhile
// gets it in a second sweep. The first error is returned, after all were tried; os.ErrProcessDone if there was nobody.
func (c *Child) SignalTree(sig syscall.Signal) error {
	c.Ease()
	return c.sweep(sig, 2)
}

// Kill sends SIGKILL to the whole tree: at once where it has a control group, else sweep by sweep until one finds nobody
// that has not been killed. Processes may take a moment to die: see WhenEmpty.
func (c *Child) Kill() error {
	c.mu.Lock()
	c.killed = true
	c.mu.Unlock()
	killed := c.killGroup()
	// Also after that: the kernel leaves a process alone whose main thread has ended while others run.
	err := c.sweep(syscall.SIGKILL, maxSweeps)
	if killed && errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Tree returns the pids of the live processes of this incarnation, the deepest first. Zombies are not among them.
func (c *Child) Tree() ([]int, error) {
	all, err := c.members()
	if err != nil {
		return nil, err
	}
	pids := make([]int, len(all.tree))
	for i, m := range all.tree {
		pids[i] = m.pid
	}
	return pids, nil
}

// WhenEmpty has f called once, when the main process is reaped and no process of the tree is left; never while one lives.
// f runs on a goroutine of the Spawner, after exited, and must not block.
func (c *Child) WhenEmpty(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.empty {
		go f() // ends with f
		return
	}
	c.whenEmpty = append(c.whenEmpty, f)
}

// Release gives back what a child that is over holds: its control group and descriptors. Before that it does nothing but
// return an error.
func (c *Child) Release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil
	}
	if !c.empty {
		return fmt.Errorf("release process %d: its tree is not empty", c.PID)
	}
	c.released = true
	return c.closeHandle()
}

// ended records the main process's end, tells of it, and begins to look for the end of its tree.
func (c *Child) ended(e Exit) {
	if c.exited != nil {
		c.exited(e)
	}
	c.spawner.settle(c)
}

// becomeEmpty calls who waited for it.
func (c *Child) becomeEmpty() {
	c.mu.Lock()
	waiting := c.whenEmpty
	c.whenEmpty, c.empty = nil, true
	c.mu.Unlock()
	c.throttle.end()
	for _, f := range waiting {
		f()
	}
}
