package spawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// EndLeftovers ends the processes that a dead supervisor of the same root left running: all that carry its marker, and all
// in its control groups. They are asked with SIGTERM, and killed after grace. It returns how many there were, when none is
// left. keep names those that are spared, by pid and tag.
func EndLeftovers(ctx context.Context, root, marker string, grace time.Duration, keep func(pid int, tag string) bool) (int, error) {
	groups := newCgroups(root)
	asked := map[member]bool{}
	deadline := time.Now().Add(grace)
	wait := time.Millisecond
	for {
		left, err := leftovers(groups, root, marker, keep)
		if err != nil {
			return len(asked), err
		}
		if len(left) == 0 {
			vacant := func(tag string) bool { return keep(0, tag) }
			groups.clear(vacant)
			clearBounds(root, vacant)
			return len(asked), nil
		}
		late := time.Now().After(deadline)
		var failed error
		for _, m := range left {
			sig := syscall.SIGTERM
			if late {
				sig = syscall.SIGKILL
			} else if asked[m] {
				continue
			}
			asked[m] = true
			if err := sendIdentified(m, sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
				failed = errors.Join(failed, fmt.Errorf("end process %d: %w", m.pid, err))
			}
		}
		if late && failed != nil {
			return len(asked), failed
		}
		select {
		case <-ctx.Done():
			return len(asked), fmt.Errorf("wait for %d processes to end: %w", len(left), ctx.Err())
		case <-time.After(wait):
			wait = min(2*wait, 50*time.Millisecond)
		}
	}
}

// Living counts the processes that carry the marker of root or are in a group of it: services and what they started, whoever
// looks after them. It is for somebody who does not know whether anybody does.
func Living(root, marker string) (int, error) {
	left, err := leftovers(newCgroups(root), root, marker, func(int, string) bool { return false })
	return len(left), err
}

// leftovers returns the living processes that carry the marker or are in a group.
func leftovers(groups *cgroups, root, marker string, keep func(int, string) bool) ([]member, error) {
	tags := map[int]string{}
	if groups.why == "" {
		for _, dir := range groups.all() {
			in, err := (&cgroup{dir: dir}).pids()
			if err != nil {
				return nil, err
			}
			for _, pid := range in {
				tags[pid] = groupTag(root, dir)
			}
		}
	}
	names, err := os.ReadDir(procfs)
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	entry := []byte(marker + "=" + root + "/")
	for _, e := range names {
		pid, err := strconv.Atoi(e.Name())
		if _, known := tags[pid]; err != nil || known {
			continue
		}
		if rest, ok := carriesPrefix(pid, entry); ok && !elsewhere(pid) {
			tags[pid] = root + "/" + rest
		}
	}
	var left []member
	for pid, tag := range tags {
		if keep(pid, tag) {
			continue
		}
		if p, err := readProcess(pid); err == nil && !p.dead {
			left = append(left, member{pid: pid, start: p.start})
		}
	}
	return left, nil
}

// elsewhere reports a process of a container: one that sees both other processes and other files than this one does. A home of the same
// path in there is another, and its services carry the same marker.
func elsewhere(pid int) bool {
	dir := procfs + strconv.Itoa(pid) + "/ns/"
	for _, kind := range []string{"pid", "mnt"} {
		its, err := os.Readlink(dir + kind)
		ours, own := os.Readlink(procfs + "self/ns/" + kind)
		if err != nil || own != nil || its == ours {
			return false
		}
	}
	return true
}

// groupTag is the tag of the child whose control group that is.
func groupTag(root, dir string) string {
	return root + "/" + strings.ReplaceAll(filepath.Base(dir), ".", "/")
}

// carriesPrefix returns what follows prefix in the entry of the process's environment that begins so. What may not be read
// is not ours.
func carriesPrefix(pid int, prefix []byte) (rest string, ok bool) {
	block, err := readAll(procfs + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", false
	}
	at := 0
	if !bytes.HasPrefix(block, prefix) {
		if at = bytes.Index(block, append([]byte{0}, prefix...)) + 1; at == 0 {
			return "", false
		}
	}
	text, _, _ := bytes.Cut(block[at+len(prefix):], []byte{0})
	return string(text), true
}

// all returns the directories of the groups of children, whoever made them.
func (g *cgroups) all() []string {
	dirs, _ := filepath.Glob(filepath.Join(g.dir, "*", "cgroup.procs"))
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	return dirs
}

// clearBounds is clear in the hierarchies of cgroup1.
func clearBounds(root string, keep func(tag string) bool) {
	b := bounder{root: root}
	b.look()
	for _, base := range b.bases() {
		(&cgroups{dir: base}).clear(keep)
	}
}

// clear removes empty groups that a dead supervisor left. Those of tags that are kept may be about to be used.
func (g *cgroups) clear(keep func(tag string) bool) {
	if g.why != "" {
		return
	}
	for _, dir := range g.all() {
		if !keep(groupTag(filepath.Base(g.dir), dir)) {
			(&cgroup{dir: dir}).remove() // one that is in use stays
		}
	}
}
