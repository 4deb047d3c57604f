//go:build linux

package anchor

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadyByeAndTheExitCode(t *testing.T) {
	for _, code := range []int{0, 7} {
		s := newStage(t)
		a := s.start(true, "")
		p := s.supervisor()
		assert.Equal(t, Hello{Protocol: Protocol}, p.hello)
		assert.Equal(t, s.home, p.do("WEAVER_HOME"))
		assert.Equal(t, "3 4 ", p.do(ControlEnv)+" "+p.do(LockEnv)+" "+p.do(StoreEnv), "the last is taken over, and gone")
		p.say("ready 1")
		assert.Equal(t, "ok "+strconv.Itoa(p.pid)+"\n", a.word())
		comm, err := os.ReadFile("/proc/" + strconv.Itoa(a.pid) + "/comm")
		require.NoError(t, err)
		assert.Equal(t, "weaver\n", string(comm))
		p.say("bye")
		p.exit(code)
		assert.Equal(t, code, a.exit())
		_, err = takeLock(s.home+"/daemon.lock", "test")
		require.NoError(t, err, "the lock is free")
	}
}

// The word and the death may come at the same moment, and then the word counts.
func TestByeAndDeathAtOnce(t *testing.T) {
	for range 8 {
		s := newStage(t)
		a := s.start(true, "")
		p := s.supervisor()
		p.say("ready")
		a.word()
		require.NoError(t, syscall.Kill(a.pid, syscall.SIGSTOP))
		p.say("bye")
		p.exit(6)
		eventually(t, "the supervisor is dead", func() bool { _, state := parentOf(p.pid); return state == "Z" })
		require.NoError(t, syscall.Kill(a.pid, syscall.SIGCONT))
		assert.Equal(t, 6, a.exit())
	}
}

func TestTwentyAtOnceEndWithOneAnchor(t *testing.T) {
	s := newStage(t)
	const n = 20
	anchors := make([]*anchorProcess, n)
	for i := range anchors {
		anchors[i] = s.start(true, "")
	}
	p := s.supervisor()
	p.say("ready")
	words := make([]string, n)
	var all sync.WaitGroup
	for i, a := range anchors {
		all.Go(func() { words[i] = a.word() })
	}
	all.Wait()
	var winner *anchorProcess
	for i, a := range anchors {
		if strings.HasPrefix(words[i], "ok ") {
			require.Nil(t, winner, "two anchors")
			winner = a
			assert.Equal(t, "ok "+strconv.Itoa(p.pid)+"\n", words[i])
		}
	}
	require.NotNil(t, winner)
	for i, a := range anchors {
		if a != winner {
			assert.Equal(t, "held "+strconv.Itoa(winner.pid)+"\n", words[i])
			assert.Zero(t, a.exit())
		}
	}
	// By hand, without a pipe, the same is an error.
	late := s.start(false, "")
	assert.Equal(t, exitHeld, late.exit())
	p.say("bye")
	p.exit(0)
	assert.Zero(t, winner.exit())
}

func TestKilledSupervisorHasASuccessorThatKnowsHowItEnded(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	first := s.supervisor()
	first.say("ready")
	a.word()
	service := first.process("service")
	first.kill()

	second := s.supervisor()
	assert.Equal(t, Hello{Protocol: Protocol, Restarts: 1, Last: "signal 9 (killed)"}, second.hello)
	second.say("ready")
	parent, state := parentOf(service)
	assert.Equal(t, a.pid, parent, "the service is the anchor's child now")
	assert.NotEqual(t, "Z", state, "and lives")
	assert.NotEqual(t, first.pid, second.pid)

	require.NoError(t, syscall.Kill(service, syscall.SIGKILL))
	assert.Equal(t, second.orphan(), Orphan{PID: service, Status: 9})
	second.exit(3)
	third := s.supervisor()
	assert.Equal(t, Hello{Protocol: Protocol, Restarts: 2, Last: "exit 3"}, third.hello)
	third.say("ready")
	third.say("bye")
	third.exit(0)
	assert.Zero(t, a.exit())
}

func TestOrphansAreReaped(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready")
	a.word()
	orphans := map[int]bool{}
	for range 10 {
		pid := p.process("orphan")
		parent, _ := parentOf(pid)
		require.Equal(t, a.pid, parent, "the anchor adopts")
		require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
		orphans[pid] = true
	}
	for len(orphans) > 0 {
		o := p.orphan()
		require.True(t, orphans[o.PID], "%v again, or never asked for", o)
		assert.EqualValues(t, 15, o.Status)
		delete(orphans, o.PID)
	}
	eventually(t, "all are reaped", func() bool {
		alive, dead := children(t, a.pid)
		return slices.Equal(alive, []int{p.pid}) && len(dead) == 0
	})
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
}

