package spawn

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopper pauses a tree by SIGSTOP and SIGCONT, process by process. What it has stopped does not stay so when it dies: what has no
// lifeline is not stopped. That is why a control group's freezer is not used, of which the kernel lets go for nobody.
type stopper struct {
	child *Child
	again bool // a former supervisor paused it, and may have died meanwhile

	known   []member // as of the last census
	census  time.Time
	resting bool
	stopped []member  // by us: what somebody else stopped is left so
	lines   lifelines // while there are such
	sum     spent
}

// censusEvery is how long a census counts while the tree runs: what is forked meanwhile is found by the next.
const censusEvery = 500 * time.Millisecond

// ticks is how many of them the kernel tells CPU time in, per second.
const ticks = 100

// begin continues a tree that a former supervisor may have stopped before it died.
func (s *stopper) begin() {
	if s.again {
		_ = sweep(2, s.child.members, func(m member) error { return s.child.sendMember(m, syscall.SIGCONT) }) // gone is as good
	}
}

// used is what the kernel tells of the control group, those who have ended included, or adds up what the processes of the tree used.
func (s *stopper) used(now time.Time) (time.Duration, error) {
	if g := s.child.group; g != nil {
		return g.used()
	}
	if now.Sub(s.census) >= censusEvery && !s.resting {
		if err := s.count(now); err != nil {
			return 0, err
		}
	}
	list := make(map[processKey]times, len(s.known))
	for _, m := range s.known {
		if st, ok := readTimes(m.pid); ok && st.start == m.start {
			list[processKey{m.pid, m.start}] = times{own: st.own, reaped: st.reaped}
		}
	}
	return s.sum.add(now, list), nil
}

func (s *stopper) count(now time.Time) error {
	all, err := s.child.members()
	if err != nil {
		return err
	}
	s.meet(all.tree)
	s.census = now
	return nil
}

// meet takes the members of a census; those that died since and are not waited for yet stay known, for their time counts.
func (s *stopper) meet(tree []member) {
	at := make(map[processKey]bool, len(tree))
	for i := range tree {
		at[processKey{tree[i].pid, tree[i].start}] = true
	}
	for _, m := range s.known {
		if at[processKey{m.pid, m.start}] {
			continue
		}
		if st, ok := readTimes(m.pid); ok && st.start == m.start {
			tree = append(tree, m)
		}
	}
	s.known = tree
}

// pause stops every process of the tree, those forked meanwhile too.
func (s *stopper) pause() error {
	s.resting = true
	s.stopped = s.stopped[:0]
	for {
		// A fork that was under way when its process got the signal is seen once that process has really stopped.
		before := len(s.stopped)
		err := s.stopAll()
		done := err != nil || len(s.stopped) == before || !s.settled()
		s.stopped = slices.DeleteFunc(s.stopped, s.untied)
		if done {
			return err
		}
	}
}

// untied lets go of a process that has left its group between being tied and being stopped, if it cannot be tied again.
func (s *stopper) untied(m member) bool {
	if s.lines.tie(m.pid) {
		return false
	}
	_ = s.child.sendMember(m, syscall.SIGCONT) // gone is as good
	return true
}

// settleTime bounds the wait for processes to stop: one that waits for a disk takes as long as that does.
const settleTime = 100 * time.Millisecond

// settled returns when all that were signalled have stopped; false if that takes too long.
func (s *stopper) settled() bool {
	for end := time.Now().Add(settleTime); ; time.Sleep(200 * time.Microsecond) {
		if !slices.ContainsFunc(s.stopped, func(m member) bool {
			st, ok := readTimes(m.pid)
			return ok && st.start == m.start && st.runs
		}) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// stopAll signals those that are not stopped yet.
func (s *stopper) stopAll() error {
	err := sweep(maxSweeps, func() (census, error) {
		all, err := s.child.members()
		if err == nil {
			s.meet(all.tree)
		}
		return all, err
	}, func(m member) error {
		if st, ok := readTimes(m.pid); ok && st.stopped {
			return nil
		}
		if !s.lines.tie(m.pid) { // before: at no moment it is stopped without
			return nil
		}
		err := s.child.sendMember(m, syscall.SIGSTOP)
		if err == nil && !slices.Contains(s.stopped, m) {
			s.stopped = append(s.stopped, m)
		}
		return err
	})
	s.census = time.Now()
	return err
}

// resume continues those that pause stopped.
func (s *stopper) resume() error {
	s.resting = false
	var first error
	for _, m := range s.stopped {
		if err := s.child.sendMember(m, syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) && first == nil {
			first = err
		}
	}
	s.lines.cut()
	return first
}

// stat is what a process used so far, and whether it is stopped.
type stat struct {
	start   uint64
	stopped bool
	runs    bool // neither stopped, dead, nor waiting: for a disk, or for a child of vfork that is stopped
	times
}

// Fields of /proc/<pid>/stat: see parseStat.
const (
	fieldUser         = 11
	fieldSystem       = 12
	fieldReapedUser   = 13
	fieldReapedSystem = 14
)

func readTimes(pid int) (stat, bool) {
	var buf [1024]byte
	n, err := readFile(procfs+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return stat{}, false
	}
	return parseTimes(buf[:n])
}

func parseTimes(line []byte) (s stat, ok bool) {
	shut := bytes.LastIndexByte(line, ')')
	if shut < 0 || shut+2 >= len(line) {
		return s, false
	}
	n, rest := 0, line[shut+2:]
	for ; len(rest) > 0 && n <= fieldStart; n++ {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte{' '})
		switch n {
		case fieldState:
			s.stopped = len(word) == 1 && word[0] == 'T'
			s.runs = len(word) == 1 && !bytes.ContainsAny(word, "TtZXD")
		case fieldUser, fieldSystem:
			s.own += time.Duration(atoi(word)) * time.Second / ticks
		case fieldReapedUser, fieldReapedSystem:
			s.reaped += time.Duration(atoi(word)) * time.Second / ticks
		case fieldStart:
			s.start = uint64(atoi(word))
		}
	}
	return s, n > fieldStart
}

// used is the CPU time of a control group, to the microsecond.
func (g *cgroup) used() (time.Duration, error) {
	var buf [512]byte
	n, err := readFile(g.dir+"/cpu.stat", buf[:])
	if err != nil {
		return 0, gone(err)
	}
	word, ok := bytes.CutPrefix(buf[:n], []byte("usage_usec "))
	if !ok {
		return 0, unix.EINVAL
	}
	return time.Duration(atoi(word)) * time.Microsecond, nil
}
