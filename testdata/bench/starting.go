//go:build linux

package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

const groupStarting = "Starting services"

// loopLimit is what spawn and respawn may cost in C vfork loops.
const loopLimit = 1.3

// starting measures how long it takes until a new service runs, and many.
func (b *bench) starting() error {
	if b.wants("start-new") {
		if err := b.startNew(); err != nil {
			b.skip("start of a new service", err)
		}
	}
	for _, n := range b.scale.bulks {
		if id := fmt.Sprintf("bulk-%d", n); b.wants(id) {
			if err := b.bulk(id, n); err != nil {
				b.skip(fmt.Sprintf("start of %d services", n), err)
			}
		}
	}
	return nil
}

// startNew measures `start PROGRAM --name NEW` until the program says that it runs. The floor is a hello-world binary
// and one vfork+exec: somebody has to type it, and somebody has to fork.
func (b *bench) startNew() error {
	all := b.managers(b.dirs.home, "start of a new service", true)
	defer func() { endAll(all) }()
	subjects := []*subject{b.hello()}
	for _, m := range all {
		bl, err := newBell(m.path("bell"))
		if err != nil {
			return err
		}
		defer bl.close()
		subjects = append(subjects, b.startOf(m, bl))
	}
	extra := ""
	if spawn, err := b.floor.runLoop(cleanEnviron(), "once", b.floor.service); err == nil {
		defer spawn.end(false)
		extra = subSpawn
		subjects = append(subjects, &subject{name: subSpawn, measure: spawn.ask})
	}
	r := interleave(b.scale.rounds/3, time.Duration(b.scale.budgetSeconds)*time.Second, subjects...)
	r.atMost(coldLimit, subHello, extra)
	r.speed(pm2Calls, subPM2, subPM2)
	r.Note = "A new service: from the command line's start until the first instruction of the program, which says so itself"
	b.add(r, "start-new", groupStarting, "`start ./program`, a new service → it runs", seconds)
	return nil
}

func (b *bench) startOf(m *manager, bl *bell) *subject {
	// The service's environment is its caller's.
	env := append(m.env[:len(m.env):len(m.env)], bl.env())
	s := &subject{name: m.name}
	if m.name == subPM2 {
		s.every = b.scale.pm2Every / 3
	}
	started := 0
	s.prepare = func() error {
		bl.drain()
		if started++; started == 1 {
			return nil
		}
		return m.do("delete", fmt.Sprintf("new-%d", started-1))
	}
	s.measure = func() (float64, error) {
		start := monotonic()
		if _, err := b.call.run(env, m.bin, "start", b.floor.service, "--name", fmt.Sprintf("new-%d", started)); err != nil {
			return 0, err
		}
		r, err := bl.wait(10 * time.Second)
		return float64(r.at-start) / 1e9, err
	}
	return s
}

// bulk measures `start FILE` with n apps in the file.
func (b *bench) bulk(id string, n int) error {
	what := fmt.Sprintf("`start` of a file with %d services", n)
	all := b.managers(b.dirs.home, what, n <= b.scale.pm2Most)
	defer func() { endAll(all) }()
	subjects := []*subject{b.loopOf(n)}
	if dir, groups, remove, err := b.keeperPlace(id); err == nil {
		defer remove()
		subjects = append(subjects, b.keeperOf(n, dir, groups))
	} else {
		b.skip(what+", "+subKeeper, err)
	}
	for _, m := range all {
		s, err := b.bulkOf(m, n)
		if err != nil {
			return err
		}
		subjects = append(subjects, s)
	}
	r := interleave(b.scale.bulkRounds, 3*time.Duration(b.scale.budgetSeconds)*time.Second, subjects...)
	r.atMost(loopLimit, subLoop)
	r.atMost(loopLimit, subKeeper)
	r.Note = "Many: until the command line returns; that all run is checked. The C loop is vfork and exec only; the C keeper " +
		"also opens what a supervisor has to for each service (pipes, logs, a pid file, a control group), and keeps no books"
	b.add(r, id, groupStarting, what, seconds)
	return nil
}

// loopOf starts n services with vfork and exec in C.
func (b *bench) loopOf(n int) *subject {
	return &subject{name: subLoop, measure: func() (float64, error) {
		h, err := b.floor.runLoop(cleanEnviron(), "spawn", fmt.Sprint(n), b.floor.service)
		if err != nil {
			return 0, err
		}
		defer h.end(false)
		return h.answer()
	}}
}

// keeperOf is loopOf with pipes, logs, pid files and control groups.
func (b *bench) keeperOf(n int, dir, groups string) *subject {
	return &subject{name: subKeeper, measure: func() (float64, error) {
		h, err := b.floor.runLoop(cleanEnviron(), "keep", fmt.Sprint(n), dir, groups, b.floor.service)
		if err != nil {
			return 0, err
		}
		defer h.end(false)
		return h.answer()
	}}
}

// keeperPlace makes the directory for the C keeper's files, and the one for its control groups, "" where there are none.
func (b *bench) keeperPlace(name string) (dir, groups string, remove func(), err error) {
	dir = b.dirs.path("keeper-" + name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", "", nil, err
	}
	for _, mount := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(mount + "/cgroup.procs"); err != nil {
			continue
		}
		groups = fmt.Sprintf("%s/weaver-bench-%d-%s", mount, os.Getpid(), name)
		if os.Mkdir(groups, 0o755) != nil {
			groups = "" // weaver may not either
		}
		break
	}
	return dir, groups, func() {
		os.RemoveAll(dir)
		if groups != "" {
			removeGroups(groups)
		}
	}, nil
}

// removeGroups removes a control group and those below it, once what was in them is gone.
func removeGroups(dir string) {
	entries, _ := os.ReadDir(dir)
	for range 100 {
		for _, e := range entries {
			if e.IsDir() {
				syscall.Rmdir(dir + "/" + e.Name())
			}
		}
		if syscall.Rmdir(dir) == nil {
			return
		}
		time.Sleep(10 * time.Millisecond) // the last of them is still dying
	}
}

func (b *bench) bulkOf(m *manager, n int) (*subject, error) {
	file, err := m.apps("bulk", sleepers(n, b.floor.service)...)
	if err != nil {
		return nil, err
	}
	s := &subject{name: m.name}
	if m.name == subPM2 {
		s.every = 2
	}
	started := false
	s.prepare = func() error {
		if !started {
			return nil
		}
		return m.do("delete", "all")
	}
	s.measure = func() (float64, error) {
		cost, err := m.run("start", file)
		if err != nil {
			return 0, err
		}
		started = true
		return cost, m.expect(n, b.floor.service)
	}
	return s, nil
}
