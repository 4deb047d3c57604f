package spawn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// aside is the group, beside those of weaver's services, into which weaver's own processes go where that is what it takes
// to have controllers: the kernel gives none to the children of a group that has processes of its own.
const aside = "weaver-supervisor"

// offer makes a controller of cgroup2 available to the groups of children; an error says why it cannot be. ours are the
// processes that may be moved for it.
func (g *cgroups) offer(controller string, ours []int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err, known := g.offered[controller]; known {
		return err
	}
	err := g.switchOn(controller, ours)
	if g.offered == nil {
		g.offered = make(map[string]error)
	}
	g.offered[controller] = err
	return err
}

// switchOn enables a controller from this process's group downwards.
func (g *cgroups) switchOn(controller string, ours []int) error {
	top := filepath.Dir(g.dir)
	own := filepath.Dir(top)
	if has, err := lists(own+"/cgroup.controllers", controller); err != nil || !has {
		return fmt.Errorf("cgroup2 has no %s controller here", controller)
	}
	if inside(own) && !stepAside(own, ours) {
		return fmt.Errorf("enable the %s controller in %s, where there are processes of others: %w", controller, own, unix.EBUSY)
	}
	for _, dir := range []string{own, top, g.dir} {
		file := dir + "/cgroup.subtree_control"
		if has, err := lists(file, controller); err == nil && has {
			continue
		}
		err := writeFile(file, "+"+controller)
		if errors.Is(err, unix.EBUSY) && dir == own && stepAside(own, ours) {
			err = writeFile(file, "+"+controller)
		}
		if err != nil {
			return fmt.Errorf("enable the %s controller in %s: %w", controller, dir, err)
		}
	}
	return nil
}

// inside reports that a group has processes of its own, which is in the way of controllers below it unless it is the root. The
// kernel does enable some (cpu, pids) all the same, as long as nobody lives below: the groups there take no processes from then on.
func inside(dir string) bool {
	if _, err := os.Stat(dir + "/cgroup.type"); err != nil { // the root has none
		return false
	}
	text, err := readAll(dir + "/cgroup.procs")
	return err == nil && len(strings.Fields(string(text))) > 0
}

// lists reports whether a file holds a word.
func lists(file, word string) (bool, error) {
	text, err := readAll(file)
	return slices.Contains(strings.Fields(string(text)), word), err
}

// stepAside moves the processes of a group into one below it; false if others than ours are in there.
func stepAside(dir string, ours []int) bool {
	text, err := readAll(dir + "/cgroup.procs")
	if err != nil {
		return false
	}
	in := strings.Fields(string(text))
	for _, word := range in {
		if pid, err := strconv.Atoi(word); err != nil || !slices.Contains(ours, pid) {
			return false
		}
	}
	leaf := filepath.Join(dir, aside)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return false
	}
	for _, word := range in {
		if writeFile(leaf+"/cgroup.procs", word) != nil {
			return false
		}
	}
	return true
}
