//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// writer is somebody through whom a service writes.
type writer struct {
	name  string
	total int
	bell  *bell
	start func() error  // has the service run
	logs  func() string // pattern of the files that it writes to
	whole bool          // there is one file in the end, of total bytes
	stop  func() error  // ends the service and removes its logs
	pids  func() ([]int, error)
	cpu   series
}

// write lets the service write all, and returns seconds per GB.
func (w *writer) write() (cost float64, err error) {
	w.bell.drain()
	before, err := w.cpuTime()
	if err != nil {
		return 0, err
	}
	if err := w.start(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	began, err := w.bell.wait(20 * time.Second)
	if err != nil {
		return 0, err
	}
	written, err := w.bell.wait(callLimit)
	if err != nil {
		return 0, err
	}
	end := written.at
	if w.pids != nil { // what it wrote has a way to go yet
		if err := w.awaitEnd(); err != nil {
			return 0, err
		}
		end = monotonic()
	}
	if err := w.check(); err != nil {
		return 0, err
	}
	after, err := w.cpuTime()
	if err != nil {
		return 0, err
	}
	gb := float64(w.total) / 1e9
	if w.pids != nil {
		w.cpu = append(w.cpu, (after-before).Seconds()/gb)
	}
	return float64(end-began.at) / 1e9 / gb, nil
}

func (w *writer) cpuTime() (time.Duration, error) {
	if w.pids == nil {
		return 0, nil
	}
	pids, err := w.pids()
	if err != nil {
		return 0, err
	}
	return cpuTimes(pids)
}

// awaitEnd waits until the last line is in a file.
func (w *writer) awaitEnd() error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Microsecond) {
		files, _ := filepath.Glob(w.logs())
		if slices.ContainsFunc(files, endsInLastLine) {
			return nil
		}
	}
	return fmt.Errorf("the last line did not arrive in %s within 30 s", filepath.Base(w.logs()))
}

// endsInLastLine reports whether a file ends in the line that the service wrote last.
func endsInLastLine(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < 2 {
		return false
	}
	var tail [2]byte
	if _, err := f.ReadAt(tail[:], info.Size()-2); err != nil {
		return false
	}
	return bytes.Equal(tail[:], []byte("Z\n"))
}

// check counts the bytes: who loses some is not fast.
func (w *writer) check() error {
	if !w.whole {
		return nil
	}
	files, err := filepath.Glob(w.logs())
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			sum += info.Size()
		}
	}
	if sum != int64(w.total) {
		return fmt.Errorf("%d bytes written, %d in %s", w.total, sum, strings.Join(files, " "))
	}
	return nil
}
