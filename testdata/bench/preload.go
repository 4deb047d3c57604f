//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

const (
	groupPreload = "Figures of a Node program"
	subWithout   = "--no-pmx"

	preloadShare = 0.98  // of the throughput without
	preloadStart = 0.005 // seconds that it may add
)

// bornProgram tells how much CPU it took Node to come to its first line.
const bornProgram = `const {user, system} = process.cpuUsage(), fs = require('fs')
fs.writeFileSync(process.env.OUT + '.tmp', String((user + system) * 1e3)); fs.renameSync(process.env.OUT + '.tmp', process.env.OUT)
setInterval(() => {}, 1e6)`

// preload measures what looking into a Node program costs it.
func (b *bench) preload() error {
	if !b.wants("preload-requests", "preload-start") {
		return nil
	}
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("no node on PATH")
	}
	m, err := b.weaver(b.dirs.home)
	if err != nil {
		return err
	}
	defer m.end(true)
	if b.wants("preload-requests") {
		if err := b.hooked(m); err != nil {
			b.skip("requests with the preload", err)
		}
	}
	if !b.wants("preload-start") {
		return nil
	}
	born := m.path("born.js")
	if err := os.WriteFile(born, []byte(bornProgram), 0o600); err != nil {
		return err
	}
	var starts []*subject
	for _, name := range []string{subWeaver, subWithout} {
		pmx := name == subWeaver
		t := newTalk(1, m.path(""))
		t.out += name
		starts = append(starts, &subject{name: name, prepare: func() error { return removed(t.out) }, measure: func() (float64, error) {
			if err := m.do("restart", "born"+name); err != nil {
				return 0, err
			}
			text, err := t.await()
			if err != nil {
				return 0, err
			}
			ns, err := strconv.ParseFloat(text, 64)
			return ns / 1e9, err
		}})
		defer func() { removed(t.out) }()
		file, err := m.apps("born"+name, service{Name: "born" + name, Script: born, Interpreter: "node", Mode: "fork", PMX: &pmx, Env: t.env()})
		if err == nil {
			err = m.do("start", file)
		}
		if err != nil {
			return err
		}
	}
	row := interleave(10*b.scale.presses, time.Minute, starts...)
	if with, ok := row.of(subWeaver); ok {
		if without, ok := row.of(subWithout); ok {
			row.Base = without.Median
			row.Checks = append(row.Checks, check{
				Against: "floor", Target: "≤ " + seconds.show(preloadStart) + " more", Got: with.Median - without.Median, Limit: preloadStart,
			})
		}
	}
	b.add(row, "preload-start", groupPreload, "CPU to the first line of a program", seconds)
	return nil
}

func (b *bench) startPreloaded(m *manager, services []service, port int) error {
	file, err := m.apps(services[0].Name, services...)
	if err == nil {
		err = m.do("start", file)
	}
	if err != nil {
		return err
	}
	if err := answers(port, 1); err != nil {
		return fmt.Errorf("%s: %w", services[0].Name, err)
	}
	return nil
}

func removed(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
