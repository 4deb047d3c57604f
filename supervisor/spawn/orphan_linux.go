package spawn

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// Orphans returns the processes that fell to the reaper, by the tag of the child they came from: members of a tree that
// are no descendants any more. It costs one read when there are none.
func (s *Spawner) Orphans() map[string][]int {
	if s.options.Reaper == nil {
		return nil
	}
	reaper := s.options.Reaper()
	if reaper <= 0 {
		return nil
	}
	self := os.Getpid()
	var orphans map[string][]int
	for _, pid := range childrenOf(reaper) {
		if pid == self {
			continue
		}
		if tag := s.tagOf(pid); tag != "" {
			if orphans == nil {
				orphans = make(map[string][]int)
			}
			orphans[tag] = append(orphans[tag], pid)
		}
	}
	return orphans
}

// childrenOf returns the children of every thread of a process.
func childrenOf(pid int) []int {
	dir := procfs + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil // it is gone, and so are its children
	}
	var pids []int
	for _, t := range threads {
		list, err := readAll(dir + "/" + t.Name() + "/children")
		if err != nil {
			continue
		}
		for word := range bytes.FieldsSeq(list) {
			pids = append(pids, atoi(word))
		}
	}
	return pids
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
