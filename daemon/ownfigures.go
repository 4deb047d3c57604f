package daemon

import (
	"bytes"
	"os"
	"runtime"
	"strconv"

	"weaver/service"
)

// ownFigures is what weaver tells of itself. What this system does not tell is zero.
func (d *daemon) ownFigures() *service.Supervisor {
	l := d.logs.Stats()
	s := &service.Supervisor{
		Version: d.opts.Version, GoVersion: runtime.Version(), Started: d.started, CPU: ownCPU(), Memory: ownMemory(),
		Files: entries("/proc/self/fd"), Threads: entries("/proc/self/task"), Goroutines: runtime.NumGoroutine(),
		Durable: d.journal.Problem() == nil, LogBytes: l.Bytes, LogLines: l.Lines, LogDropped: l.Dropped,
		Hits: map[string]uint64{}, Misses: map[string]uint64{}, Evicts: map[string]uint64{},
	}
	for name, c := range d.figures().Caches {
		s.Hits[name], s.Misses[name], s.Evicts[name] = c.Hits, c.Misses, c.Evictions
	}
	return s
}

// ownMemory is what of this process is in memory.
func ownMemory() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if f := bytes.Fields(text); err == nil && len(f) > 1 {
		pages, _ := strconv.ParseUint(string(f[1]), 10, 64)
		return pages * uint64(os.Getpagesize())
	}
	return 0
}

// entries counts what is in a directory.
func entries(dir string) int {
	f, err := os.Open(dir)
	if err != nil {
		return 0
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1) // some may go meanwhile
	return len(names)
}
