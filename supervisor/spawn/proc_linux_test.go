package spawn

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatLine(t *testing.T) {
	const line = "42 (a) b (c\n) S 7 8 9 0 -1 4194304 205 0 0 0 1 2 0 0 20 0 %d 0 320033 1303289856 852 18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 5 6 7 8 9 10 %d 12 0\n"
	p, ok := parseStat(fmt.Appendf(nil, line, 1, 140728))
	require.True(t, ok)
	assert.Equal(t, process{pid: 42, ppid: 7, pgid: 8, sid: 9, start: 320033, envEnd: 140728}, p)

	zombie := strings.Replace(line, ") S ", ") Z ", 1)
	p, ok = parseStat(fmt.Appendf(nil, zombie, 1, 0))
	require.True(t, ok)
	assert.True(t, p.dead)
	p, ok = parseStat(fmt.Appendf(nil, zombie, 3, 0))
	require.True(t, ok)
	assert.False(t, p.dead, "its threads live")
}

func TestOwnStatLine(t *testing.T) {
	p, err := readProcess(os.Getpid())
	require.NoError(t, err)
	assert.Equal(t, os.Getpid(), p.pid)
	assert.Equal(t, os.Getppid(), p.ppid)
	assert.NotZero(t, p.start)
	assert.NotZero(t, p.envEnd)
	_, err = readProcess(1 << 22)
	assert.ErrorIs(t, err, os.ErrProcessDone)
}

func FuzzStat(f *testing.F) {
	own, _ := os.ReadFile("/proc/self/stat")
	f.Add(own)
	f.Add([]byte("1 (x) Z 1"))
	f.Add([]byte("1 () ) ("))
	f.Fuzz(func(t *testing.T, line []byte) {
		p, ok := parseStat(line)
		if ok && (p.pid <= 0 || bytes.IndexByte(line, '(') < 2) {
			t.Fatalf("%q gave %+v", line, p)
		}
	})
}

func TestTableHasEverybody(t *testing.T) {
	known := process{pid: os.Getppid(), start: 12345}
	tab, err := readTable(func(pid int) (process, bool) { return known, pid == known.pid })
	require.NoError(t, err)
	assert.Equal(t, known, tab.processes[known.pid], "not looked at")
	self, err := readProcess(os.Getpid())
	require.NoError(t, err)
	assert.Equal(t, self, tab.processes[os.Getpid()])
	assert.Contains(t, tab.processes, 1)
	assert.Contains(t, tab.children[self.ppid], self.pid)
	assert.Contains(t, tab.sessions[self.sid], self.pid)
}

// Who asks while a pass runs gets a later one, shared with all who ask meanwhile.
func TestPassesAreShared(t *testing.T) {
	var s scanner
	started, finish := make(chan int), make(chan struct{})
	passes := 0
	read := func() (*table, error) {
		passes++
		started <- passes
		<-finish
		return newTable(passes), nil
	}
	first := make(chan *table)
	go func() { tab, _ := s.table(read); first <- tab }()
	require.Equal(t, 1, <-started)

	const askers = 10
	var asking, g sync.WaitGroup
	later := make([]*table, askers)
	asking.Add(askers)
	for i := range later {
		g.Go(func() {
			asking.Done()
			later[i], _ = s.table(read)
		})
	}
	asking.Wait()
	finish <- struct{}{}
	old := <-first
	for done := false; !done; {
		select {
		case <-started: // one more, or two if some asked a moment too late
			finish <- struct{}{}
		case <-waited(&g):
			done = true
		}
	}
	for _, tab := range later {
		assert.NotSame(t, old, tab)
	}
	assert.Less(t, passes, askers)
}

func waited(g *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	return done
}

func TestContainsEntry(t *testing.T) {
	block := []byte("A=1\x00TAG=x/1\x00B=\x00")
	assert.True(t, containsEntry(block, "TAG=x/1"))
	assert.True(t, containsEntry([]byte("TAG=x/1"), "TAG=x/1"))
	for _, no := range []string{"TAG=x/", "TAG=x/11", "AG=x/1", "B"} {
		assert.False(t, containsEntry(block, no), no)
	}
}
