//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// floodTurns make a flood.
const floodTurns = 20

// floodMemory is by how much a daemon may have grown by a flood, in bytes.
const floodMemory = 4 << 20

// flooded measures what a daemon takes from a program that is not what holds it up: one in C, which sends many messages with
// a write. And what is left of it in the daemon's memory.
func (b *bench) flooded(all []*manager) error {
	compiler := findCompiler()
	if compiler == "" {
		return errNoCompiler
	}
	dir := b.dirs.path("flood")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	program := filepath.Join(dir, "talk")
	if err := compile(compiler, "talk.c", program); err != nil {
		return err
	}
	n := b.scale.messages
	var subjects []*subject
	memories := &row{Note: fmt.Sprintf("resident, after a flood of %s messages and before it", thousands(fmt.Sprint(floodTurns*n)))}
	for _, m := range all {
		below := filepath.Join(dir, m.name)
		if err := os.MkdirAll(below, 0o700); err != nil {
			return err
		}
		t := newTalk(n, below)
		s := newService("flood", program)
		s.Env = t.env()
		file, err := m.apps("flood", s)
		if err == nil {
			err = m.do("start", file)
		}
		var grown float64
		if err == nil {
			grown, err = growth(m, t)
		}
		if err != nil {
			b.skip("a flood of messages, "+m.name, err)
			continue
		}
		memories.add(m.name, series{grown}, nil)
		subjects = append(subjects, &subject{name: m.name, measure: t.measure})
	}
	below := filepath.Join(dir, "reader")
	if err := os.Mkdir(below, 0o700); err != nil {
		return err
	}
	t := newTalk(n, below)
	cmd := exec.Command(program)
	cmd.Env = cleanEnviron()
	for k, v := range t.env() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if err := dropped(cmd); err != nil {
		return err
	}
	defer func() {
		killTree([]int{cmd.Process.Pid})
		cmd.Wait()
	}()
	subjects = append(subjects, &subject{name: subReader, measure: t.measure})
	row := interleave(b.scale.presses, 2*time.Minute, subjects...)
	row.speed(ipcSpeed, subPM2, subPM2)
	row.Note = "64 messages with a write, until the last has been taken by the daemon"
	b.add(row, "ipc-flood", groupIPC, "messages of 70 bytes from a program in C", perMessage)
	memories.bound(memory, floodMemory)
	b.add(memories, "ipc-flood-memory", groupIPC, "memory that a flood leaves", memory)
	for _, m := range all {
		if err := m.do("delete", "flood"); err != nil {
			return err
		}
	}
	return nil
}

// growth is by how much a daemon's memory grows by a flood. A turn before has it be as large as it is when it hears messages.
func growth(m *manager, t *talk) (float64, error) {
	if _, err := t.measure(); err != nil {
		return 0, err
	}
	pids, err := m.pids(m)
	if err != nil {
		return 0, err
	}
	before, err := footprints(pids)
	if err != nil {
		return 0, err
	}
	for range floodTurns {
		if _, err := t.measure(); err != nil {
			return 0, err
		}
	}
	after, err := footprints(pids)
	return max(0, after.rss-before.rss), err
}
