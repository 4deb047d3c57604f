package spawn

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// DescriptorsPerChild is how many descriptors a running service holds open in the supervisor: its pidfd (this package),
// the read ends of two log pipes and the files they go to, the IPC channel, and the kept stat file of the sampler. CanFit
// counts with it.
const DescriptorsPerChild = 7

// ReservedDescriptors are never given to services: whoever talks to this process needs one, and so do its own files. A
// supervisor without any could not even tell what is wrong.
const ReservedDescriptors = 64

// transientDescriptors are held only while a child is launched: the child's ends of three pipes and of the channel, the exec status pipe,
// the control group's directory, the trampoline's pipe.
const transientDescriptors = 9

// Options of a Spawner. The zero value works: no control groups, no marker, no reaper, no trampoline.
type Options struct {
	CgroupRoot string // e.g. the home's id: name of the control group that holds those of the children; "" is none
	Marker     string // name of the environment variable that carries Cmd.Tag, e.g. "WEAVER_SERVICE"; "" is none
	Trampoline string // absolute path of the executable that runs trampoline.Run; "" forbids settings that need it

	// Reaper returns the pid of the subreaper that orphans of services fall to; 0, or a nil Reaper, is none.
	Reaper func() int

	// Kin, if set, says whether a process is a supervisor of the same home, or a copy of one that has not executed a program yet.
	Kin func(pid int) bool

	// Peek, if set, is told of an exit before the status is reaped: while it runs the zombie still holds its pid.
	// It runs on the waiter's goroutine and must not block for long.
	Peek func(tag string, e Exit)
}

// Spawner launches children and waits for all of them.
type Spawner struct {
	options  Options
	null     int           // /dev/null, both ways
	slots    chan struct{} // bounds launches at a time, and so the threads they leave behind
	closing  chan struct{}
	running  sync.WaitGroup // the goroutines of this Spawner
	sweeper  sweeper
	orphans  orphans
	foster   foster
	carriers carriers
	system   system // what waiting needs on this OS
}

// launchesAtATime is enough to keep the cores busy while some launches wait for their exec.
func launchesAtATime() int { return max(4, runtime.GOMAXPROCS(0)) }

// New returns a Spawner whose waiter runs until Close. Descriptors that this process was given by whoever started it are
// set close-on-exec, all but 0, 1 and 2: children get what Cmd names and nothing else.
func New(o Options) (*Spawner, error) {
	s := &Spawner{options: o, closing: make(chan struct{}), slots: make(chan struct{}, launchesAtATime())}
	s.sweeper.init()
	null, err := openNull()
	if err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	s.null = null
	if err := keepDescriptors(); err != nil {
		closeFD(null)
		return nil, fmt.Errorf("set descriptors close-on-exec: %w", err)
	}
	if err := s.system.start(s); err != nil {
		closeFD(null)
		return nil, err
	}
	return s, nil
}

// Close ends the waiting, once the launches in progress are through. Children live on; their callbacks never come.
func (s *Spawner) Close() error {
	if !s.shut() {
		return errors.New("spawner: already closed")
	}
	for range cap(s.slots) {
		s.slots <- struct{}{}
	}
	err := s.system.stop()
	s.running.Wait()
	s.system.forsake()
	closeFD(s.null)
	return err
}

// shut tells all that the Spawner closes; false if it was told before.
func (s *Spawner) shut() bool {
	s.sweeper.mu.Lock() // from here on it starts no goroutine
	defer s.sweeper.mu.Unlock()
	if s.closed() {
		return false
	}
	close(s.closing)
	return true
}

func (s *Spawner) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// Launch starts c and returns once its program runs (or could not). exited is called exactly once, from a goroutine of
// the Spawner, after the status was reaped; it must not block, and it may be called before Launch has returned. If Launch
// returns an error exited is never called, and no process is left.
//
// Errors name the step and its object: "chdir /x: no such file or directory", "exec /bin/y: permission denied". A fork
// that the system refuses for now wraps syscall.EAGAIN.
func (s *Spawner) Launch(c Cmd, exited func(Exit)) (*Child, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.trampolined() && s.options.Trampoline == "" {
		return nil, fmt.Errorf("exec %s: limits need a trampoline, and none is set", c.Path)
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-s.closing:
	}
	if s.closed() {
		return nil, fmt.Errorf("exec %s: spawner is closed", c.Path)
	}
	child := &Child{Tag: c.Tag, spawner: s, exited: exited, since: time.Now()}
	if err := s.launch(&c, child); err != nil {
		return nil, err
	}
	return child, nil
}

// CanFit returns an error if the free descriptors do not suffice to launch and keep n more services.
func (s *Spawner) CanFit(n int) error {
	free, known := countFree()
	if !known {
		n = 1 // more would be too many to try
	}
	need := n*DescriptorsPerChild + transientDescriptors + ReservedDescriptors
	err := error(nil)
	switch {
	case !known:
		free, err = freeDescriptors(s.null, need)
	case free < need:
		err = syscall.EMFILE
	}
	if err == nil {
		return nil
	}
	what := "a service needs"
	if n > 1 {
		what = fmt.Sprintf("%d processes need", n)
	}
	return fmt.Errorf("descriptors: %d free, %s %d, and %d stay free: raise the open files limit (%w)",
		free, what, need-ReservedDescriptors, ReservedDescriptors, err)
}