// What died while there was no supervisor is told to the next one.
func TestOrphansThatDieBetweenTwoSupervisorsAreNotForgotten(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready")
	a.word()
	service := p.process("service")
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGSTOP)) // so that both deaths are there when it looks
	p.kill()
	eventually(t, "the service is the anchor's", func() bool { parent, _ := parentOf(service); return parent == a.pid })
	require.NoError(t, syscall.Kill(service, syscall.SIGTERM))
	eventually(t, "the service is dead", func() bool { _, state := parentOf(service); return state == "Z" })
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGCONT))
	next := s.supervisor()
	assert.Equal(t, Orphan{PID: service, Status: 15}, next.orphan())
	next.say("ready")
	next.say("bye")
	next.exit(0)
	assert.Zero(t, a.exit())
}

func TestSupervisorThatSaysWhyItCannotStart(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("failed listen on\t/x: address in use")
	p.exit(1)
	assert.Equal(t, "error listen on /x: address in use\n", a.word())
	assert.Equal(t, 1, a.exit())
}

func TestSupervisorThatDiesThreeTimesBeforeItIsReady(t *testing.T) {
	for _, withPipe := range []bool{true, false} {
		s := newStage(t)
		a := s.start(withPipe, "")
		for n := range maxTries {
			p := s.supervisor()
			assert.Equal(t, n, p.hello.Restarts)
			p.exit(40 + n)
		}
		if withPipe {
			assert.Equal(t, "error the supervisor ended before it was ready: exit 42\n", a.word())
		}
		assert.Equal(t, 1, a.exit())
	}
}

func TestSupervisorThatIsNotThere(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "/nonexistent/weaverd")
	assert.Equal(t, "error cannot run /nonexistent/weaverd: no such file or directory\n", a.word())
	assert.Equal(t, 1, a.exit())
}

// Once there may be services, nothing makes the anchor give up.
func TestOnceReadyItIsTriedForEver(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready")
	a.word()
	files := openFiles(t, a.pid)
	p.exit(1)
	for n := range maxTries {
		p = s.supervisor()
		assert.Len(t, openFiles(t, a.pid), len(files), "nothing is left of the last one")
		assert.Equal(t, n+1, p.hello.Restarts)
		if n == 0 {
			p.say("failed no disk")
		}
		p.exit(1)
	}
	p = s.supervisor()
	assert.Equal(t, "exit 1", p.hello.Last)
	p.say("ready")
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
	log, err := os.ReadFile(s.home + "/anchor.log")
	require.NoError(t, err)
	assert.Contains(t, string(log), "ended: exit 1: no disk\n")
	assert.Regexp(t, `(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z anchor\[\d+\]: supervisor \d+ is ready$`, string(log))
}

func TestByeBeforeReadyAnswersTheReadyPipe(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("bye")
	p.exit(0)
	assert.Equal(t, "error the supervisor ended before it was ready: exit 0\n", a.word())
	assert.Zero(t, a.exit())
}

func TestSignalsArePassedOn(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		s := newStage(t)
		a := s.start(true, "")
		p := s.supervisor()
		p.say("ready")
		a.word()
		require.NoError(t, syscall.Kill(a.pid, syscall.SIGHUP), "which is ignored")
		require.NoError(t, syscall.Kill(a.pid, sig))
		assert.Equal(t, sig.String(), p.do("signal"))
		p.say("bye")
		p.exit(5)
		assert.Equal(t, 5, a.exit())
	}
}

// A supervisor that starts may not listen to signals yet, and would just die.
func TestSignalBeforeReadyIsPassedOnWhenReady(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGTERM))
	eventually(t, "the anchor took the signal", func() bool { return signalsTaken(t, a.pid) })
	p.say("ready")
	assert.Equal(t, "terminated", p.do("signal"))
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGINT))
	assert.Equal(t, "interrupt", p.do("signal"), "the first came once")
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
}

// signalsTaken reports that no signal waits for a process.
func signalsTaken(t *testing.T, pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	require.NoError(t, err)
	return strings.Contains(string(data), "ShdPnd:\t0000000000000000")
}

