package spawn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// cgroups makes the control groups of children, all below one directory of the cgroup2 hierarchy.
type cgroups struct {
	dir string // <mount>/<own group>/weaver/<root>
	why string // why there can be none; "" if there can

	mu      sync.Mutex       // held while dir is made, and controllers are switched on
	offered map[string]error // by controller: why there is none; nil if there is
}

// cgroup is one child's.
type cgroup struct{ dir string }

// newCgroups finds the hierarchy. That there is none is not an error: children then say so in Membership.
func newCgroups(root string) *cgroups {
	own, err := ownCgroup2("/proc/self/mountinfo", "/proc/self/cgroup")
	if err != nil {
		return &cgroups{why: err.Error()}
	}
	return &cgroups{dir: filepath.Join(own, "weaver", cgroupName(root)), why: ""}
}

// cgroupName makes one directory name of text. The generation is part of the name, not a level: a level costs another
// mkdir, and would stay behind.
func cgroupName(text string) string {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, text)
	name = strings.TrimLeft(name, ".")
	if len(name) > 200 { // NAME_MAX is 255
		name = name[len(name)-200:]
	}
	return name
}

// make returns a new, empty group for tag, or why there is none.
func (g *cgroups) make(tag string) (*cgroup, string) {
	if g.why != "" {
		return nil, g.why
	}
	name := g.nameOf(tag)
	if name == "" {
		return nil, "cgroup: no tag"
	}
	child := &cgroup{dir: filepath.Join(g.dir, name)}
	err := g.mkdir(child.dir)
	if errors.Is(err, unix.EEXIST) && !child.populated() {
		err = nil // of a supervisor that died, or whose rmdir came too early
	}
	if err != nil {
		return nil, fmt.Sprintf("cgroup: mkdir %s: %v", child.dir, err)
	}
	return child, ""
}

func (g *cgroups) mkdir(dir string) error {
	err := unix.Mkdir(dir, 0o755)
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return errors.Unwrap(err)
	}
	return unix.Mkdir(dir, 0o755)
}

// forsake removes the directory that holds the groups, and weaver's, unless somebody is still in there.
func (g *cgroups) forsake() {
	if g.why == "" && unix.Rmdir(g.dir) == nil {
		_ = unix.Rmdir(filepath.Dir(g.dir)) // busy: of another home
	}
}

func (g *cgroup) open() (int, error) { return openat(g.dir, unix.O_PATH|unix.O_DIRECTORY) }

// remove removes the group and those that were made below it, all empty by now.
func (g *cgroup) remove() error {
	err := unix.Rmdir(g.dir)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENOTEMPTY) {
		below := g.below()
		for i := len(below) - 1; i >= 0; i-- {
			_ = unix.Rmdir(below[i]) // the last one's error tells
		}
		err = unix.Rmdir(g.dir)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove cgroup %s: %w", g.dir, err)
	}
	return nil
}

// below returns the groups below g, parents first.
func (g *cgroup) below() (dirs []string) {
	entries, _ := os.ReadDir(g.dir) // gone: none
	for _, e := range entries {
		if e.IsDir() {
			sub := &cgroup{dir: filepath.Join(g.dir, e.Name())}
			dirs = append(append(dirs, sub.dir), sub.below()...)
		}
	}
	return dirs
}

// vacant reports that no process lives in g or below, for sure: what cannot be read says nothing.
func (g *cgroup) vacant() bool {
	var buf [256]byte
	n, err := readFile(g.dir+"/cgroup.events", buf[:])
	return err == nil && bytes.Contains(buf[:n], []byte("populated 0")) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}

// populated reports whether a process lives in g or below; zombies do not.
func (g *cgroup) populated() bool {
	var buf [256]byte
	n, err := readFile(g.dir+"/cgroup.events", buf[:])
	return err == nil && bytes.Contains(buf[:n], []byte("populated 1"))
}

// pids returns the living processes of g and below. Those in a pid namespace that cannot be seen from here are left out.
func (g *cgroup) pids() ([]int, error) {
	var pids []int
	dirs := []string{g.dir}
	if g.nested() {
		dirs = append(dirs, g.below()...)
	}
	for i, dir := range dirs {
		text, err := readList(dir + "/cgroup.procs")
		if err != nil {
			if i > 0 || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
				continue // removed meanwhile: empty
			}
			return nil, fmt.Errorf("read members of cgroup %s: %w", dir, err)
		}
		for line := range bytes.Lines(text) {
			if pid := atoi(line); pid > 0 {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

// nested reports whether there are groups below: a directory has a link from each.
func (g *cgroup) nested() bool {
	var st unix.Stat_t
	return unix.Stat(g.dir, &st) == nil && st.Nlink > 2
}

// kill kills all of g at once, forks in flight included; ENOENT before Linux 5.14.
func (g *cgroup) kill() error { return writeFile(g.dir+"/cgroup.kill", "1") }

// ownCgroup2 returns the directory of this process's group in the cgroup2 hierarchy.
func ownCgroup2(mountinfo, membership string) (string, error) {
	mounts, err := os.ReadFile(mountinfo)
	if err != nil {
		return "", fmt.Errorf("cgroup: %w", err)
	}
	groups, err := os.ReadFile(membership)
	if err != nil {
		return "", fmt.Errorf("cgroup: %w", err)
	}
	root, point, ok := cgroup2Mount(mounts)
	if !ok {
		return "", errors.New("cgroup: no cgroup2 mount")
	}
	for line := range bytes.Lines(groups) {
		if path, ok := bytes.CutPrefix(bytes.TrimRight(line, "\n"), []byte("0::")); ok {
			own := strings.TrimSuffix(string(path), " (deleted)")
			rel, err := filepath.Rel(root, own)
			if err != nil || strings.HasPrefix(rel, "..") || strings.HasPrefix(own, "/..") {
				return "", fmt.Errorf("cgroup: own group %s is outside the mount of %s", own, root)
			}
			if filepath.Base(rel) == aside { // it was in the way where it came from
				rel = filepath.Dir(rel)
			}
			return filepath.Join(point, rel), nil
		}
	}
	return "", errors.New("cgroup: not a member of any cgroup2 group")
}

// cgroup2Mount finds the hierarchy in the text of mountinfo: which part of it is mounted, and where.
func cgroup2Mount(mountinfo []byte) (root, point string, ok bool) {
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !found || len(fields) < 6 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		return unescape(fields[3]), unescape(fields[4]), true
	}
	return "", "", false
}

// unescape undoes the octal escapes of mountinfo for blanks and backslashes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
