//go:build unix

// Command service does what floor/service.c does, for a machine without a C compiler: rows that need the C loops are
// skipped there, the others are measured with this heavier service.
package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	ring()
	if len(os.Args) == 4 && os.Args[1] == "write" {
		total, err1 := strconv.Atoi(os.Args[2])
		size, err2 := strconv.Atoi(os.Args[3])
		if err1 != nil || err2 != nil || size < 1 || total < size || total%size != 0 {
			os.Exit(2)
		}
		buf := lines(size, 'x')
		for done := 0; done < total-size; done += size {
			put(buf)
		}
		put(lines(size, 'Z'))
		ring()
	}
	for {
		time.Sleep(time.Hour)
	}
}

func ring() {
	fd, err := unix.Open(os.Getenv("BENCH_BELL"), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		os.Exit(3)
	}
	msg := binary.NativeEndian.AppendUint64(nil, uint64(os.Getpid()))
	msg = binary.NativeEndian.AppendUint64(msg, uint64(now.Nano()))
	if _, err := unix.Write(fd, msg); err != nil {
		os.Exit(3)
	}
}

func put(p []byte) {
	if _, err := os.Stdout.Write(p); err != nil {
		os.Exit(4)
	}
}

// lines makes n bytes of lines of at most 100 bytes of c.
func lines(n int, c byte) []byte {
	p := bytes.Repeat([]byte{c}, n)
	for i := 99; i < n; i += 100 {
		p[i] = '\n'
	}
	p[n-1] = '\n'
	return p
}
