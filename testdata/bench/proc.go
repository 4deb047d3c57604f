//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the CPU time of all threads of a process, to the nanosecond, from its CPU clock.
func cpuTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	// The clock's id of another process, as clock_getcpuclockid(3) makes it: ~pid << 3 | CPUCLOCK_SCHED.
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("read the cpu clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// cpuTimes is the sum over several processes.
func cpuTimes(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		t, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// monotonic is the clock that services ring by.
func monotonic() int64 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail: the clock exists and t is ours
	return t.Nano()
}

// footprint is the memory of a process in bytes: private is what its end would give back.
//
// dirty is the part of private that is not pages of the program file, which the kernel can drop at any time.
type footprint struct{ private, dirty, rss float64 }

// footprints sums those of several processes.
func footprints(pids []int) (footprint, error) {
	var sum footprint
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return footprint{}, err
		}
		f := parseRollup(data)
		sum.private += f.private
		sum.dirty += f.dirty
		sum.rss += f.rss
	}
	return sum, nil
}

// parseRollup reads smaps_rollup.
func parseRollup(data []byte) footprint {
	var f footprint
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		kb, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "Rss:":
			f.rss += kb * 1024
		case "Private_Clean:":
			f.private += kb * 1024
		case "Private_Dirty:":
			f.private += kb * 1024
			f.dirty += kb * 1024
		}
	}
	return f
}

// threadCount is the largest number of threads among the processes.
func threadCount(pids []int) (int, error) {
	most := 0
	for _, pid := range pids {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return 0, err
		}
		most = max(most, len(tasks))
	}
	return most, nil
}

// parents maps every process to its parent, and notes which are zombies.
func parents() (parent map[int]int, zombie map[int]bool) {
	parent, zombie = map[int]int{}, map[int]bool{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return parent, zombie
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has gone
		}
		if state, ppid, ok := parseStat(data); ok {
			parent[pid], zombie[pid] = ppid, state == 'Z'
		}
	}
	return parent, zombie
}

// parseStat reads state and parent of a /proc/PID/stat. The name before them may hold anything, so it looks behind the
// last parenthesis.
func parseStat(data []byte) (state byte, ppid int, ok bool) {
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 2 {
		return 0, 0, false
	}
	ppid, err := strconv.Atoi(string(fields[1]))
	return fields[0][0], ppid, err == nil
}

// descendants are the living processes below some, each once, the roots not among them.
func descendants(roots ...int) []int {
	parent, zombie := parents()
	children := map[int][]int{}
	for pid, ppid := range parent {
		children[ppid] = append(children[ppid], pid)
	}
	var found []int
	seen := map[int]bool{}
	for _, pid := range roots {
		seen[pid] = true
	}
	for queue := slices.Clone(roots); len(queue) > 0; queue = queue[1:] {
		for _, pid := range children[queue[0]] {
			if seen[pid] {
				continue
			}
			seen[pid] = true
			queue = append(queue, pid)
			if !zombie[pid] {
				found = append(found, pid)
			}
		}
	}
	return found
}

func parentOf(pid int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, ppid, ok := parseStat(data)
	if !ok {
		return 0, fmt.Errorf("read the parent of process %d: unknown form %q", pid, data)
	}
	return ppid, nil
}

// alive reports whether a process lives; a zombie does not.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state, _, ok := parseStat(data)
	return ok && state != 'Z'
}
