package spawn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// rule is how the kernel holds a bound: numbers in files of a control group.
type rule struct {
	v2, v1     string // the controllers
	v2file     string
	v1file     string
	v2set      func(Bounds) []setting
	v1set      func(Bounds) []setting
	asked      func(Bounds) bool
	noneReason string // why nothing else could hold it
}

// setting is one file. optional ones are absent from some kernels.
type setting struct {
	file, text string
	optional   bool
}

// rules by resource. The first setting is the bound itself.
var rules = map[Resource]rule{
	CPU: {
		v2: "cpu", v1: "cpu", v2file: "cpu.max", v1file: "cpu.cfs_quota_us",
		asked: func(b Bounds) bool { return b.CPU > 0 },
		v2set: func(b Bounds) []setting {
			quota, period := quota(b.CPU)
			return []setting{{"cpu.max", strconv.Itoa(quota) + " " + strconv.Itoa(period), false}}
		},
		v1set: func(b Bounds) []setting {
			quota, period := quota(b.CPU)
			return []setting{{"cpu.cfs_period_us", strconv.Itoa(period), false}, {"cpu.cfs_quota_us", strconv.Itoa(quota), false}}
		},
	},
	Memory: {
		v2: "memory", v1: "memory", v2file: "memory.max", v1file: "memory.limit_in_bytes",
		asked: func(b Bounds) bool { return b.Memory > 0 },
		v2set: func(b Bounds) []setting { // without swap: what is swapped out would not count, and crawl
			return []setting{{"memory.max", bytesText(b), false}, {"memory.swap.max", "0", true}, {"memory.oom.group", "1", true}}
		},
		v1set: func(b Bounds) []setting {
			return []setting{{"memory.limit_in_bytes", bytesText(b), false}, {"memory.memsw.limit_in_bytes", bytesText(b), true}}
		},
		noneReason: "no memory controller here",
	},
	Pids: {
		v2: "pids", v1: "pids", v2file: "pids.max", v1file: "pids.max",
		asked:      func(b Bounds) bool { return b.Pids > 0 },
		v2set:      func(b Bounds) []setting { return []setting{{"pids.max", strconv.Itoa(b.Pids), false}} },
		v1set:      func(b Bounds) []setting { return []setting{{"pids.max", strconv.Itoa(b.Pids), false}} },
		noneReason: "no pids controller here, and RLIMIT_NPROC counts the processes of a user, not of a tree",
	},
	IO: {
		v2: "io", v1: "blkio", v2file: "io.weight", v1file: "blkio.bfq.weight",
		asked: func(b Bounds) bool { return b.IOWeight > 0 },
		v2set: func(b Bounds) []setting {
			return []setting{{"io.weight", "default " + strconv.Itoa(b.IOWeight), false}}
		},
		v1set: func(b Bounds) []setting {
			return []setting{{"blkio.bfq.weight", strconv.Itoa(min(b.IOWeight, 1000)), false}} // BFQ's own limit
		},
	},
}

// resources in the order in which they are told.
var resources = [...]Resource{CPU, Memory, Pids, IO}

func bytesText(b Bounds) string { return strconv.FormatInt(b.Memory, 10) }

// quota is a number of cores as the kernel's scheduler has it, in microseconds: no quota below 1 ms, no period above 1 s.
func quota(cores float64) (quota, period int) {
	const usual, longest, least = 100_000, 1_000_000, 1000
	period = usual
	if cores*usual < least {
		period = longest
	}
	return max(int(cores*float64(period)+0.5), least), period
}

// bounder makes what holds bounds in the hierarchies of cgroup1, where each controller has its own, and knows which
// controllers that of cgroup2 offers.
type bounder struct {
	root string // name of the directory, as that of cgroups

	once sync.Once
	v1   map[string]string // by controller: <mount>/<own group>/weaver/<root>
	mu   sync.Mutex        // held while directories are made
}

func (b *bounder) look() {
	b.once.Do(func() {
		mounts, err := readAll("/proc/self/mountinfo")
		if err != nil {
			return
		}
		groups, err := readAll("/proc/self/cgroup")
		if err != nil {
			return
		}
		b.v1 = make(map[string]string)
		for _, r := range rules {
			if own, ok := cgroup1Dir(mounts, groups, r.v1); ok {
				b.v1[r.v1] = filepath.Join(own, "weaver", cgroupName(b.root))
			}
		}
	})
}

