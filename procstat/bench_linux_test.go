package procstat

import (
	"context"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// idle starts n processes that sleep, and ends them with the benchmark.
func idle(b *testing.B, n int) []Root {
	b.Helper()
	var roots []Root
	for range n {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		roots = append(roots, Root{PID: cmd.Process.Pid})
	}
	return roots
}

// benchmarkTick measures a tick over 1,000 services, in CPU time of this
// process: what is not asked for here does not count.
func benchmarkTick(b *testing.B, source string) {
	roots := idle(b, 1000)
	s, err := New(Options{Source: source, Roots: func() []Root { return roots }})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s.tick()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	b.ResetTimer()
	began := used(syscall.RUSAGE_SELF)
	ticks := 0
	for b.Loop() {
		s.tick()
		ticks++
	}
	perTick := (used(syscall.RUSAGE_SELF) - began) / time.Duration(ticks)
	b.ReportMetric(float64(perTick.Nanoseconds())/1e3/float64(len(roots)), "µs/process")
	b.ReportMetric(100*perTick.Seconds(), "%core@1Hz")
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(len(roots)), "B/process")
	if st := s.Stats(); st.Cache.Entries != len(roots) {
		b.Fatalf("%d of %d sampled", st.Cache.Entries, len(roots))
	}
}

func BenchmarkTick1000Linux(b *testing.B)    { benchmarkTick(b, Linux) }
func BenchmarkTick1000Gopsutil(b *testing.B) { benchmarkTick(b, Gopsutil) }

func BenchmarkReadFresh(b *testing.B) {
	roots := idle(b, 10)
	s, err := New(Options{Roots: func() []Root { return roots }})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }() // Ends with ctx.
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := s.Read(roots[i%10].PID); !ok {
			b.Fatal("not sampled")
		}
	}
	cancel()
	<-ended
}

// BenchmarkReadOnDemand is a read that finds nothing fresh, as the first one
// after the start of a child.
func BenchmarkReadOnDemand(b *testing.B) {
	roots := idle(b, 10)
	s, err := New(Options{Roots: func() []Root { return roots }})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := 0; b.Loop(); i++ {
		pid := roots[i%10].PID
		s.Invalidate(pid)
		if _, ok := s.Read(pid); !ok {
			b.Fatal("not sampled")
		}
	}
}

func BenchmarkHost(b *testing.B) {
	var m HostMeter
	for b.Loop() {
		if _, err := m.Read(); err != nil {
			b.Fatal(err)
		}
		m.last.At = m.last.At.Add(-time.Second)
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(line)
	var s stat
	for b.Loop() {
		if err := s.parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
