//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRollup(t *testing.T) {
	f := parseRollup([]byte("00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss:     100 kB\nPss: 9 kB\nShared_Clean: 50 kB\n" +
		"Private_Clean:   30 kB\nPrivate_Dirty:   12 kB\n"))
	assert.Equal(t, footprint{private: 42 * 1024, dirty: 12 * 1024, rss: 100 * 1024}, f)
}

func TestStatOfAStrangeName(t *testing.T) {
	state, ppid, ok := parseStat([]byte("12 (a) Z 3 (b) S 77 1 1 0 -1"))
	assert.True(t, ok)
	assert.Equal(t, byte('S'), state)
	assert.Equal(t, 77, ppid)
	_, _, ok = parseStat([]byte("12"))
	assert.False(t, ok)
}

func TestFailuresLeaveTheOthers(t *testing.T) {
	turns := map[string]int{}
	count := func(name string, fail int) *subject {
		return &subject{name: name, measure: func() (float64, error) {
			turns[name]++
			if turns[name] == fail {
				return 0, errors.New("broken")
			}
			return float64(turns[name]), nil
		}}
	}
	rare := count("rare", 0)
	rare.every = 4
	r := interleave(8, time.Hour, count("good", 0), count("bad", 3), rare)
	assert.Equal(t, map[string]int{"good": 8, "bad": 3, "rare": 2}, turns)
	bad, ok := r.of("bad")
	assert.True(t, ok, "what it did before counts")
	assert.Equal(t, 2, bad.N)
	assert.Equal(t, "broken", bad.Failed)
}

func TestBudgetEndsARow(t *testing.T) {
	n := 0
	interleave(40, 0, &subject{name: "x", measure: func() (float64, error) { n++; return 1, nil }})
	assert.Equal(t, 3, n)
}

func TestCallerReports(t *testing.T) {
	c, err := newCaller(t.TempDir())
	require.NoError(t, err)
	defer c.null.Close()
	defer c.errors.Close()
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	wall, err := c.run(nil, sh, "-c", "exit 0")
	require.NoError(t, err)
	assert.Positive(t, wall)
	_, err = c.run(nil, sh, "-c", "echo oh no >&2; exit 3")
	require.ErrorContains(t, err, "exit code 3")
	require.ErrorContains(t, err, "oh no")
	_, err = c.run(nil, sh, "-c", "exit 4")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "oh no", "each error has its own words")
}

// TestFloor builds the floor, counts, rings, writes and kills with it.
func TestFloor(t *testing.T) {
	dir := t.TempDir()
	f, err := buildFloor(dir)
	require.NoError(t, err)
	b := &bench{floor: f, dirs: dirs{home: dir, shm: dir}}

	for _, size := range []int{100, 64 << 10} {
		w, err := b.directWriter(flow{size: size, total: 300 << 10})
		require.NoError(t, err)
		w.pids = func() ([]int, error) { return []int{os.Getpid()}, nil } // so it waits for the last line, too
		cost, err := w.write()
		require.NoError(t, err)
		assert.Positive(t, cost)
		assert.Len(t, w.cpu, 1)
		more := filepath.Join(dir, "direct.log.1")
		require.NoError(t, os.WriteFile(more, []byte("!"), 0o600))
		w.logs = func() string { return filepath.Join(dir, "direct.log*") }
		_, err = w.write()
		require.ErrorContains(t, err, "bytes written")
		w.bell.close()
	}
	if f.loop == "" {
		t.Skip(f.noLoop)
	}
	once, err := f.runLoop(nil, "once", f.service)
	require.NoError(t, err)
	for range 3 {
		cost, err := once.ask()
		require.NoError(t, err)
		assert.Positive(t, cost)
	}
	once.end(false)
	cost, err := b.loopOf(3).measure()
	require.NoError(t, err)
	assert.Positive(t, cost)

	dir, groups, remove, err := b.keeperPlace("test")
	require.NoError(t, err)
	for range 2 { // the place is used again and again
		cost, err = b.keeperOf(3, dir, groups).measure()
		require.NoError(t, err)
		assert.Positive(t, cost)
	}
	for _, mode := range [][]string{{"respawn", f.service}, {"rekeep", dir, groups, f.service}} {
		v, end, err := b.loopVictim(mode[0], mode...)
		require.NoError(t, err)
		defer end()
		v.last, err = v.bell.wait(10 * time.Second)
		require.NoError(t, err)
		for range 3 {
			first := v.last.pid
			cost, err = v.kill()
			require.NoError(t, err)
			assert.Positive(t, cost)
			assert.NotEqual(t, first, v.last.pid)
			assert.True(t, alive(v.last.pid))
		}
		end()
	}
	remove()
	assert.NoDirExists(t, dir)
	if groups != "" {
		assert.NoDirExists(t, groups)
	}

	s, done, err := syncing(filepath.Join(b.dirs.home, "sync"))
	require.NoError(t, err)
	defer done()
	cost, err = s.measure()
	require.NoError(t, err)
	assert.Positive(t, cost)
}

func TestKillTreeEndsWhatIsBelow(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 1000 & sleep 1000 & wait")
	require.NoError(t, cmd.Start())
	var below []int
	require.Eventually(t, func() bool {
		below = descendants(cmd.Process.Pid)
		return len(below) == 2
	}, 60*time.Second, time.Millisecond)
	// A parent given with its child counts the child once.
	assert.ElementsMatch(t, below[1:], descendants(cmd.Process.Pid, below[0]))
	go cmd.Wait()
	killTree([]int{cmd.Process.Pid})
	for _, pid := range below {
		assert.False(t, alive(pid))
	}
}

func TestLastLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	assert.False(t, endsInLastLine(path))
	require.NoError(t, os.WriteFile(path, []byte("ZZZ\nxx\n"), 0o600))
	assert.False(t, endsInLastLine(path))
	require.NoError(t, os.WriteFile(path, []byte("xx\nZZZ\n"), 0o600))
	assert.True(t, endsInLastLine(path))
}
