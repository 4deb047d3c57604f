//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// dirs are what the guard makes before and removes after.
type dirs struct {
	home string // homes, programs, everything
	shm  string // on tmpfs: homes whose logs are measured
}

const dirsVariable = "BENCH_DIRS"

// newDirs makes both.
func newDirs(base string) (d dirs, err error) {
	// A relative one would lead elsewhere from a daemon's working directory.
	if base, err = filepath.Abs(base); err != nil {
		return d, err
	}
	if d.home, err = os.MkdirTemp(base, "wb"); err != nil {
		return d, fmt.Errorf("make a directory for homes: %w", err)
	}
	shm := "/dev/shm"
	if info, err := os.Stat(shm); err != nil || !info.IsDir() {
		shm = d.home
	}
	if d.shm, err = os.MkdirTemp(shm, "wb"); err != nil {
		os.RemoveAll(d.home)
		return d, fmt.Errorf("make a directory for logs: %w", err)
	}
	return d, nil
}

// remove removes both.
func (d dirs) remove() {
	os.RemoveAll(d.shm)
	os.RemoveAll(d.home)
}

// env hands the directories to the process that measures.
func (d dirs) env() string { return dirsVariable + "=" + d.home + ":" + d.shm }

// dirsFromEnv reports whether this is the process that measures.
func dirsFromEnv() (d dirs, inside bool) {
	d.home, d.shm, inside = strings.Cut(os.Getenv(dirsVariable), ":")
	return d, inside
}

// path of a file or directory of this run.
func (d dirs) path(name string) string { return filepath.Join(d.home, name) }