// hold decides what holds c's bounds, and makes what is of cgroup1. join are descriptors by which the child gets into the
// groups of that; they are the caller's to close. group is the child's in cgroup2, nil if it has none.
func (s *Spawner) hold(c *Cmd, group *cgroup, why string) (holds []Hold, join []int) {
	for _, what := range resources {
		r := rules[what]
		if !r.asked(c.Bounds) {
			continue
		}
		h, fd := s.holdOne(c, what, r, group, why)
		holds = append(holds, h)
		if fd >= 0 {
			join = append(join, fd)
		}
	}
	return holds, join
}

func (s *Spawner) holdOne(c *Cmd, what Resource, r rule, group *cgroup, why string) (h Hold, join int) {
	h, join = Hold{What: what, Why: why}, -1
	if group != nil {
		err := s.system.groups.offer(r.v2, s.ours())
		if err == nil {
			err = group.set(r.v2set(c.Bounds))
		}
		if err == nil {
			h.By, h.Why, h.Dir = "cgroup2 "+r.v2file, "", group.dir
			return h, -1
		}
		h.Why = err.Error()
	}
	dir, fd, err := s.holdV1(c, r)
	if err == nil {
		h.By, h.Why, h.Dir = "cgroup1 "+r.v1file, "", dir
		return h, fd
	}
	if h.Why == "" || !errors.Is(err, errNoController) {
		h.Why = err.Error()
	}
	switch {
	case what == CPU:
		h.By = BySignals
	case what == IO:
		level := ioLevel(c.Bounds.IOWeight)
		c.ioLevel = &level
		h.By = fmt.Sprintf("ioprio best-effort %d, which not every disk scheduler heeds", level)
	default:
		h.Why = r.noneReason + " (" + h.Why + ")"
	}
	return h, -1
}

// ours are the processes that may be moved out of the way: this one, and the reaper.
func (s *Spawner) ours() []int {
	pids := []int{os.Getpid()}
	if r := s.options.Reaper; r != nil && r() > 0 {
		pids = append(pids, r())
	}
	return pids
}

var errNoController = errors.New("no such controller in cgroup1")

// holdV1 makes a group in the hierarchy of a cgroup1 controller.
func (s *Spawner) holdV1(c *Cmd, r rule) (dir string, join int, err error) {
	b := &s.system.bounds
	if b.root == "" || s.options.Trampoline == "" || c.Tag == "" {
		return "", -1, errNoController
	}
	b.look()
	base, ok := b.v1[r.v1]
	if !ok {
		return "", -1, errNoController
	}
	g := &cgroup{dir: filepath.Join(base, (&cgroups{dir: base}).nameOf(c.Tag))}
	if err := b.mkdir(base, g.dir); err != nil {
		return "", -1, fmt.Errorf("cgroup1: %w", err)
	}
	if err = g.set(r.v1set(c.Bounds)); err == nil {
		join, err = openat(g.dir+"/cgroup.procs", unix.O_WRONLY)
	}
	if err != nil {
		_ = unix.Rmdir(g.dir) // nobody is in there
		return "", -1, err
	}
	return g.dir, join, nil
}

func (b *bounder) mkdir(base, dir string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	if err := unix.Mkdir(dir, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("mkdir %s: %w", dir, err)
	}
	return nil
}

// set writes settings into the group's files.
func (g *cgroup) set(list []setting) error {
	for _, s := range list {
		if err := writeFile(filepath.Join(g.dir, s.file), s.text); err != nil && !s.optional {
			return fmt.Errorf("write %s of cgroup %s: %w", s.file, g.dir, err)
		}
	}
	return nil
}

// withoutGroup corrects the holds of a child that could not be born into its group of cgroup2 after all.
func withoutGroup(holds []Hold, group *cgroup, why string) {
	for i := range holds {
		h := &holds[i]
		if h.Dir != group.dir {
			continue
		}
		h.By, h.Dir, h.Why = "", "", why
		if h.What == CPU {
			h.By = BySignals
		}
	}
}

