package procstat

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// staged is a source whose processes are set by the test, each using 100 ms of
// CPU time per reading.
type staged struct {
	mu     sync.Mutex
	start  map[int]uint64
	self   map[int]time.Duration
	extra  []int
	reads  int
	looks  int
	sweeps int
	closed bool
	during func() // runs while a tree is read
}

func (s *staged) tree(dst []reading, pid int, start uint64, extra []int) ([]reading, bool) {
	if s.during != nil {
		s.during()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if pid <= 0 {
		panic("asked for the tree of a process that has not started")
	}
	s.reads++
	s.extra = extra
	is, ok := s.start[pid]
	if !ok || start != 0 && start != is {
		return dst, false
	}
	s.self[pid] += 100 * ms
	return append(dst, reading{pid: pid, start: is, age: time.Hour, self: s.self[pid], rss: 1 << 20, threads: 1}), true
}

func (s *staged) look(int) error   { s.looks++; return nil }
func (s *staged) sweep()           { s.sweeps++ }
func (s *staged) size() (int, int) { return len(s.start), 0 }
func (s *staged) close()           { s.closed = true }

func (s *staged) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// stage makes a sampler of roots 1 to n.
func stage(o Options, n int) (*Sampler, *staged) {
	src := &staged{start: map[int]uint64{}, self: map[int]time.Duration{}}
	var roots []Root
	for pid := 1; pid <= n; pid++ {
		src.start[pid] = uint64(pid)
		roots = append(roots, Root{PID: pid, Start: uint64(pid)})
	}
	if o.Roots == nil {
		o.Roots = func() []Root { return roots }
	}
	return newSampler(o, src, "staged"), src
}

// run runs s and returns a function that ends it.
func run(t *testing.T, s *Sampler) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }() // Ends with ctx.
	synctest.Wait()
	return func() { cancel(); require.ErrorIs(t, <-ended, context.Canceled) }
}

func TestReadingCostsNothingWhileTheSamplerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, src := stage(Options{}, 3)
		end := run(t, s)
		for second := 1; second <= 5; second++ {
			require.Equal(t, 3*second, src.count())
			for range 10 {
				got, ok := s.Read(2)
				require.True(t, ok)
				require.EqualValues(t, 1<<20, got.RSS)
				if second > 1 {
					require.InDelta(t, 10, got.CPU, 1e-9)
				}
				time.Sleep(99 * ms)
			}
			require.Equal(t, 3*second, src.count(), "a read has sampled")
			time.Sleep(10 * ms)
			synctest.Wait()
		}
		st := s.Stats()
		require.Equal(t, 3, st.Trees)
		require.EqualValues(t, 6, st.Ticks)
		require.EqualValues(t, 50, st.Cache.Hits)
		end()
		require.True(t, src.closed)
		require.Equal(t, src.sweeps, src.looks)
		_, ok := s.Read(2)
		require.True(t, ok, "what is fresh can still be read")
		time.Sleep(3 * time.Second)
		_, ok = s.Read(2)
		require.False(t, ok)
	})
}

func TestExpiredReadSamplesOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, src := stage(Options{TTL: time.Second}, 2)
		src.during = func() { time.Sleep(ms) }
		for round := 1; round <= 3; round++ {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					_, ok := s.Read(1)
					assert.True(t, ok)
				})
			}
			all.Wait()
			require.Equal(t, round, src.count())
			time.Sleep(2*time.Second - 100*ms) // its TTL and one period, nearly
			_, ok := s.Read(1)
			require.True(t, ok)
			require.Equal(t, round, src.count())
			time.Sleep(200 * ms)
		}
	})
}

func TestInvalidateMakesTheNextReadSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, src := stage(Options{}, 2)
		end := run(t, s)
		defer end()
		before := src.count()
		s.Invalidate(1)
		for range 10 {
			_, ok := s.Read(1)
			require.True(t, ok)
			_, ok = s.Read(2)
			require.True(t, ok)
		}
		require.Equal(t, before+1, src.count())
		s.Clear()
		_, _ = s.Read(1)
		_, _ = s.Read(2)
		require.Equal(t, before+3, src.count())
	})
}

func TestSampleTakenBeforeInvalidateIsNotPublishedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, src := stage(Options{}, 1)
		src.during = func() {
			src.during = nil
			s.Invalidate(1) // The keeper has a new child while the tick reads the old one.
		}
		end := run(t, s)
		defer end()
		require.Equal(t, 1, src.count())
		_, ok := s.Read(1)
		require.True(t, ok)
		require.Equal(t, 2, src.count())
	})
}

