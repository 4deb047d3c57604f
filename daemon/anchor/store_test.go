//go:build linux

package anchor

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDescriptorsOutliveTheSupervisor(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	first := s.supervisor()
	first.say("ready 2")
	a.word()
	assert.Equal(t, "exe/weaver exe/weaverd", first.do("stored"), "nothing but the two of us")
	require.Equal(t, "<nil>", first.do("keep listen/a log/1/1/out log/1/1/err"))
	require.Equal(t, "<nil>", first.do("keep listen/a"), "the same name replaces")
	require.Equal(t, "<nil>", first.do("keep exe/mine"), "which is the anchor's to say")
	assert.Equal(t, "refused exe/mine", first.do("receive"))
	files := len(openFiles(t, a.pid))
	first.say("drop log/1/1/err nobody")
	eventually(t, "the copy is closed", func() bool { return len(openFiles(t, a.pid)) == files-1 })
	require.Equal(t, "<nil>", first.do("keep last/word"))
	first.kill() // what was sent before counts

	second := s.supervisor()
	assert.Equal(t, "exe/weaver exe/weaverd last/word listen/a log/1/1/out", second.do("stored"))
	assert.Equal(t, strconv.Itoa(firstStored), second.do("number last/word"), "low numbers are free")
	for _, name := range []string{"listen/a", "log/1/1/out", "last/word"} {
		assert.Equal(t, fmt.Sprintf("%s of %d <nil>", name, first.pid), second.do("read "+name))
	}
	// A service gets none of it.
	second.say("ready 2")
	service := second.process("service")
	for _, fd := range openFiles(t, service) {
		assert.NotContains(t, fd, "memfd:")
	}
	second.say("bye")
	second.exit(0)
	assert.Zero(t, a.exit())
}

func TestManyDescriptorsInOneMessage(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready 2")
	a.word()
	var names []string
	for i := range MaxRights {
		names = append(names, "n/"+strconv.Itoa(i))
	}
	for round := range 4 {
		require.Equal(t, "<nil>", p.do("keep r"+strconv.Itoa(round)+strings.Join(names, " r"+strconv.Itoa(round))))
	}
	p.kill()
	next := s.supervisor()
	assert.Len(t, strings.Fields(next.do("stored")), 4*MaxRights+2)
	assert.Equal(t, fmt.Sprintf("r3n/252 of %d <nil>", p.pid), next.do("read r3n/252"))
	next.say("ready 2")
	next.say("bye")
	next.exit(0)
	assert.Zero(t, a.exit())
}

// Without room in its table the anchor says what it could not keep, and goes on.
func TestDescriptorsThatThereIsNoRoomFor(t *testing.T) {
	var st store
	fd := func() int {
		fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		require.NoError(t, err)
		return fd
	}
	a, b, stray := fd(), fd(), fd()
	assert.Equal(t, []string{"d"}, st.keep([]string{"a", "d"}, []int{a}))
	assert.Equal(t, []string{"b b", ""}, st.keep([]string{"b b", ""}, []int{b}))
	assert.False(t, isOpen(b))
	assert.Empty(t, st.keep(nil, []int{stray}))
	assert.False(t, isOpen(stray))
	assert.Equal(t, []string{"a"}, st.names())
	st.drop([]string{"a", "a", "b"})
	assert.False(t, isOpen(a))
	assert.Empty(t, st.names())
}

func isOpen(fd int) bool {
	_, err := fcntl(fd, syscall.F_GETFD)
	return err == nil
}

func TestListing(t *testing.T) {
	l := NewListing()
	l.FDs["log/1/2/out"], l.FDs["x"] = 7, 12
	l.Lock, l.Control, l.PID, l.Ready, l.Protocol = 4, 9, 4711, true, 2
	l.Restarts, l.Last, l.Watchdog = 3, "exit 1: no\ndisk", 10000
	l.IDs["x"] = ID{1 << 63, 44}
	fd, err := l.Write()
	require.NoError(t, err)
	got, err := ReadListing(fd)
	require.NoError(t, err)
	l.Last = "exit 1: no disk"
	assert.Equal(t, l, got)
	assert.False(t, isOpen(fd))
	assert.Equal(t, NewListing(), ParseListing("fd x y\nfd -1 y\nfd 3\nfd 3 a b\nlock\n\nwhat 1\nis 1\nis 1 x y\nis 1 2 \n"))
}

// What was closed while the listing was on its way, and whose number leads elsewhere since, is not taken for what it was.
func TestAListedNumberThatIsAnothersIsForgotten(t *testing.T) {
	l := NewListing()
	for _, name := range []string{"same", "other", "closed"} {
		fd, err := memoryFile("test")
		require.NoError(t, err)
		defer syscall.Close(fd)
		var st syscall.Stat_t
		require.NoError(t, syscall.Fstat(fd, &st))
		l.FDs[name], l.IDs[name] = fd, ID{uint64(st.Dev), uint64(st.Ino)}
	}
	require.NoError(t, syscall.Dup3(l.FDs["same"], l.FDs["other"], syscall.O_CLOEXEC))
	syscall.Close(l.FDs["closed"])
	l.FDs["unsaid"] = 1
	list, err := l.Write()
	require.NoError(t, err)
	t.Setenv(StoreEnv, strconv.Itoa(list))
	got, err := inherit(StoreEnv)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"same": l.FDs["same"], "unsaid": 1}, got.FDs)
}

// A zombie stays until the supervisor has acknowledged it, and one does not hide the others.
func TestDeadOrphansStayUntilTheyAreAcknowledged(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready 2")
	a.word()
	const n = 5
	var pids []int
	for range n {
		pid := p.process("orphan")
		require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
		pids = append(pids, pid)
	}
	told := func(p *puppet) (dead []int) {
		for len(dead) < n {
			dead = append(dead, p.orphan().PID)
		}
		return dead
	}
	assert.ElementsMatch(t, pids, told(p))
	_, dead := children(t, a.pid)
	assert.ElementsMatch(t, pids, dead)

	p.kill() // without a word
	p = s.supervisor()
	p.say("ready 2")
	assert.ElementsMatch(t, pids, told(p), "the next one is told again")
	p.say(fmt.Sprintf("ack %d %d %d", pids[1], pids[3], pids[3]))
	eventually(t, "two are reaped", func() bool { _, dead = children(t, a.pid); return len(dead) == n-2 })
	assert.ElementsMatch(t, []int{pids[0], pids[2], pids[4]}, dead)
	p.say(fmt.Sprintf("ack %d %d x -1 %d %d", pids[0], pids[2], pids[4], a.pid))
	eventually(t, "all are reaped", func() bool { _, dead = children(t, a.pid); return len(dead) == 0 })
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
}

// The death of the supervisor is seen although a zombie that nobody acknowledges is older.
func TestZombiesDoNotHideTheSupervisor(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	for range 3 {
		p := s.supervisor()
		p.say("ready 2")
		pid := p.process("orphan")
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		p.orphan()
		p.kill()
	}
	p := s.supervisor()
	p.say("ready 2")
	p.say("bye")
	p.exit(9)
	assert.Equal(t, 9, a.exit())
}
