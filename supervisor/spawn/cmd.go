package spawn

import (
	"errors"
	"fmt"
	"strings"
)

// Cmd says what to run. Path and Argv are taken as they are: no shell, no search in PATH.
type Cmd struct {
	Path string   // the executable; if relative, to Dir
	Argv []string // Argv[0] included
	Env  []string // "KEY=value"; the marker is added
	Dir  string   // working directory; "" is the supervisor's

	Stdin, Stdout, Stderr int   // raw descriptors that become 0, 1, 2; -1 is /dev/null
	Extra                 []int // become 3, 4, ...; -1 leaves the slot closed

	User        *User // nil is unchanged
	Umask       *int
	Nice        *int     // -20..19
	Rlimits     []Rlimit // need Options.Trampoline
	OOMScoreAdj *int     // -1000..1000; needs Options.Trampoline
	ListenPID   bool     // the child finds its own pid in LISTEN_PID; needs Options.Trampoline
	Bounds      Bounds   // of its whole tree; what cannot be held is no reason not to run: see Child.Holds

	// Tag is the unique identity of this incarnation, "<home-id>/<process id>/<generation>": it names the control group
	// and is the marker's value.
	Tag string

	join    []int // groups of cgroup1 that the child gets into: their cgroup.procs
	ioLevel *int
}

// User is who a child runs as. Groups are the supplementary groups, whole: none means none.
type User struct {
	UID, GID uint32
	Groups   []uint32
}

// Rlimit is one resource limit; Resource is the system's RLIMIT_ number. ^uint64(0) is no limit.
type Rlimit struct {
	Resource   int
	Soft, Hard uint64
}

// trampolined reports whether the settings can only be made by code that runs in the child.
func (c *Cmd) trampolined() bool {
	return len(c.Rlimits) > 0 || c.OOMScoreAdj != nil || c.ListenPID || len(c.join) > 0
}

// maxIOWeight is the kernel's.
const maxIOWeight = 10000

func (c *Cmd) check() error {
	switch {
	case c.Path == "":
		return errors.New("exec: no path")
	case len(c.Argv) == 0:
		return fmt.Errorf("exec %s: no arguments, not even its name", c.Path)
	case c.Nice != nil && (*c.Nice < -20 || *c.Nice > 19):
		return fmt.Errorf("nice %d: not within -20..19", *c.Nice)
	case c.Umask != nil && (*c.Umask < 0 || *c.Umask > 0o777):
		return fmt.Errorf("umask %#o: not within 0..0777", *c.Umask)
	case c.OOMScoreAdj != nil && (*c.OOMScoreAdj < -1000 || *c.OOMScoreAdj > 1000):
		return fmt.Errorf("oom score adjustment %d: not within -1000..1000", *c.OOMScoreAdj)
	case c.Bounds.CPU < 0 || c.Bounds.Memory < 0 || c.Bounds.Pids < 0 || c.Bounds.IOWeight < 0 || c.Bounds.IOWeight > maxIOWeight:
		return fmt.Errorf("bounds %+v: below zero, or a weight above %d", c.Bounds, maxIOWeight)
	}
	for _, l := range c.Rlimits {
		if l.Soft > l.Hard {
			return fmt.Errorf("limit %d: soft %d above hard %d", l.Resource, l.Soft, l.Hard)
		}
	}
	return nil
}

// environment returns Env with the marker last. A marker that was inherited (weaver run by a service of weaver) is
// dropped: libc finds the first of two.
func (c *Cmd) environment(marker string) []string {
	if marker == "" || c.Tag == "" {
		return c.Env
	}
	env := make([]string, 0, len(c.Env)+1)
	for _, kv := range c.Env {
		if !strings.HasPrefix(kv, marker+"=") {
			env = append(env, kv)
		}
	}
	return append(env, marker+"="+c.Tag)
}

// files returns the child's descriptors by number.
func (c *Cmd) files(null int) []uintptr {
	fds := make([]uintptr, 0, 3+len(c.Extra)+1) // +1: the trampoline's pipe
	for _, fd := range [...]int{c.Stdin, c.Stdout, c.Stderr} {
		if fd < 0 {
			fd = null
		}
		fds = append(fds, uintptr(fd))
	}
	for _, fd := range c.Extra {
		fds = append(fds, uintptr(fd)) // -1 stays -1: closed
	}
	return fds
}
