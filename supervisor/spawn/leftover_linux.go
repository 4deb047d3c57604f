package spawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// EndLeftovers ends the processes that a dead supervisor of the same root left running: all that carry its marker, and all
// in its control groups. They are asked with SIGTERM, and killed after grace. It returns how many there were, when none is
// left. keep names processes that are spared, whatever they carry.
func EndLeftovers(ctx context.Context, root, marker string, grace time.Duration, keep func(pid int) bool) (int, error) {
	groups := newCgroups(root)
	asked := map[member]bool{}
	deadline := time.Now().Add(grace)
	wait := time.Millisecond
	for {
		left, err := leftovers(groups, []byte(marker+"="+root+"/"), keep)
		if err != nil {
			return len(asked), err
		}
		if len(left) == 0 {
			groups.clear()
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

// leftovers returns the living processes that carry the entry or are in a group.
func leftovers(groups *cgroups, entry []byte, keep func(int) bool) ([]member, error) {
	pids := map[int]bool{}
	if groups.why == "" {
		for _, dir := range groups.all() {
			in, err := (&cgroup{dir: dir}).pids()
			if err != nil {
				return nil, err
			}
			for _, pid := range in {
				pids[pid] = true
			}
		}
	}
	names, err := os.ReadDir(procfs)
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	for _, e := range names {
		if pid, err := strconv.Atoi(e.Name()); err == nil && !pids[pid] && carriesPrefix(pid, entry) {
			pids[pid] = true
		}
	}
	var left []member
	for pid := range pids {
		if keep(pid) {
			continue
		}
		if p, err := readProcess(pid); err == nil && !p.dead {
			left = append(left, member{pid: pid, start: p.start})
		}
	}
	return left, nil
}

// carriesPrefix reports whether an entry of the process's environment begins with prefix. What may not be read is not ours.
func carriesPrefix(pid int, prefix []byte) bool {
	block, err := readAll(procfs + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	return bytes.HasPrefix(block, prefix) || bytes.Contains(block, append([]byte{0}, prefix...))
}

// all returns the directories of the groups of children, whoever made them.
func (g *cgroups) all() []string {
	dirs, _ := filepath.Glob(filepath.Join(g.dir, "*", "cgroup.procs"))
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	return dirs
}

// clear removes empty groups that a dead supervisor left.
func (g *cgroups) clear() {
	if g.why != "" {
		return
	}
	for _, dir := range g.all() {
		(&cgroup{dir: dir}).remove() // one that is in use stays
	}
}
