//go:build linux

package anchor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The anchor dies: the supervisor, parent of the services, becomes it, in the same process, and has a successor.
func TestSupervisorBecomesTheAnchor(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	first := s.supervisor()
	first.say("ready 2")
	a.word()
	require.Equal(t, "<nil>", first.do("keep listen/a log/1/1/out"))
	first.kill()
	p := s.supervisor() // has what the first one left
	p.say("ready 2")
	service, second := p.process("service"), p.process("service")
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGKILL))
	a.exit()
	fmt.Fprintln(p.c, "anchor")

	next := s.supervisor()
	t.Cleanup(func() { syscall.Kill(p.pid, syscall.SIGKILL) })
	assert.Equal(t, strconv.Itoa(p.pid), next.do("parent"), "the same process")
	assert.Equal(t, Hello{Protocol: Protocol, Restarts: 5, Last: "the anchor died"}, next.hello)
	assert.Equal(t, "exe/weaver exe/weaverd listen/a log/1/1/out", next.do("stored"))
	assert.Equal(t, fmt.Sprintf("listen/a of %d <nil>", first.pid), next.do("read listen/a"))
	parent, state := parentOf(service)
	assert.Equal(t, p.pid, parent)
	assert.NotEqual(t, "Z", state)
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/comm")
	require.NoError(t, err)
	assert.Equal(t, "weaver\n", string(comm))
	_, err = takeLock(s.home+"/daemon.lock", "test")
	held, ok := err.(*heldError)
	require.True(t, ok, "the lock was never free: %v", err)
	assert.Equal(t, p.pid, held.pid)

	// It does all that an anchor does.
	require.NoError(t, syscall.Kill(service, syscall.SIGKILL))
	assert.Equal(t, Orphan{PID: service, Status: 9}, next.orphan())
	next.say("ready 2")
	next.kill()
	last := s.supervisor()
	assert.Equal(t, Orphan{PID: service, Status: 9}, last.orphan())
	last.say(fmt.Sprintf("ack %d", service))
	last.say("ready 2")
	eventually(t, "it is reaped", func() bool { _, dead := children(t, p.pid); return len(dead) == 0 })
	_, state = parentOf(second)
	assert.NotContains(t, []string{"", "Z"}, state)
	last.say("bye")
	last.exit(0)
	eventually(t, "all have ended", func() bool { _, state := parentOf(p.pid); return state == "" || state == "Z" })
}

// What died while a process became the anchor is told.
func TestDeathsBeforeItIsTheAnchor(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready 2")
	a.word()
	service := p.process("service")
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGKILL))
	a.exit()
	require.NoError(t, syscall.Kill(service, syscall.SIGTERM))
	eventually(t, "it is dead", func() bool { _, state := parentOf(service); return state == "Z" })
	fmt.Fprintln(p.c, "anchor")
	next := s.supervisor()
	t.Cleanup(func() { syscall.Kill(p.pid, syscall.SIGKILL) })
	assert.Equal(t, Orphan{PID: service, Status: 15}, next.orphan())
}

// The anchor is replaced in place: same process, same children, same supervisor, which notices nothing but the word.
func TestAnchorIsReplacedInPlace(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready 2")
	a.word()
	require.Equal(t, "<nil>", p.do("keep listen/a"))
	orphan := p.process("orphan")
	files := openFiles(t, a.pid)
	for range 3 {
		require.Equal(t, "said <nil>", p.do("become "+os.Args[0]))
		assert.Equal(t, "became", p.do("receive"))
	}
	eventually(t, "nothing is left of those before", func() bool { return len(openFiles(t, a.pid)) == len(files) })
	assert.Equal(t, strconv.Itoa(a.pid), p.do("parent"))
	require.NoError(t, syscall.Kill(orphan, syscall.SIGTERM))
	assert.Equal(t, Orphan{PID: orphan, Status: 15}, p.orphan())
	p.say(fmt.Sprintf("ack %d", orphan))

	// One that cannot run changes nothing.
	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(broken, []byte("\x7fELF and then nonsense"), 0o755))
	require.Equal(t, "said <nil>", p.do("become "+broken))
	assert.Equal(t, "became exec the anchor: exec format error", p.do("receive"))

	p.kill()
	next := s.supervisor()
	assert.Equal(t, fmt.Sprintf("listen/a of %d <nil>", p.pid), next.do("read listen/a"))
	next.say("ready 2")
	next.say("bye")
	next.exit(7)
	assert.Equal(t, 7, a.exit())
}

