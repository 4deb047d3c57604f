package spawn

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weaver/supervisor/spawn/trampoline"
)

// Find looks for the incarnation of that tag, of which a former supervisor could not write down more: false if it was never
// forked, or if nothing of it is left.
func (s *Spawner) Find(tag string) (Former, bool) {
	f := Former{Tag: tag}
	var members []process
	if g := s.system.groups; g != nil && g.why == "" {
		group := &cgroup{dir: filepath.Join(g.dir, g.nameOf(tag))}
		if pids, err := group.pids(); err == nil && group.exists() {
			for _, pid := range pids {
				if p, err := readProcess(pid); err == nil {
					members = append(members, p)
				}
			}
			if len(members) > 0 {
				f.Group = group.dir
			}
		}
	}
	if len(members) == 0 && s.options.Marker != "" && s.options.Reaper != nil {
		for _, pid := range childrenOf(s.options.Reaper()) {
			p, err := readProcess(pid)
			if err != nil || pid == os.Getpid() {
				continue
			}
			if yes, _ := carries(p, s.options.Marker+"="+tag); yes {
				members = append(members, p)
			}
		}
		if len(members) == 0 { // its reaper may have died together with its supervisor
			members = s.carriers.of(tag, s.options.Marker)
		}
	}
	if len(members) == 0 {
		return Former{}, false
	}
	// The oldest is the main process, or a descendant of it in the session that it led.
	oldest := members[0]
	for _, p := range members[1:] {
		if p.start < oldest.start || p.start == oldest.start && p.pid < oldest.pid {
			oldest = p
		}
	}
	f.PID, f.StartTime = oldest.pid, oldest.start
	if oldest.sid != oldest.pid && oldest.sid > 0 {
		f.PID, f.StartTime = oldest.sid, 0
		if p, err := readProcess(oldest.sid); err == nil && p.sid == p.pid {
			f.StartTime = p.start
		}
	}
	return f, true
}

// unbornPatience is how long killed processes may take to die.
const unbornPatience = 2 * time.Second

// KillUnborn ends what a former supervisor had forked and what has not become anybody's program yet: children of the reaper
// that still run weaver itself, under no service's name, and likewise what Options.Kin knows. It returns how many there were, when
// they are gone.
func (s *Spawner) KillUnborn(spare func(pid int) bool) int {
	if s.options.Reaper == nil || s.options.Reaper() == 0 {
		return 0
	}
	var killed []member
	for _, pid := range append(childrenOf(s.options.Reaper()), s.strayUnborn()...) {
		if pid == os.Getpid() || spare(pid) || !s.unborn(pid) {
			continue
		}
		if p, err := readProcess(pid); err == nil && !p.dead {
			m := member{pid: pid, start: p.start}
			if sendIdentified(m, syscall.SIGKILL) == nil {
				killed = append(killed, m)
			}
		}
	}
	for deadline := time.Now().Add(unbornPatience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		left := 0
		for _, m := range killed {
			if p, err := readProcess(m.pid); err == nil && p.start == m.start && !p.dead {
				left++
			}
		}
		if left == 0 {
			break
		}
	}
	return len(killed)
}

// strayUnborn are processes that a supervisor forked which died together with its reaper. A child that has not executed its program
// yet is a copy of its supervisor with one thread, which no supervisor has for long.
func (s *Spawner) strayUnborn() (pids []int) {
	if s.options.Kin == nil {
		return nil
	}
	entries, err := os.ReadDir(procfs)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || !s.options.Kin(pid) || elsewhere(pid) {
			continue
		}
		if threads, err := os.ReadDir(procfs + e.Name() + "/task"); err == nil && len(threads) == 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// carriers is a look at all processes that carry the tag of an incarnation.
type carriers struct {
	mu    sync.Mutex
	at    time.Time
	byTag map[string][]process
}

// of returns those of a tag. Who asks for one asks for several, and none is born meanwhile: see KillUnborn.
func (b *carriers) of(tag, marker string) []process {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); b.at.IsZero() || now.Sub(b.at) > orphansFresh {
		root, _, _ := strings.Cut(tag, "/")
		b.byTag, b.at = carriersOf(root, marker), now
	}
	return b.byTag[tag]
}

func carriersOf(root, marker string) map[string][]process {
	names, err := os.ReadDir(procfs)
	if err != nil {
		return nil
	}
	found, entry := map[string][]process{}, []byte(marker+"="+root+"/")
	for _, e := range names {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		rest, ok := carriesPrefix(pid, entry)
		for end := time.Now().Add(execPatience); !ok && executes(pid) && time.Now().Before(end); rest, ok = carriesPrefix(pid, entry) {
			time.Sleep(time.Millisecond)
		}
		if ok && !elsewhere(pid) {
			if p, err := readProcess(pid); err == nil {
				found[root+"/"+rest] = append(found[root+"/"+rest], p)
			}
		}
	}
	return found
}

// execPatience is how long a process may take between its old environment and its new one.
const execPatience = time.Second

// executes reports whether a process is in the midst of execve(2): its program is there and has no environment yet.
func executes(pid int) bool {
	p, err := readProcess(pid)
	if err != nil || p.dead || p.envEnd != 0 {
		return false
	}
	_, err = os.Readlink(procfs + strconv.Itoa(pid) + "/exe") // threads of the kernel have none
	return err == nil
}

// unborn reports whether a process is weaver between fork and exec.
func (s *Spawner) unborn(pid int) bool {
	dir := procfs + strconv.Itoa(pid)
	if line, err := readAll(dir + "/cmdline"); err == nil && bytes.HasPrefix(line, append([]byte(trampoline.Name), 0)) {
		return true
	}
	if !sameFile(dir+"/exe", "/proc/self/exe") {
		return false
	}
	env, err := readAll(dir + "/environ")
	mark := []byte(s.options.Marker + "=" + s.options.CgroupRoot + "/")
	return err == nil && !bytes.HasPrefix(env, mark) && !bytes.Contains(env, append([]byte{0}, mark...))
}

func sameFile(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// nameOf is the name of a child's group below dir.
func (g *cgroups) nameOf(tag string) string {
	return cgroupName(strings.TrimPrefix(tag, filepath.Base(g.dir)+"/"))
}
