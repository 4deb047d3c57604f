package spawn

import (
	"bytes"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxOrphans is how many children of the reaper are looked at one by one; with more a pass over all processes is as good.
const maxOrphans = 32

// gone reports whether c, whose main process is reaped and which has no control group, surely left nobody behind. It is
// what mostly happens when a service ends, and then answers in some tens of microseconds; a pass over the process table
// takes a hundred times that. Whoever is left of the tree is below a child of the reaper; so each of those must be
// explained by something else than this tree.
func (c *Child) gone() bool {
	reaper := c.spawner.options.Reaper
	if reaper == nil || c.inherited || !c.groupGone() { // what it inherited may be anywhere
		return false
	}
	pid := reaper()
	if pid == 0 {
		return false
	}
	orphans, ok := childrenOnce(pid, func(child int) bool { return c.spawner.isOutside(child, c.PID) })
	if !ok || len(orphans) > maxOrphans {
		return false
	}
	for _, orphan := range orphans {
		// One that is still a child of the reaper was so all the time, so the list has no gap behind it.
		p, err := readProcess(orphan)
		if err != nil || p.ppid != pid || !c.foreign(p) {
			return false
		}
	}
	return true
}

// groupGone reports whether nobody, not even a zombie, is left in the main process's process group.
func (c *Child) groupGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pidfd >= 0 && unix.PidfdSendSignal(c.pidfd, 0, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP) == unix.ESRCH
}

// foreign reports whether neither p nor what is below it can be of c's tree: it is dead (and has no children then), older
// than the tree, or another service's.
func (c *Child) foreign(p process) bool {
	if p.dead || p.start < c.StartTime {
		return true
	}
	marker := c.spawner.options.Marker
	if marker == "" || p.sid == c.PID {
		return false
	}
	env, err := environ(p.pid)
	if err != nil {
		return false
	}
	for kv := range bytes.SplitSeq(env, []byte{0}) {
		if tag, ok := bytes.CutPrefix(kv, []byte(marker+"=")); ok {
			return string(tag) != c.Tag
		}
	}
	return false
}

// childrenOnce lists the children of all threads of a process but those that are outside; false if the list may have a
// gap, because threads came or went meanwhile, or if this kernel has none (CONFIG_PROC_CHILDREN).
func childrenOnce(pid int, outside func(pid int) bool) (children []int, ok bool) {
	dir := procfs + strconv.Itoa(pid) + "/task"
	before, ok := threadsOf(dir)
	if !ok {
		return nil, false
	}
	for _, thread := range before {
		list, err := readAll(dir + "/" + thread + "/children")
		if err != nil {
			return nil, false
		}
		for word := range bytes.FieldsSeq(list) {
			if child := atoi(word); !outside(child) {
				children = append(children, child)
			}
		}
	}
	after, ok := threadsOf(dir)
	return children, ok && slices.Equal(before, after)
}

func threadsOf(dir string) (names []string, ok bool) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err == nil
}
