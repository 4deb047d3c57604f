//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// process is one, whatever becomes of its pid later.
type process struct {
	pid   int
	start string
}

// view is what /proc shows.
type view struct {
	mains              map[string][]process // of each service, by name
	children           int                  // that services have left their session with
	supervisor, anchor int
	memory             int // of the supervisor, in kB
}

// look looks at every process of this world.
func (w *world) look() (view, error) {
	v := view{mains: map[string][]process{}}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return v, err
	}
	for _, dir := range dirs {
		line, _ := os.ReadFile(dir + "/cmdline") // it may be gone, here and below
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if len(args) < 2 {
			continue
		}
		environ, _ := os.ReadFile(dir + "/environ")
		has := func(kv string) bool { return bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+kv+"\x00")) }
		pid, _ := strconv.Atoi(filepath.Base(dir))
		switch {
		case has("CHAOS_HOME=" + w.home):
			if args[0] == "sleep" && startOf(dir) != "" {
				v.children++
			}
			if len(args) == 2 && strings.HasPrefix(args[1], "s") && filepath.Base(args[0]) != "weaver" {
				if start := startOf(dir); start != "" {
					v.mains[args[1]] = append(v.mains[args[1]], process{pid, start})
				}
			}
		case args[1] == "supervise" && has("WEAVER_HOME="+w.home) && startOf(dir) != "":
			v.supervisor, v.memory = pid, memoryOf(dir)
		case args[1] == "--anchor" && len(args) > 2 && args[2] == w.home && startOf(dir) != "":
			v.anchor = pid
		}
	}
	return v, nil
}

// startOf is when a process was started; "" if it is dead.
func startOf(dir string) string {
	data, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

func memoryOf(dir string) int {
	data, _ := os.ReadFile(dir + "/status")
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}

// settle waits until everything is as wished, and stays so for a moment.
func (w *world) settle() error {
	var wrong string
	good := 0
	err := until("all is as wished", func() bool {
		v, err := w.look()
		if err != nil {
			wrong = err.Error()
			return false
		}
		if wrong = w.wrong(v); wrong != "" {
			good = 0
			return false
		}
		good++
		return good >= 3
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, wrong)
	}
	return nil
}

// wrong says what is not as wished. A process that crashes all the time may be between two lives.
func (w *world) wrong(v view) string {
	if v.supervisor == 0 || v.anchor == 0 {
		return fmt.Sprintf("supervisor %d, anchor %d", v.supervisor, v.anchor)
	}
	known := map[string]bool{}
	forked := 0
	for _, s := range w.wished {
		known[s.name] = true
		if s.role == "fork" && s.up.Load() {
			forked++
		}
		n := len(v.mains[s.name])
		switch {
		case s.up.Load() && n != 1 && !(s.role == "crash" && n == 0), !s.up.Load() && n != 0:
			return fmt.Sprintf("%s (%s, up %v) runs %d times: %v", s.name, s.role, s.up.Load(), n, v.mains[s.name])
		}
	}
	if v.children != forked {
		return fmt.Sprintf("%d children of services run, of %d", v.children, forked)
	}
	for name := range v.mains {
		if !known[name] {
			return name + " runs, and nobody wished it"
		}
	}
	return ""
}

// readLogs checks every line of those who count: each process printed 1, 2, 3, and so on, and died at some time.
func (w *world) readLogs() (lines int, err error) {
	time.Sleep(200 * time.Millisecond) // the last ones are on their way
	for _, s := range w.wished {
		if s.role == "http" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(w.home, "logs", s.name+"-out*.log*"))
		if err != nil {
			return lines, err
		}
		sort.Sort(sort.Reverse(sort.StringSlice(files))) // rotated ones first
		last := map[string]int{}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return lines, err
			}
			for line := range strings.Lines(string(data)) {
				if !strings.HasSuffix(line, "\n") {
					continue // being written
				}
				who, number, _ := strings.Cut(strings.TrimSpace(line), " ")
				n, err := strconv.Atoi(number)
				if err != nil || n != last[who]+1 {
					return lines, fmt.Errorf("%s: process %s printed %q after %d", file, who, strings.TrimSpace(line), last[who])
				}
				last[who] = n
				lines++
			}
		}
	}
	return lines, nil
}