// removeBounds removes the groups of cgroup1 that were made for a child that is over.
func (c *Child) removeBounds() {
	for _, h := range c.holds {
		if h.Dir != "" && (c.group == nil || h.Dir != c.group.dir) {
			_ = (&cgroup{dir: h.Dir}).remove() // the last zombie may not be reaped yet: see forsake and clear
		}
	}
}

// forsake removes what is empty below weaver's directories.
func (b *bounder) forsake() {
	if b.root == "" {
		return
	}
	for _, base := range b.bases() {
		(&cgroups{dir: base}).clear(func(string) bool { return false })
		(&cgroups{dir: base}).forsake()
	}
}

// bases are the directories of the hierarchies that were used, each once: one hierarchy may have several controllers.
func (b *bounder) bases() (dirs []string) {
	for _, base := range b.v1 {
		dirs = append(dirs, base)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// OOMKills is how many processes of the child the kernel killed because of its memory bound.
func (c *Child) OOMKills() uint64 {
	for _, h := range c.holds {
		if h.What == Memory && h.Dir != "" {
			n, _ := oomKillsIn(h.Dir)
			return n
		}
	}
	return 0
}

// oomKillsIn reads the count of a control group, of either version.
func oomKillsIn(dir string) (uint64, bool) {
	var buf [512]byte
	for _, file := range []string{"/memory.events", "/memory.oom_control"} {
		n, err := readFile(dir+file, buf[:])
		if kills, ok := parseOOMKills(buf[:n], err); ok {
			return kills, true
		}
	}
	return 0, false
}

// limit gets ready to hold the CPU bound, where that is up to this process. again says that a former one did.
func (s *Spawner) limit(c *Child, again bool) {
	if !c.throttled() {
		return
	}
	c.throttle = newThrottle(&stopper{child: c, again: again, lines: lifelines{}}, c.bounds.CPU, float64(runtime.NumCPU()))
}

// beginThrottle has the throttle work until c's tree is empty.
func (s *Spawner) beginThrottle(c *Child) {
	t := c.throttle
	if t == nil {
		return
	}
	s.running.Add(1)
	go func() { // until nothing is left of the tree, or Close
		defer s.running.Done()
		t.run(s.closing)
	}()
}

// resumeBounds goes on with the bounds of a child that a former supervisor had: the kernel's hold by themselves.
func (s *Spawner) resumeBounds(c *Child) {
	if c.bounds.any() && len(c.holds) == 0 {
		c.holds = s.findHolds(c)
	}
	for i := range c.holds {
		h := &c.holds[i]
		if h.By != byFreezer {
			continue
		}
		_ = writeFile(h.Dir+"/cgroup.freeze", "0") // where it is gone nobody is frozen
		h.By, h.Dir = BySignals, ""
	}
	s.limit(c, true)
	s.beginThrottle(c)
}

// findHolds looks for what was made to hold the bounds of a child, of whose launch nothing else is known.
func (s *Spawner) findHolds(c *Child) (holds []Hold) {
	b := &s.system.bounds
	b.look()
	for _, what := range resources {
		r := rules[what]
		if !r.asked(c.bounds) {
			continue
		}
		h := Hold{What: what, Why: "its supervisor died while it was launched"}
		base, has := b.v1[r.v1]
		g := &cgroup{dir: filepath.Join(base, (&cgroups{dir: base}).nameOf(c.Tag))}
		switch {
		case has && c.Tag != "" && g.exists():
			h.By, h.Dir = "cgroup1 "+r.v1file, g.dir
		case c.group != nil && c.group.set(r.v2set(c.bounds)) == nil:
			h.By, h.Dir = "cgroup2 "+r.v2file, c.group.dir
		case what == CPU:
			h.By = BySignals
		}
		holds = append(holds, h)
	}
	return holds
}

// gone takes the end of a group for the end of its processes.
func gone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return os.ErrProcessDone
	}
	return err
}

// ioLevel is a weight of 1 to 10000, 100 being everybody's, as a level of the best-effort class, 4 being everybody's.
func ioLevel(weight int) int {
	level := 4
	for w := 100; w*2 <= weight && level > 0; w *= 2 {
		level--
	}
	for w := 100; w/2 >= max(weight, 1) && level < 7; w /= 2 {
		level++
	}
	return level
}
