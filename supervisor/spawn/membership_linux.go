package spawn

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Membership says how the processes of the tree are known, and so which guarantee holds: see the package comment.
func (c *Child) Membership() string {
	if c.group != nil {
		return "cgroup2"
	}
	kind := c.spawner.lineageMembership()
	if c.why != "" {
		kind += " (" + c.why + ")"
	}
	return kind
}

func (c *Child) grouped() bool { return c.group != nil }

// vacant reports that the control group, which tells of more than can be seen from here, surely has no members.
func (c *Child) vacant() bool { return c.group != nil && c.group.vacant() }

// populated reports whether the control group has members, among them those that cannot be named from here.
func (c *Child) populated() bool { return c.group != nil && c.group.populated() }

// membersIn takes a census of the tree: of the control group, or else by lineage in t.
func (c *Child) membersIn(t *table) (census, error) {
	if c.group == nil {
		all := c.byLineage(t)
		// The table takes it on trust that main processes live. This one is the last, if it is there.
		if n := len(all.tree); n > 0 && all.tree[n-1].pid == c.PID {
			if p, err := readProcess(c.PID); err != nil || p.dead || p.start != c.StartTime {
				all.tree = all.tree[:n-1]
			}
		}
		return all, nil
	}
	pids, err := c.group.pids()
	if err != nil {
		return census{}, err
	}
	t = newTable(len(pids))
	for _, pid := range pids {
		p, ok := process{}, false
		if pid == c.PID {
			p, ok = c.spawner.system.known(pid)
		}
		if !ok {
			if p, err = readProcess(pid); err != nil {
				continue
			}
		}
		t.add(p)
	}
	return census{tree: t.group(c.PID)}, nil
}

// table returns the process table as it is now.
func (s *Spawner) table() (*table, error) {
	return s.system.scan.table(func() (*table, error) { return readTable(s.system.known) })
}

// known tells the line of a main process that is not reaped: its pid is its own, and a session leader changes neither
// session nor group. With a thousand services these are most of the table.
func (y *system) known(pid int) (process, bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	c, ok := y.mains[pid]
	if !ok || c.adopted { // its parent, and its death, are others'
		return process{}, false
	}
	return process{pid: pid, ppid: os.Getpid(), pgid: pid, sid: pid, start: c.StartTime}, true
}

func (y *system) isMain(pid int) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	_, ok := y.mains[pid]
	return ok
}

// sendMain signals the main process, which is not reaped: c.mu is held, and reap takes it.
func (c *Child) sendMain(sig syscall.Signal) error {
	if c.pidfd < 0 {
		return unix.Kill(c.PID, sig)
	}
	return unix.PidfdSendSignal(c.pidfd, sig, nil, 0)
}

// killGroup kills the whole control group; false if there is none, nobody in it, or no such way (before Linux 5.14).
func (c *Child) killGroup() bool {
	return c.group != nil && c.group.populated() && c.group.kill() == nil
}

// killSession kills the main process's process group in one stroke that no fork slips through. The pidfd still names the
// group when its leader is long gone (Linux 6.9); without that the sweeps have to do.
func (c *Child) killSession() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.released:
	case c.pidfd >= 0 && unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP) == nil:
	case !c.reaped:
		_ = unix.Kill(-c.PID, unix.SIGKILL) // not reaped: the group's id is its own
	}
}

// sendIdentified signals m and nobody who has its pid by now.
func sendIdentified(m member, sig syscall.Signal) error {
	fd, err := openIdentified(m)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // no pidfds: as good as it gets
		if p, err := readProcess(m.pid); err != nil || p.start != m.start {
			return os.ErrProcessDone
		}
		return done(unix.Kill(m.pid, sig))
	}
	if err != nil {
		return done(err)
	}
	defer unix.Close(fd)
	return done(unix.PidfdSendSignal(fd, sig, nil, 0))
}

// openIdentified opens a pidfd of m. The start time is compared after the opening: from then on the pid cannot change
// hands unnoticed.
func openIdentified(m member) (int, error) {
	fd, err := unix.PidfdOpen(m.pid, 0)
	if err != nil {
		return -1, err
	}
	if p, err := readProcess(m.pid); err != nil || p.start != m.start {
		unix.Close(fd)
		return -1, os.ErrProcessDone
	}
	return fd, nil
}

func done(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// watchMember has f called by the waiter once m has ended; false if m cannot be waited for.
func (s *Spawner) watchMember(m member, f func()) bool {
	fd, err := openIdentified(m)
	if err != nil {
		return false
	}
	if err = s.system.watch(fd, true, f); err != nil {
		unix.Close(fd)
	}
	return err == nil
}
