package procstat

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeProc is a directory made to look like /proc.
type fakeProc struct {
	t   *testing.T
	dir string
}

func newFakeProc(t *testing.T, last int) fakeProc {
	f := fakeProc{t, t.TempDir()}
	f.put(os.Getpid(), 1, 1)
	f.children(os.Getpid())
	f.last(last)
	return f
}

func (f fakeProc) write(file, text string) {
	path := filepath.Join(f.dir, file)
	require.NoError(f.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(f.t, os.WriteFile(path, []byte(text), 0o600))
}

// last sets the last pid given out.
func (f fakeProc) last(pid int) { f.write("loadavg", fmt.Sprintf("0.06 0.28 0.19 1/125 %d\n", pid)) }

func (f fakeProc) put(pid, ppid, start int) { f.stat(pid, ppid, start, 17) }

func (f fakeProc) stat(pid, ppid, start, exitSignal int) {
	f.write(strconv.Itoa(pid)+"/stat", fmt.Sprintf("%d (x) S %d 1 1 0 -1 0 0 0 0 0 1 0 0 0 20 0 1 0 %d 0 10 "+
		"0 0 0 0 0 0 0 0 0 0 0 0 0 %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", pid, ppid, start, exitSignal))
}

func (f fakeProc) children(pid int, kids ...int) {
	text := ""
	for _, kid := range kids {
		text += strconv.Itoa(kid) + " "
	}
	f.write(fmt.Sprintf("%d/task/%d/children", pid, pid), text)
}

// end empties the stat file, for those who have it open, and removes it.
func (f fakeProc) end(pid int) {
	f.write(strconv.Itoa(pid)+"/stat", "")
	require.NoError(f.t, os.RemoveAll(filepath.Join(f.dir, strconv.Itoa(pid))))
}

func (f fakeProc) open() *procfs {
	p, err := newProcfs(f.dir)
	require.NoError(f.t, err)
	f.t.Cleanup(p.close)
	return p
}

// pids looks, and lists the living of the tree of pid, sorted; nil if it is gone.
func pids(p source, pid int, extra ...int) []int {
	_ = p.look(0)
	readings, ok := p.tree(nil, pid, 0, extra)
	if !ok {
		return nil
	}
	var all []int
	for _, r := range readings {
		if !r.zombie {
			all = append(all, r.pid)
		}
	}
	slices.Sort(all)
	return all
}

func TestNewbornAreFoundByTheLastPid(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	p := f.open()
	require.True(t, p.newborn.watching())
	require.True(t, p.children)
	require.Equal(t, []int{50}, pids(p, 50))

	f.put(101, 50, 2)
	f.put(102, 77, 2)      // someone else's
	f.stat(103, 50, 2, -1) // a thread of 101
	f.put(104, 101, 2)
	f.put(105, 50, 2) // not given out yet, as far as we know
	f.last(104)
	require.Equal(t, []int{50, 101, 104}, pids(p, 50))
	f.last(105)
	require.Equal(t, []int{50, 101, 104, 105}, pids(p, 50))
	require.Len(t, p.procs, 4)
	require.Nil(t, pids(p, 103), "a thread is no tree")

	f.end(101)
	f.put(104, 1, 2) // an orphan now
	require.Equal(t, []int{50, 105}, pids(p, 50))
	require.Equal(t, []int{50, 104, 105}, pids(p, 50, 104), "as an extra member it is back")
	f.end(50)
	require.Nil(t, pids(p, 50))
}

// Asked for a tree that was never read, as after each start of a service, the source does not go through all that was born
// meanwhile on this machine: that is for the next look.
func TestFirstReadOfATreeLooksAtNoOtherBirths(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	p := f.open()
	require.Equal(t, []int{50}, pids(p, 50))
	f.put(101, 50, 2)
	f.put(150, 1, 2)
	f.put(151, 150, 3)
	f.children(150, 151)
	f.last(190)
	require.NoError(t, p.look(150))
	readings, ok := p.tree(nil, 150, 0, nil)
	require.True(t, ok)
	require.Len(t, readings, 2, "its children are known")
	require.Empty(t, p.newborn.early, "nobody else was looked for")
	require.NoError(t, p.look(150))
	require.NotEmpty(t, p.newborn.early, "it was read before, so who is new must be learnt")
	require.Equal(t, []int{50, 101}, pids(p, 50))
}

func TestNewbornNotYetToBeSeenGetsAnotherLook(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	p := f.open()
	require.Equal(t, []int{50}, pids(p, 50))
	f.last(102)
	require.Equal(t, []int{50}, pids(p, 50))
	require.Len(t, p.newborn.early, 2)
	f.put(102, 50, 2)
	require.Eventually(t, func() bool { return slices.Equal(pids(p, 50), []int{50, 102}) }, 60*time.Second, ms)
	require.Eventually(t, func() bool { _ = p.look(0); return len(p.newborn.early) == 0 }, 60*time.Second, ms, "101 is gone")
	require.Len(t, p.procs, 2)
}

func TestPidsBeginAnew(t *testing.T) {
	f := newFakeProc(t, 32760)
	f.put(50, 1, 1)
	p := f.open()
	require.Equal(t, []int{50}, pids(p, 50))
	f.put(32767, 50, 2)
	f.put(310, 32767, 3) // the wrapped one is met by way of its parent
	f.put(311, 50, 3)
	f.last(311)
	require.Equal(t, []int{50, 310, 311, 32767}, pids(p, 50))
}

func TestForkStorm(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	p := f.open()
	require.Equal(t, []int{50}, pids(p, 50))
	f.put(50_000, 50, 2)
	f.last(100_000)
	require.Equal(t, []int{50, 50_000}, pids(p, 50))
	require.Empty(t, p.newborn.early, "a hundred thousand were probed one by one")
}

// The last descriptors are left to those who would be refused without.
func TestHighDescriptorsAreNotKept(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	p := f.open()
	p.below = 0
	require.Equal(t, []int{50}, pids(p, 50))
	require.Equal(t, []int{50}, pids(p, 50))
	require.Zero(t, p.open)
}

func TestSamePidAgainIsAnotherProcess(t *testing.T) {
	for _, limit := range []int{0, 100} {
		f := newFakeProc(t, 100)
		f.put(50, 1, 1)
		f.put(60, 50, 1)
		f.children(50, 60)
		p := f.open()
		p.limit = limit
		require.Equal(t, []int{50, 60}, pids(p, 50))
		require.Equal(t, min(limit, 2), p.open)

		f.end(60)
		f.put(60, 1, 9)
		require.Equal(t, []int{50}, pids(p, 50))
		f.end(50)
		f.put(50, 1, 9)
		_ = p.look(0)
		_, ok := p.tree(nil, 50, 1, nil)
		require.False(t, ok, "another one has its pid")
		r, ok := p.tree(nil, 50, 9, nil)
		require.True(t, ok)
		require.EqualValues(t, 9, r[0].start)
		p.sweep()
		require.Len(t, p.procs, 1)
		p.close()
		require.Zero(t, p.open)
	}
}

func TestDescriptorsStayWithinTheirLimit(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	var kids []int
	for pid := 60; pid < 70; pid++ {
		f.put(pid, 50, 1)
		kids = append(kids, pid)
	}
	f.children(50, kids...)
	p := f.open()
	p.limit = 4
	require.Equal(t, append([]int{50}, kids...), pids(p, 50))
	require.Equal(t, 4, p.open)
	for _, pid := range kids {
		f.end(pid)
	}
	require.Equal(t, []int{50}, pids(p, 50))
	require.LessOrEqual(t, p.open, 1)
	f.put(101, 50, 2)
	f.last(101)
	require.Equal(t, []int{50, 101}, pids(p, 50))
	require.LessOrEqual(t, p.open, 4)
}

func TestProcessThatCannotBeReadNowStays(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	p := f.open()
	p.limit = 0
	require.Equal(t, []int{50}, pids(p, 50))
	require.NoError(t, os.Remove(filepath.Join(f.dir, "50/stat")))
	require.NoError(t, os.Mkdir(filepath.Join(f.dir, "50/stat"), 0o700)) // EISDIR, as good as EMFILE
	require.Equal(t, []int{50}, pids(p, 50))
}

func TestTreeWithinATree(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	f.put(60, 50, 1)
	f.put(70, 60, 1)
	f.children(50, 60)
	f.children(60, 70)
	p := f.open()
	require.Equal(t, []int{60, 70}, pids(p, 60))
	require.Equal(t, []int{50, 60, 70}, pids(p, 50), "60 was met before its parent")
	require.Equal(t, []int{60, 70}, pids(p, 60))
	require.Equal(t, []int{50, 60, 70}, pids(p, 50, 60, 70, 60), "nobody counts twice")
}

// A member that adopts orphans keeps its grandchildren in the tree.
func TestOrphanAdoptedWithinTheTreeStays(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	f.put(60, 50, 1)
	f.put(70, 60, 1)
	f.children(50, 60)
	f.children(60, 70)
	p := f.open()
	require.Equal(t, []int{50, 60, 70}, pids(p, 50))
	f.end(60)
	f.put(70, 50, 1)
	require.Equal(t, []int{50, 70}, pids(p, 50))
	require.Equal(t, []int{50, 70}, pids(p, 50))
}

func TestWhatNoTreeHasIsForgotten(t *testing.T) {
	f := newFakeProc(t, 100)
	for pid := 50; pid < 60; pid++ {
		f.put(pid, 1, 1)
	}
	p := f.open()
	for pid := 50; pid < 60; pid++ {
		require.NotNil(t, pids(p, pid))
	}
	p.sweep()
	require.Len(t, p.procs, 10)
	require.NotNil(t, pids(p, 55))
	p.sweep()
	require.Len(t, p.procs, 1)
	require.Equal(t, 1, p.open)
}

func TestBirthMissedIsFoundLater(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	p := f.open()
	require.Equal(t, []int{50}, pids(p, 50))
	f.put(60, 50, 2) // with a pid of its own choice, as after a restore from a checkpoint
	f.children(50, 60)
	require.Equal(t, []int{50}, pids(p, 50))
	for range checkEvery {
		p.sweep()
		_ = pids(p, 50)
	}
	require.Equal(t, []int{50, 60}, pids(p, 50))
}

func TestWithoutTheLastPidChildrenFilesAreRead(t *testing.T) {
	f := newFakeProc(t, 100)
	f.put(50, 1, 1)
	p := f.open()
	require.Equal(t, []int{50}, pids(p, 50))
	f.write("loadavg", "")
	_ = p.look(0)
	require.False(t, p.newborn.watching())
	f.put(60, 50, 2)
	f.children(50, 60)
	require.Equal(t, []int{50, 60}, pids(p, 50))
}

func TestWithoutChildrenFilesAllIsRead(t *testing.T) {
	f := newFakeProc(t, 100)
	require.NoError(t, os.RemoveAll(filepath.Join(f.dir, strconv.Itoa(os.Getpid()), "task")))
	f.put(50, 1, 1)
	f.put(60, 50, 1)
	p := f.open()
	require.False(t, p.children)
	require.Equal(t, []int{50, 60}, pids(p, 50))
	f.put(101, 60, 2)
	f.last(101)
	require.Equal(t, []int{50, 60, 101}, pids(p, 50))
	f.write("loadavg", "")
	f.put(102, 101, 2)
	require.Equal(t, []int{50, 60, 101, 102}, pids(p, 50))
}

func TestNoProc(t *testing.T) {
	_, err := newProcfs(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "read own process in")
}