// copyOf is the test binary under another name: a new version.
func copyOf(t *testing.T, name string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.Symlink(os.Args[0], path+".link"))
	data, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o755))
	return path
}

func exeOf(t *testing.T, pid int) string {
	path, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	require.NoError(t, err)
	return path
}

func TestUpdateThatWorks(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready 2")
	a.word()
	newer := copyOf(t, "newer")
	require.Equal(t, "said <nil>", p.do("next "+newer+" "+newer))
	p.say("leave")
	p.exit(0)
	p = s.supervisor()
	assert.Equal(t, newer, exeOf(t, p.pid))
	assert.Equal(t, Hello{Protocol: Protocol, Restarts: 1, Last: "exit 0"}, p.hello)
	p.say("ready 2")
	p.kill()
	p = s.supervisor()
	assert.Equal(t, newer, exeOf(t, p.pid), "from now on")
	p.say("ready 2")
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
}

// One that dies, or does not get ready, gives way to the one before, by its descriptor: its file may have been replaced.
func TestUpdateThatFails(t *testing.T) {
	script := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nexit 3\n"), 0o755))
	s := newStage(t)
	old := copyOf(t, "weaverd")
	a := s.start(true, old)
	p := s.supervisor()
	p.say("ready 2")
	a.word()
	// The usual upgrade: the file that runs is replaced.
	require.NoError(t, os.Rename(script, old))
	for range 2 {
		require.Equal(t, "said <nil>", p.do("next "+old+" "+old))
		p.say("leave")
		p.exit(0)
		p = s.supervisor()
		assert.Equal(t, "the update to "+old+" failed: exit 3", p.hello.Last)
		assert.True(t, p.hello.Previous)
		assert.Equal(t, old+" (deleted)", exeOf(t, p.pid))
		p.say("ready 2")
	}
	p.kill()
	p = s.supervisor()
	assert.Equal(t, old+" (deleted)", exeOf(t, p.pid), "what is on disk is known not to work")
	p.say("ready 2")
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
}

// Three that die before they are ready: the one that worked. If that is the same file, without what was written last.
func TestWhatWorkedBefore(t *testing.T) {
	for _, replaced := range []bool{true, false} {
		s := newStage(t)
		weaverd := copyOf(t, "weaverd")
		a := s.start(true, weaverd)
		p := s.supervisor()
		p.say("ready 2")
		a.word()
		if replaced {
			other := copyOf(t, "other")
			require.NoError(t, os.Rename(other, weaverd))
		}
		p.kill()
		for range maxTries {
			p = s.supervisor()
			assert.False(t, p.hello.Previous || p.hello.SkipTail)
			assert.Equal(t, weaverd, exeOf(t, p.pid))
			p.exit(1)
		}
		p = s.supervisor()
		assert.Equal(t, replaced, p.hello.Previous)
		assert.Equal(t, !replaced, p.hello.SkipTail)
		assert.Equal(t, replaced, strings.HasSuffix(exeOf(t, p.pid), " (deleted)"))
		p.say("ready 2")
		p.say("bye")
		p.exit(0)
		assert.Zero(t, a.exit())
	}
}

