//go:build linux

package main

import (
	"fmt"
	"syscall"
	"time"
)

const groupRespawn = "A killed service"

// pm2Respawn is how many times as fast as PM2 a successor should run.
const pm2Respawn = 5

// victim is a service that somebody restarts when it dies.
type victim struct {
	name  string
	every int
	// rest is how long the service has to have run before a death is met with an immediate restart: what fails
	// faster is restarted after a pause by some, and rightly so.
	rest time.Duration
	bell *bell
	last ring // its latest start
}

// respawn measures kill -9 of a service → its successor's first instruction.
func (b *bench) respawn() error {
	if !b.wants("respawn") {
		return nil
	}
	var subjects []*subject
	add := func(v *victim, err error) {
		if err == nil {
			v.last, err = v.bell.wait(20 * time.Second)
		}
		if err != nil {
			b.skip("respawn, "+v.name, err)
			return
		}
		subjects = append(subjects, &subject{name: v.name, every: v.every, prepare: v.settle, measure: v.kill})
	}
	all := b.managers(b.dirs.home, "respawn", true)
	defer func() { endAll(all) }()

	loop, end, err := b.loopVictim(subLoop, "respawn", b.floor.service)
	defer end()
	add(loop, err)
	if dir, groups, remove, err := b.keeperPlace("respawn"); err == nil {
		defer remove()
		keeper, end, err := b.loopVictim(subKeeper, "rekeep", dir, groups, b.floor.service)
		defer end()
		add(keeper, err)
	} else {
		b.skip("respawn, "+subKeeper, err)
	}
	for _, m := range all {
		v, err := b.managedVictim(m)
		add(v, err)
	}
	for _, r := range b.rivals() {
		v, end, err := r.run()
		defer end()
		add(v, err)
	}
	row := interleave(b.scale.kills, 2*time.Duration(b.scale.budgetSeconds)*time.Second, subjects...)
	row.atMost(loopLimit, subLoop)
	row.atMost(loopLimit, subKeeper)
	row.speed(pm2Respawn, subPM2, subPM2)
	row.Note = "From kill(2) until the first instruction of the successor, which says so itself. " +
		"The C loop is waitpid, vfork and exec only; the C keeper makes for the successor what a supervisor has to. s6 and supervisord wait a second by design"
	b.add(row, "respawn", groupRespawn, "`kill -9` of a service → its successor runs", seconds)
	return nil
}

// settle waits until the victim has run for long enough.
func (v *victim) settle() error {
	v.bell.drain()
	// At the least, whoever restarts it should have finished what a restart brings with it.
	rest := max(v.rest, 5*time.Millisecond)
	time.Sleep(rest - time.Duration(monotonic()-v.last.at))
	return nil
}

// kill kills it and waits for its successor.
func (v *victim) kill() (float64, error) {
	start := monotonic()
	if err := syscall.Kill(v.last.pid, syscall.SIGKILL); err != nil {
		return 0, fmt.Errorf("kill service %d: %w", v.last.pid, err)
	}
	next, err := v.bell.wait(20 * time.Second)
	if err != nil {
		return 0, err
	}
	if next.pid == v.last.pid {
		return 0, fmt.Errorf("service %d rang twice", next.pid)
	}
	v.last = next
	return float64(next.at-start) / 1e9, nil
}

// loopVictim is kept by a mode of the C loop.
func (b *bench) loopVictim(name string, mode ...string) (v *victim, end func(), err error) {
	v = &victim{name: name}
	if v.bell, err = newBell(b.dirs.path(mode[0] + ".bell")); err != nil {
		return v, func() {}, err
	}
	h, err := b.floor.runLoop(append(cleanEnviron(), v.bell.env()), mode...)
	if err != nil {
		return v, v.bell.close, err
	}
	return v, func() { h.end(true); v.bell.close() }, nil
}

// managedVictim is kept by weaver or PM2.
func (b *bench) managedVictim(m *manager) (v *victim, err error) {
	v = &victim{name: m.name}
	if m.name == subPM2 {
		v.every = 2
	}
	if v.bell, err = newBell(m.path("bell")); err != nil {
		return v, err
	}
	app := newService("victim", b.floor.service)
	app.Env = map[string]string{bellVariable: v.bell.path}
	app.MaxRestarts = 1 << 30 // dying young is its job
	file, err := m.apps("victim", app)
	if err != nil {
		return v, err
	}
	return v, m.do("start", file)
}
