//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
			start, name := startOf(dir), valueOf(environ, "CHAOS_NAME")
			switch {
			case start == "" || name == "" || filepath.Base(args[0]) == "weaver":
			case args[0] == "sleep":
				v.children++
			default:
				v.mains[name] = append(v.mains[name], process{pid, start})
			}
		case args[1] == "supervise" && has("WEAVER_HOME="+w.home) && startOf(dir) != "":
			v.supervisor, v.memory = pid, memoryOf(dir)
		case args[1] == "--anchor" && len(args) > 2 && args[2] == w.home && startOf(dir) != "":
			v.anchor = pid
		}
	}
	return v, nil
}

// valueOf is a variable's value in an environment.
func valueOf(environ []byte, name string) string {
	for kv := range bytes.SplitSeq(environ, []byte{0}) {
		if value, ok := bytes.CutPrefix(kv, []byte(name+"=")); ok {
			return string(value)
		}
	}
	return ""
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
			forked += int(s.instances.Load())
		}
		n, wished := len(v.mains[s.name]), int(s.instances.Load())
		switch {
		case s.up.Load() && n != wished && !(s.comesAndGoes() && n == 0), !s.up.Load() && n != 0:
			return fmt.Sprintf("%s (%s, up %v) runs %d times, of %d: %v", s.name, s.role, s.up.Load(), n, wished, v.mains[s.name])
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

// readLogs checks every line of those who count: each process printed 1, 2, 3, and so on, and died at some time. What a full disk
// refused is told of in its place, by so many bytes.
func (w *world) readLogs() (lines, lost int, err error) {
	time.Sleep(200 * time.Millisecond) // the last ones are on their way
	for _, s := range w.wished {
		if s.http() {
			continue
		}
		files, err := filepath.Glob(filepath.Join(w.home, "logs", s.name+"-out*.log*"))
		if err != nil {
			return lines, lost, err
		}
		slices.SortFunc(files, func(a, b string) int { // rotated ones first, by their time
			if ra, rb := rotated(a), rotated(b); ra != rb {
				return map[bool]int{true: -1, false: 1}[ra]
			}
			return strings.Compare(a, b)
		})
		r := reading{last: map[string]int{}, gaps: map[string]*gap{}}
		for _, file := range files {
			if err := r.file(file); err != nil {
				return lines, lost, err
			}
		}
		lines, lost = lines+r.lines, lost+r.lost
	}
	return lines, lost, nil
}

// rotated says that a log is an older one: PM2 puts the time between two underscores and the end.
func rotated(path string) bool { return strings.Contains(filepath.Base(path), "__") }

// reading is what is known of a service's output so far.
type reading struct {
	lines, lost int
	last        map[string]int  // number, by process
	gaps        map[string]*gap // by file without the time of its rotation
}

// gap is what is missing in a file. Several processes may print into one, and what was lost is of any of them.
type gap struct {
	left int             // bytes that were told of, and of which it is not known what they were
	torn bool            // the line before has no end
	open bool            // there was one
	seen map[string]bool // who has printed since
}

var lostBytes = regexp.MustCompile(`^(.*)\[weaver\] (\d+) bytes of output were lost: .*\n$`)

func (r *reading) file(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	stream, _, _ := strings.Cut(strings.TrimSuffix(path, ".log"), "__")
	g := r.gaps[stream]
	if g == nil {
		g = &gap{}
		r.gaps[stream] = g
	}
	first := true
	all := slices.Collect(strings.Lines(string(data)))
	for i, line := range all {
		if !strings.HasSuffix(line, "\n") {
			continue // being written
		}
		if m := lostBytes.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[2])
			r.lost += n
			g.left += n + len(m[1])
			g.open, g.torn, g.seen = true, false, map[string]bool{}
			continue
		}
		who, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		was, known := r.last[who]
		switch {
		case err == nil && n == was+1:
		case !g.torn && i+1 < len(all) && lostBytes.MatchString(all[i+1]): // its end is missing
			g.left += len(line) - 1
			g.torn = true
			continue
		case err == nil && n > was && g.open && !g.seen[who] && missing(who, was, n) <= g.left:
			g.left -= missing(who, was, n)
		case err == nil && !known && first && rotated(path): // what came before is deleted
		default:
			return fmt.Errorf("%s: process %s printed %q after %d; lost %+v", path, who, strings.TrimSpace(line), was, *g)
		}
		if g.open {
			g.seen[who] = true
		}
		r.last[who] = n
		r.lines++
		first = false
	}
	return nil
}

// missing is how many bytes are between the lines with two numbers.
func missing(who string, from, to int) (bytes int) {
	for n := from + 1; n < to; n++ {
		bytes += len(who) + 1 + len(strconv.Itoa(n)) + 1
	}
	return bytes
}