// Only a supervisor can stop the services, so a crash on the way there is followed by another try, but not for ever.
func TestSupervisorThatCrashesWhenAskedToEnd(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready")
	a.word()
	service := p.process("service")
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGTERM))
	for range maxTries - 1 {
		assert.Equal(t, "terminated", p.do("signal"))
		p.kill()
		p = s.supervisor()
		p.say("ready")
	}
	assert.Equal(t, "terminated", p.do("signal"))
	p.kill()
	assert.Equal(t, 1, a.exit())
	_, state := parentOf(service)
	assert.NotContains(t, []string{"", "Z"}, state, "services are left alone")
}

func TestLockOutlivesTheAnchorInTheSupervisorOnly(t *testing.T) {
	s := newStage(t)
	a := s.start(true, "")
	p := s.supervisor()
	p.say("ready")
	a.word()
	service := p.process("service")
	for _, fd := range openFiles(t, service) {
		assert.NotContains(t, fd, "daemon.lock")
		assert.NotContains(t, fd, "socket:")
	}
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGKILL))
	a.exit()
	_, err := takeLock(s.home+"/daemon.lock", "test")
	held, ok := err.(*heldError)
	require.True(t, ok, "%v", err)
	assert.Equal(t, a.pid, held.pid)
	p.kill()
	eventually(t, "the lock is free although the service lives", func() bool {
		fd, err := takeLock(s.home+"/daemon.lock", "test")
		if err == nil {
			syscall.Close(fd)
		}
		return err == nil
	})
	_, state := parentOf(service)
	assert.NotContains(t, []string{"", "Z"}, state)
}

func openFiles(t *testing.T, pid int) (targets []string) {
	names, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	require.NoError(t, err)
	for _, name := range names {
		target, err := os.Readlink(name)
		if err == nil {
			targets = append(targets, target)
		}
	}
	return targets
}

// A pipe of whoever started the first command must end when that command does.
func TestStrayDescriptorsAreClosed(t *testing.T) {
	s := newStage(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	a := s.start(true, "", func(c *exec.Cmd) { c.ExtraFiles = append(c.ExtraFiles, w, w, w) })
	w.Close()
	p := s.supervisor()
	p.say("ready")
	a.word()
	_, err = r.Read(make([]byte, 1))
	assert.ErrorContains(t, err, "EOF")
	cwd, err := os.Readlink("/proc/" + strconv.Itoa(a.pid) + "/cwd")
	require.NoError(t, err)
	assert.Equal(t, "/", cwd)
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
}

// By hand, what is open as 3 need not be a ready pipe.
func TestWhatIsNoReadyPipeIsNotWrittenTo(t *testing.T) {
	s := newStage(t)
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "three"), os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer file.Close()
	a := s.start(false, "", func(c *exec.Cmd) { c.ExtraFiles = []*os.File{file} })
	p := s.supervisor()
	p.say("ready")
	p.say("bye")
	p.exit(0)
	assert.Zero(t, a.exit())
	info, err := file.Stat()
	require.NoError(t, err)
	assert.Zero(t, info.Size())
}

func TestAsInitOfAContainer(t *testing.T) {
	s := newStage(t)
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := probe.Run(); err != nil {
		t.Skip("no pid namespaces here: ", err)
	}
	a := s.start(false, "", func(c *exec.Cmd) { c.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID })
	p := s.supervisor() // its pid is that of the inner namespace
	p.say("ready")
	inner, err := strconv.Atoi(p.do("orphan"))
	require.NoError(t, err)
	var orphan int
	eventually(t, "the orphan is init's", func() bool {
		alive, _ := children(t, a.pid)
		for _, pid := range alive {
			if args, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); strings.HasPrefix(string(args), "sleep\x00") {
				orphan = pid
			}
		}
		return orphan != 0
	})
	require.NoError(t, syscall.Kill(orphan, syscall.SIGKILL))
	assert.Equal(t, Orphan{PID: inner, Status: 9}, p.orphan())
	eventually(t, "it is reaped", func() bool { _, dead := children(t, a.pid); return len(dead) == 0 })
	require.NoError(t, syscall.Kill(a.pid, syscall.SIGTERM))
	assert.Equal(t, "terminated", p.do("signal"))
	p.say("bye")
	p.exit(4)
	assert.Equal(t, 4, a.exit())
}

func TestHomeThatCannotBeMade(t *testing.T) {
	s := newStage(t)
	s.home = "/dev/null/x"
	a := s.start(true, "")
	assert.Equal(t, "error make the home: mkdir /dev/null: not a directory\n", a.word())
	assert.Equal(t, 1, a.exit())
}