func TestTTLIsSettable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, src := stage(Options{TTL: -1}, 1)
		require.Zero(t, s.TTL())
		for n := 1; n <= 3; n++ {
			_, ok := s.Read(1)
			require.True(t, ok)
			require.Equal(t, n, src.count(), "off: every read samples")
		}
		s.SetTTL(4 * time.Second)
		require.Equal(t, 4*time.Second, s.TTL())
		_, _ = s.Read(1)
		time.Sleep(4900 * ms)
		_, _ = s.Read(1)
		require.Equal(t, 4, src.count())

		s, _ = stage(Options{}, 1)
		require.Equal(t, time.Second, s.TTL())
	})
}

func TestRootsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		roots := []Root{{PID: 1}}
		s, src := stage(Options{Roots: func() []Root {
			mu.Lock()
			defer mu.Unlock()
			return roots
		}}, 3)
		set := func(rs ...Root) { mu.Lock(); roots = rs; mu.Unlock() }
		end := run(t, s)
		defer end()

		_, ok := s.Read(2)
		require.False(t, ok, "not a root")
		set(Root{PID: 1}, Root{PID: 2, Extra: func() []int { return []int{7, 8} }}, Root{PID: 0})
		_, ok = s.Read(2)
		require.True(t, ok, "a new root is read before the next tick")
		require.Equal(t, []int{7, 8}, src.extra)
		_, ok = s.Read(0)
		require.False(t, ok)
		_, ok = s.Read(-1)
		require.False(t, ok)
		require.Equal(t, 2, s.Stats().Trees)

		set(Root{PID: 2}, Root{}) // and one that is stopped
		time.Sleep(time.Second + ms)
		synctest.Wait()
		require.Equal(t, 1, s.Stats().Trees)

		src.mu.Lock()
		delete(src.start, 2)
		src.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		_, ok = s.Read(2)
		require.False(t, ok, "it has ended")
		require.Zero(t, s.Stats().Trees)
	})
}

func TestNewRootIsFoundWithoutAskingForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s, _ := stage(Options{
			Roots: func() []Root { asked++; return []Root{{PID: 1}} },
			Find:  func(pid int) (Root, bool) { return Root{PID: pid}, pid == 2 },
		}, 3)
		end := run(t, s)
		defer end()
		require.Equal(t, 1, asked)
		_, ok := s.Read(2)
		require.True(t, ok)
		_, ok = s.Read(3)
		require.False(t, ok)
		require.Equal(t, 1, asked)
	})
}

func TestSamePidAgainIsAnotherTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := uint64(1)
		s, src := stage(Options{TTL: -1, Roots: func() []Root { return []Root{{PID: 1, Start: start}} }}, 1)
		for range 3 {
			_, ok := s.Read(1)
			require.True(t, ok)
		}
		got, _ := s.Read(1)
		require.Equal(t, 400*ms, got.CPUTime)

		src.start[1], src.self[1] = 99, 0
		start = 99
		got, ok := s.Read(1)
		require.True(t, ok, "the root known from before is looked up again")
		require.Equal(t, 100*ms, got.CPUTime, "the CPU time of the old one is not its")

		src.start[1] = 100 // Some other program has the pid now.
		_, ok = s.Read(1)
		require.False(t, ok)

		start = 0 // Unknown: then the system's word is taken.
		_, _ = s.Read(1)
		src.start[1], src.self[1] = 101, 0
		got, ok = s.Read(1)
		require.True(t, ok)
		require.Equal(t, 100*ms, got.CPUTime)
	})
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := New(Options{})
	require.ErrorContains(t, err, "no roots")
	_, err = New(Options{Roots: func() []Root { return nil }, Source: "crystal ball"})
	require.EqualError(t, err, `unknown process source "crystal ball" (linux, gopsutil)`)
	s, err := New(Options{Roots: func() []Root { return nil }, Source: Gopsutil})
	require.NoError(t, err)
	require.Equal(t, Gopsutil, s.Stats().Source)
	s.Close()
	s.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	s, err = New(Options{Roots: func() []Root { return nil }})
	require.NoError(t, err)
	require.ErrorIs(t, s.Run(ctx), cause)
}
