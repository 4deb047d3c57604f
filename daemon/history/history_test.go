package history

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHistoryOutlivesTheStoreAndHasAFixedSize(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir)
	t0 := time.Unix(1_700_000_000, 0)
	n := fineSlots + 100
	for i := range n {
		require.NoError(t, s.Add("a/b", Point{At: t0.Add(time.Duration(i) * time.Second), CPU: float64(i % 10), Memory: uint64(i) << 10}))
	}
	require.NoError(t, s.Flush())
	now := t0.Add(time.Duration(n-1) * time.Second)
	s = Open(dir)
	points, err := s.Window("a/b", now.Add(-59*time.Second), now)
	require.NoError(t, err)
	require.Len(t, points, 60)
	require.Equal(t, now, points[59].At)
	require.Equal(t, uint64(n-1)<<10, points[59].Memory)
	points, err = s.Window("a/b", now.Add(-3599*time.Second), now)
	require.NoError(t, err)
	require.Len(t, points, fineSlots, "an hour, each second")
	points, err = s.Window("a/b", now.Add(-2*time.Hour), now)
	require.NoError(t, err)
	require.Len(t, points, n/coarseStep, "older than an hour: every ten seconds")
	require.InDelta(t, 4.5, points[10].CPU, 0.01)
	require.InDelta(t, 9, points[10].MaxCPU, 0.01)
	info, err := os.Stat(s.path("a/b"))
	require.NoError(t, err)
	require.Equal(t, int64(fileSize), info.Size())
	require.NoError(t, s.Forget("a/b"))
	points, err = s.Window("a/b", t0, now)
	require.NoError(t, err)
	require.Empty(t, points)
}

func TestPointsThatWaitAreSeenAndGapsAreGaps(t *testing.T) {
	s := Open(t.TempDir())
	t0 := time.Unix(1_700_000_000, 0)
	require.NoError(t, s.Add("x", Point{At: t0, CPU: 1}))
	require.NoError(t, s.Add("x", Point{At: t0.Add(5 * time.Second), CPU: 3}))
	points, err := s.Window("x", t0, t0.Add(5*time.Second))
	require.NoError(t, err)
	require.Len(t, points, 2)
	points, err = s.Window("x", t0, t0.Add((fineSlots+2)*time.Second))
	require.NoError(t, err)
	require.Len(t, points, 1)
	require.InDelta(t, 3, points[0].MaxCPU, 0)
}

func TestADamagedFileIsSaidSo(t *testing.T) {
	s := Open(t.TempDir())
	require.NoError(t, os.WriteFile(s.path("x"), []byte("short"), 0o600))
	_, err := s.Window("x", time.Unix(1, 0), time.Unix(2, 0))
	require.ErrorContains(t, err, "too short")
}

func TestTheSecondsOfAStepAreOnePointHoweverTheyWereWritten(t *testing.T) {
	s := Open(t.TempDir())
	t0 := time.Unix(1_700_000_000, 0)
	for i := range 20 {
		now := t0.Add(time.Duration(i) * time.Second)
		require.NoError(t, s.Add("x", Point{At: now, CPU: float64(i), Memory: uint64(i) << 20}))
		if i == 2 || i == 6 || i == 12 {
			require.NoError(t, s.Flush())
		}
		if i == 4 { // another supervisor goes on
			require.NoError(t, s.Flush())
			s = Open(s.dir)
		}
	}
	now := t0.Add(19 * time.Second)
	points, err := s.Window("x", t0, now)
	require.NoError(t, err)
	require.Len(t, points, 20)
	points, err = s.Window("x", now.Add(-2*time.Hour), now)
	require.NoError(t, err)
	require.Len(t, points, 2)
	require.InDelta(t, 4.5, points[0].CPU, 1e-6)
	require.Equal(t, uint64(4.5*(1<<20)), points[0].Memory)
	require.InDelta(t, 9, points[0].MaxCPU, 0)
	require.InDelta(t, 14.5, points[1].CPU, 1e-6)
}

func TestWhoHasEndedIsSettled(t *testing.T) {
	s := Open(t.TempDir())
	t0 := time.Unix(1_700_000_000, 0)
	require.NoError(t, s.Add("x", Point{At: t0, CPU: 1}))
	require.NoError(t, s.Settle(t0))
	require.NoFileExists(t, s.path("x"), "these ten seconds are not over")
	require.NoError(t, s.Settle(t0.Add(10*time.Second)))
	require.FileExists(t, s.path("x"))
	require.Len(t, s.series, 1)
	require.NoError(t, s.Settle(t0.Add(20*time.Second)))
	require.Empty(t, s.series)
	points, err := s.Window("x", t0, t0.Add(20*time.Second))
	require.NoError(t, err)
	require.Len(t, points, 1)
}

func TestAFileThatWasRemovedIsMadeAnew(t *testing.T) {
	s := Open(t.TempDir())
	t0 := time.Unix(1_700_000_000, 0)
	require.NoError(t, s.Add("x", Point{At: t0, CPU: 1}))
	require.NoError(t, s.Flush())
	require.NoError(t, os.Remove(s.path("x")))
	require.NoError(t, s.Add("x", Point{At: t0.Add(time.Second), CPU: 2}))
	points, err := s.Window("x", t0, t0.Add(time.Second))
	require.NoError(t, err)
	require.Len(t, points, 1)
}

// memory is a file that a process leaves to the next.
type memory []byte

func (m *memory) ReadAt(b []byte, at int64) (int, error) {
	if at >= int64(len(*m)) {
		return 0, io.EOF
	}
	return copy(b, (*m)[at:]), nil
}

func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	if need := int(at) + len(b); need > len(*m) {
		*m = append(*m, make([]byte, need-len(*m))...)
	}
	return copy((*m)[at:], b), nil
}

func TestWhatWaitsOutlivesTheProcess(t *testing.T) {
	dir, m := t.TempDir(), &memory{}
	t0 := time.Unix(1_700_000_000, 0)
	s := Open(dir)
	s.Keep(m)
	add := func(name string, second int) {
		require.NoError(t, s.Add(name, Point{At: t0.Add(time.Duration(second) * time.Second), CPU: float64(second)}))
		s.Remember()
	}
	seconds := func(name string) (all []int) {
		points, err := s.Window(name, t0, t0.Add(time.Minute))
		require.NoError(t, err)
		for _, p := range points {
			all = append(all, int(p.At.Sub(t0).Seconds()))
		}
		return all
	}
	dies := func() {
		s = Open(dir)
		s.Keep(m)
	}
	for second := range 4 {
		add("a", second)
		add("b", second)
	}
	dies()
	add("a", 6)
	require.Equal(t, []int{0, 1, 2, 3, 6}, seconds("a"), "before the death and after it")
	dies()
	require.Equal(t, []int{0, 1, 2, 3}, seconds("b"))
	require.NoError(t, s.Forget("b"))
	dies()
	require.Empty(t, seconds("b"), "what is forgotten does not come back")
	add("c", 20)
	add("c", 21)
	last := *m
	at := int(s.turn%2) * placeSize
	last[at+headSize+5] ^= 1 // it died in the middle of the last write
	dies()
	require.Equal(t, []int{20}, seconds("c"))
	require.NoError(t, s.Settle(t0.Add(40*time.Second)))
	require.NoError(t, s.Settle(t0.Add(50*time.Second)))
	s.Remember()
	dies()
	require.Empty(t, s.series, "what was written waits no more")
}

func FuzzMemory(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := memory(b)
		Open(t.TempDir()).Keep(&m)
	})
}
