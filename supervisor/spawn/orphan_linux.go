package spawn

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// orphansFresh is how long a look at the reaper's children counts: callers ask for one service after the other.
const orphansFresh = 250 * time.Millisecond

// orphans is the last look at the reaper's children.
type orphans struct {
	mu    sync.Mutex
	at    time.Time
	byTag map[string][]int
	room  []byte // to look in: that is done each second, and is to leave no garbage
}

// Orphans returns the processes that fell to the reaper, by the tag of the child they came from: members of a tree that
// are no descendants any more. The map is for reading; it may be a quarter of a second old.
func (s *Spawner) Orphans() map[string][]int {
	o := &s.orphans
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); o.at.IsZero() || now.Sub(o.at) > orphansFresh {
		o.byTag, o.at = s.findOrphans(), now
	}
	return o.byTag
}

func (s *Spawner) findOrphans() map[string][]int {
	if s.options.Reaper == nil {
		return nil
	}
	if s.orphans.room == nil {
		s.orphans.room = make([]byte, lookRoom)
	}
	reaper := s.options.Reaper()
	if reaper <= 0 {
		return nil
	}
	self := os.Getpid()
	var found map[string][]int
	for _, pid := range childrenIn(reaper, s.orphans.room) {
		if pid == self || s.system.isMain(pid) { // of whom there may be a thousand, after a takeover
			continue
		}
		if tag := s.tagOf(pid); tag != "" {
			if found == nil {
				found = make(map[string][]int)
			}
			found[tag] = append(found[tag], pid)
		}
	}
	return found
}

// lookRoom holds what the kernel says of a few processes.
const lookRoom = 8 << 10

// childrenOf returns the children of every thread of a process.
func childrenOf(pid int) []int { return childrenIn(pid, make([]byte, lookRoom)) }

// childrenIn is childrenOf with room to work in.
func childrenIn(pid int, room []byte) []int {
	dir := procfs + strconv.Itoa(pid) + "/task"
	threads, err := namesIn(dir, room)
	if err != nil {
		return nil // it is gone, and so are its children
	}
	var pids []int
	for _, t := range threads {
		list, err := readListIn(dir+"/"+t+"/children", room[:0])
		if err != nil {
			continue
		}
		for word := range bytes.FieldsSeq(list) {
			pids = append(pids, atoi(word))
		}
	}
	return pids
}

// namesIn lists a directory, with room for the kernel's answer.
func namesIn(dir string, room []byte) (names []string, err error) {
	fd, err := openat(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Getdents(fd, room[:cap(room)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n <= 0:
			return names, nil
		default:
			_, _, names = syscall.ParseDirent(room[:n], -1, names)
		}
	}
}

// tagOf tells which child a process came from: by its control group, or else by the marker in its environment.
func (s *Spawner) tagOf(pid int) string {
	if groups := s.system.groups; groups != nil && groups.why == "" {
		text, err := readAll(procfs + strconv.Itoa(pid) + "/cgroup")
		if err == nil {
			for line := range strings.Lines(string(text)) {
				path, v2 := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
				if _, name, ok := strings.Cut(path, "/weaver/"+cgroupName(s.options.CgroupRoot)+"/"); v2 && ok {
					name, _, _ = strings.Cut(name, "/")
					return s.options.CgroupRoot + "/" + strings.ReplaceAll(name, ".", "/")
				}
			}
		}
	}
	if s.options.Marker == "" {
		return ""
	}
	prefix := s.options.Marker + "="
	block, err := readAll(procfs + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return ""
	}
	for entry := range bytes.SplitSeq(block, []byte{0}) {
		if tag, ok := bytes.CutPrefix(entry, []byte(prefix)); ok {
			return string(tag)
		}
	}
	return ""
}
