//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bell is a FIFO on which services say that they run. See floor/service.c.
type bell struct {
	path string
	fd   int
}

// ring is one message: who runs, and since when by CLOCK_MONOTONIC.
type ring struct {
	pid int
	at  int64
}

// newBell makes a FIFO.
func newBell(path string) (*bell, error) {
	if err := unix.Mkfifo(path, 0o622); err != nil {
		return nil, fmt.Errorf("make fifo %s: %w", path, err)
	}
	// Open for writing too, or it would be at its end whenever no service has it open.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open fifo %s: %w", path, err)
	}
	return &bell{path, fd}, nil
}

// close takes the FIFO away. Services that still ring find nobody, and go on.
func (b *bell) close() {
	unix.Close(b.fd)
	os.Remove(b.path)
}

// env is what a service needs to find the bell.
func (b *bell) env() string { return bellVariable + "=" + b.path }

const bellVariable = "BENCH_BELL"

// drain forgets what was rung before.
func (b *bell) drain() {
	for {
		if _, ok := b.read(); !ok {
			return
		}
	}
}

// wait returns the next ring.
func (b *bell) wait(timeout time.Duration) (ring, error) {
	for end := time.Now().Add(timeout); ; {
		if r, ok := b.read(); ok {
			return r, nil
		}
		left := time.Until(end)
		if left <= 0 {
			return ring{}, fmt.Errorf("no service ran within %v", timeout)
		}
		poll := []unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLIN}}
		unix.Poll(poll, int(left.Milliseconds())+1) // an error or a signal: look again
	}
}

// read takes one ring, if there is one.
func (b *bell) read() (ring, bool) {
	var msg [16]byte
	n, err := unix.Read(b.fd, msg[:])
	if err != nil || n != len(msg) {
		return ring{}, false
	}
	return ring{
		pid: int(binary.NativeEndian.Uint64(msg[:8])),
		at:  int64(binary.NativeEndian.Uint64(msg[8:])),
	}, true
}
