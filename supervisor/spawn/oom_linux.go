package spawn

import (
	"bufio"
	"bytes"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// oomCounter follows the kernel's count of processes killed for want of memory in this process's control group, which
// the children share unless they have a group with a count of its own.
type oomCounter struct {
	fd int // kept open: it is read at each launch

	mu   sync.Mutex
	seen uint64
}

// newOOMCounter returns nil where the kernel does not count.
func newOOMCounter() *oomCounter {
	var paths []string
	if own, err := ownCgroup2("/proc/self/mountinfo", "/proc/self/cgroup"); err == nil {
		paths = append(paths, own+"/memory.events")
	}
	if own, ok := ownMemoryCgroup1(); ok {
		paths = append(paths, own+"/memory.oom_control")
	}
	for _, path := range paths {
		if o := openOOMCounter(path); o != nil {
			return o
		}
	}
	return nil
}

func openOOMCounter(path string) *oomCounter {
	fd, err := openat(path, unix.O_RDONLY)
	if err != nil {
		return nil
	}
	o := &oomCounter{fd: fd}
	if _, ok := o.kills(); !ok {
		unix.Close(fd)
		return nil
	}
	o.refresh()
	return o
}

func (o *oomCounter) close() { unix.Close(o.fd) }

func (o *oomCounter) kills() (uint64, bool) {
	var buf [512]byte
	n, err := unix.Pread(o.fd, buf[:], 0)
	return parseOOMKills(buf[:max(n, 0)], err)
}

// refresh forgets the kills so far: they cannot be of a process that starts now.
func (o *oomCounter) refresh() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n, ok := o.kills(); ok {
		o.seen = n
	}
}

// took reports whether the count rose since, and takes one kill off it: one kill explains one death.
func (o *oomCounter) took() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, ok := o.kills()
	if !ok || n <= o.seen {
		return false
	}
	o.seen++
	return true
}

// oomKilled judges a death by SIGKILL. One that we sent is not the kernel's.
func (y *system) oomKilled(c *Child) bool {
	c.mu.Lock()
	killed := c.killed
	c.mu.Unlock()
	if killed {
		return false
	}
	for _, h := range c.holds {
		if h.What == Memory && h.Dir != "" {
			if kills, ok := oomKillsIn(h.Dir); ok {
				return kills > 0
			}
		}
	}
	if c.group != nil {
		if kills, ok := oomKillsIn(c.group.dir); ok {
			return kills > 0
		}
	}
	return y.ooms != nil && y.ooms.took()
}

// parseOOMKills finds the line "oom_kill N" of memory.events (cgroup2) or memory.oom_control (cgroup1, Linux 4.13).
func parseOOMKills(text []byte, err error) (uint64, bool) {
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(text) {
		if count, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok && len(count) > 0 && count[0] >= '0' && count[0] <= '9' {
			return uint64(atoi(count)), true
		}
	}
	return 0, false
}

func ownMemoryCgroup1() (string, bool) {
	mounts, err := readAll("/proc/self/mountinfo")
	if err != nil {
		return "", false
	}
	groups, err := readAll("/proc/self/cgroup")
	if err != nil {
		return "", false
	}
	return cgroup1Dir(mounts, groups, "memory")
}

// cgroup1Dir finds this process's group in the hierarchy of a controller of cgroup1.
func cgroup1Dir(mountinfo, membership []byte, controller string) (string, bool) {
	own := ""
	for line := range bytes.Lines(membership) {
		parts := strings.SplitN(strings.TrimRight(string(line), "\n"), ":", 3)
		if len(parts) == 3 && listed(parts[1], controller) {
			own = parts[2]
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for own != "" && lines.Scan() {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 6 || len(super) < 3 || super[0] != "cgroup" || !listed(super[2], controller) {
			continue
		}
		rel, err := filepath.Rel(unescape(fields[3]), own)
		if err != nil || strings.HasPrefix(rel, "..") {
			return "", false
		}
		return filepath.Join(unescape(fields[4]), rel), true
	}
	return "", false
}

func listed(list, word string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item == word {
			return true
		}
	}
	return false
}
