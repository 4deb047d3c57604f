//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const groupLogs = "Logs"

const (
	smallLogs    = 1.0 // of the speed of `> file`, lines of 100 bytes
	largeLogs    = 0.7 // writes of 64 KB
	cpuLimit     = 1.2 // CPU seconds of the daemon per GB
	pm2SmallLogs = 5
	pm2LargeLogs = 3
	// unrotated is a size that no log reaches.
	unrotated = "1000G"
)

// flow is one way of writing a log.
type flow struct {
	id, name     string
	size         int // bytes per write(2)
	total        int
	pm2Total     int // 0: PM2 does not take part
	rotate       bool
	limit, byPM2 float64
}

// logs measures how fast a service can write, and what that costs the daemon. All files are on tmpfs, so that no disk is
// measured, which would hide every difference.
func (b *bench) logs() error {
	s := b.scale
	for _, f := range []flow{
		{"logs-100", "lines of 100 bytes, one write(2) each", 100, s.lineBytes, s.pm2LineBytes, false, smallLogs, pm2SmallLogs},
		{"logs-64k", "writes of 64 KB", 64 << 10, s.blockBytes, s.pm2BlkByte, false, largeLogs, pm2LargeLogs},
		{"logs-100-rotated", "lines of 100 bytes, rotated as by default", 100, s.lineBytes, 0, true, smallLogs, 0},
	} {
		if !b.wants(f.id, f.id+"-cpu") {
			continue
		}
		if err := b.flow(f); err != nil {
			b.skip(f.name, err)
		}
	}
	return nil
}

// aside says how PM2's volume differs.
func (f flow) aside() string {
	if f.pm2Total == 0 || f.pm2Total == f.total {
		return ""
	}
	return fmt.Sprintf(" (PM2: %d MB)", f.pm2Total>>20)
}

// flow measures one way of writing.
func (b *bench) flow(f flow) error {
	all := b.managers(b.dirs.shm, f.name, f.pm2Total > 0)
	defer func() { endAll(all) }()
	direct, err := b.directWriter(f)
	if err != nil {
		return err
	}
	defer direct.bell.close()
	writers := []*writer{direct}
	for _, m := range all {
		w, err := b.managedWriter(m, f)
		if err != nil {
			return err
		}
		defer w.bell.close()
		writers = append(writers, w)
	}
	var subjects []*subject
	for _, w := range writers {
		subjects = append(subjects, &subject{name: w.name, measure: w.write})
	}
	r := interleave(b.scale.logRounds, 4*time.Duration(b.scale.budgetSeconds)*time.Second, subjects...)
	r.speed(f.limit, "floor", subDirect)
	if f.byPM2 > 0 {
		r.speed(f.byPM2, subPM2, subPM2)
	}
	r.Note = fmt.Sprintf("%s: %d MB on tmpfs, from the first write until the last byte is in the file%s", f.name, f.total>>20, f.aside())
	b.add(r, f.id, groupLogs, f.name, perGB)

	cpu := &row{Note: "Daemon CPU is the supervisor's and the anchor's, not that of the service that writes"}
	for _, w := range writers[1:] {
		if len(w.cpu) > 0 {
			cpu.add(w.name, w.cpu, nil)
		}
	}
	cpu.bound(cpuPerGB, cpuLimit)
	b.add(cpu, f.id+"-cpu", groupLogs, "daemon CPU: "+f.name, cpuPerGB)
	return nil
}

// whole is the multiple of size at or below total.
func whole(total, size int) int { return total / size * size }

// directWriter writes to a file that it has open itself: `> file`.
func (b *bench) directWriter(f flow) (*writer, error) {
	bl, err := newBell(filepath.Join(b.dirs.shm, "bell"))
	if err != nil {
		return nil, err
	}
	w := &writer{name: subDirect, total: whole(f.total, f.size), bell: bl, whole: true}
	path := filepath.Join(b.dirs.shm, "direct.log")
	w.logs = func() string { return path }
	var cmd *exec.Cmd
	w.start = func() error {
		out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer out.Close()
		cmd = exec.Command(b.floor.service, "write", strconv.Itoa(w.total), strconv.Itoa(f.size))
		cmd.Env = append(cleanEnviron(), bl.env())
		cmd.Stdout = out
		return cmd.Start()
	}
	w.stop = func() error {
		cmd.Process.Kill() // it pauses; an error is one that Remove does not hide
		cmd.Wait()
		return os.Remove(path)
	}
	return w, nil
}

// managedWriter writes through weaver or PM2.
func (b *bench) managedWriter(m *manager, f flow) (*writer, error) {
	bl, err := newBell(m.path("bell"))
	if err != nil {
		return nil, err
	}
	total := f.total
	if m.name == subPM2 {
		total = f.pm2Total
	}
	w := &writer{name: m.name, total: whole(total, f.size), bell: bl, whole: !f.rotate}
	w.pids = func() ([]int, error) { return m.pids(m) }
	w.logs = func() string { return m.home + "/logs/writer-out*.log" }
	no := false
	app := newService("writer", b.floor.service)
	app.Args = fmt.Sprintf("write %d %d", w.total, f.size)
	app.Env = map[string]string{bellVariable: bl.path}
	app.AutoRestart = &no
	if !f.rotate {
		app.MaxLogSize = unrotated
	}
	file, err := m.apps("writer", app)
	if err != nil {
		return nil, err
	}
	w.start = func() error { return m.do("start", file) }
	w.stop = func() error {
		if err := m.do("delete", "writer"); err != nil {
			return err
		}
		files, err := filepath.Glob(w.logs())
		for _, f := range files {
			err = errors.Join(err, os.Remove(f))
		}
		return err
	}
	return w, nil
}
