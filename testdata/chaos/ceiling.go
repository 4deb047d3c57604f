//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// busyShare is the part of a core, in percent, that the busy service may have.
const busyShare = 10

// bounded checks that whoever has a ceiling runs, and that the busy one keeps to its own: a tree that was paused when its supervisor
// died must not stay so.
func (w *world) bounded() error {
	for _, s := range w.wished {
		if s.role != "busy" && s.role != "bounded" || !s.up.Load() {
			continue
		}
		v, err := w.look()
		if err != nil {
			return err
		}
		mains := v.mains[s.name]
		if len(mains) != 1 {
			return fmt.Errorf("%s (%s) runs %d times", s.name, s.role, len(mains))
		}
		pid := mains[0].pid
		first := ticksOf(pid)
		if err := until(s.name+" ("+s.role+") goes on", func() bool { return ticksOf(pid) > first }); err != nil {
			return err
		}
		if s.role != "busy" {
			continue
		}
		const length = 3 * time.Second
		from, began := ticksOf(pid), time.Now()
		time.Sleep(length)
		used := time.Duration(ticksOf(pid)-from) * time.Second / 100
		if share := 100 * used.Seconds() / time.Since(began).Seconds(); share > 3*busyShare {
			return fmt.Errorf("%s has %.0f%% of a core, of %d%%", s.name, share, busyShare)
		}
	}
	return nil
}

// ticksOf is the CPU time of a process, in hundredths of a second.
func ticksOf(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])   // the kernel writes numbers
	system, _ := strconv.Atoi(fields[12]) // as above
	return user + system
}