// A supervisor that is stopped is replaced.
func TestSupervisorThatHangs(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("watchdog 400")
	p.say("ready 2")
	a.word()
	for range 5 { // it is asked again and again
		assert.Equal(t, "said <nil>", p.do("pong"))
	}
	fmt.Fprintln(p.c, "hang")
	next := s.supervisor()
	assert.Equal(t, "it has not answered for 400ms, and was ended: exit 2", next.hello.Last, "as the Go runtime does once it has said where everybody is")
	log, err := os.ReadFile(s.home + "/anchor.log")
	require.NoError(t, err)
	assert.Contains(t, string(log), "has not answered for 400ms: ending it")
	assert.Contains(t, string(log), "goroutine 1 ")
	if runtime.GOOS == "linux" { // one that is stopped while it starts need not have a minute
		fmt.Fprintln(next.c, "hang")
		next = s.supervisor()
		assert.Equal(t, "it has been stopped for 400ms, and was ended: exit 2", next.hello.Last)
	}
	next.say("watchdog 0")
	next.say("ready 2")
	next.say("bye")
	next.exit(0)
	assert.Zero(t, a.exit())
}

func TestWatchdog(t *testing.T) {
	w := watchdog{limit: 10 * time.Second}
	now := epoch
	look := func(after time.Duration) string {
		now = now.Add(after)
		ping, hangs := w.look(now)
		return fmt.Sprint(ping, hangs)
	}
	const nothing, ping, hangs = "false false", "true false", "false true"
	assert.Equal(t, nothing, look(time.Hour), "nobody is watched")
	w.begin(now)
	assert.Equal(t, now.Add(2500*time.Millisecond), w.due())
	assert.Equal(t, nothing, look(2*time.Second))
	assert.Equal(t, ping, look(time.Second))
	w.alive(now)
	assert.Equal(t, ping, look(3*time.Second))
	assert.Equal(t, ping, look(3*time.Second))
	assert.Equal(t, ping, look(3*time.Second))
	w.alive(now)
	assert.Equal(t, ping, look(4*time.Second))
	assert.Equal(t, ping, look(4*time.Second))
	assert.Equal(t, hangs, look(4*time.Second))
	// We were stopped ourselves, or the machine slept: its answers may be waiting.
	w.begin(now)
	assert.Equal(t, ping, look(time.Hour))
	assert.Equal(t, ping, look(3*time.Second))
	w.end()
	// One that starts may take its time, but not because somebody has stopped it.
	halts := func(after time.Duration, stopped bool) bool { now = now.Add(after); return w.halts(now, stopped) }
	assert.False(t, halts(time.Hour, false))
	assert.False(t, halts(0, true))
	assert.False(t, halts(9*time.Second, true))
	assert.False(t, halts(0, false))
	assert.False(t, halts(9*time.Second, true))
	assert.True(t, halts(10*time.Second, true))
	w.end()
	assert.False(t, halts(0, true))
	w.end()
	w.alive(now)
	assert.Equal(t, nothing, look(3*time.Second))
	w.limit = 0
	w.begin(now)
	assert.False(t, w.watches())
}

// Orphans by the thousand cost little, and none stays.
func TestStormOfOrphans(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("watchdog 0") // it will be busy
	p.say("ready 2")
	a.word()
	n := 1000
	if more, err := strconv.Atoi(os.Getenv("ANCHOR_TEST_ORPHANS")); err == nil {
		n = more
	}
	require.NoError(t, p.c.SetDeadline(time.Now().Add(20*await)))
	p.do("storm " + strconv.Itoa(n))
	assert.Equal(t, strconv.Itoa(n), p.do("acknowledge "+strconv.Itoa(n)), "each is told of, or counted")
	var alive, dead []int
	defer func() { t.Log("left:", len(alive), "alive", len(dead), "dead") }()
	eventually(t, "none is left", func() bool {
		alive, dead = children(t, a.pid)
		return len(alive) == 1 && len(dead) == 0
	})
	ticks := strings.Fields(readFile(t, fmt.Sprintf("/proc/%d/stat", a.pid)))
	memory := regexp.MustCompile(`Private_Dirty: *(\d+ kB)`).FindStringSubmatch(readFile(t, fmt.Sprintf("/proc/%d/smaps_rollup", a.pid)))
	t.Logf("%d orphans: the anchor used %s ticks user, %s system, and has %v private", n, ticks[13], ticks[14], memory)
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
}

func readFile(t *testing.T, path string) string {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}
