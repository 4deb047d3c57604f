package spawn

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every child of the reaper has to be explained before a tree counts as gone without a look at all processes.
func TestForeignOrphans(t *testing.T) {
	s := newSpawner(t, mode{})
	r := launch(t, s, command("/bin/sleep", "100"))
	start := func(session bool, env ...string) process {
		c := exec.Command("/bin/sleep", "100")
		c.Env = append(env, "A=1")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
		require.NoError(t, c.Start())
		t.Cleanup(func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		})
		var p process
		eventually(t, func() bool {
			env, _ := environ(c.Process.Pid)
			p, _ = readProcess(c.Process.Pid)
			return len(env) > 0 && p.envEnd != 0
		}, "exec")
		return p
	}
	assert.False(t, r.foreign(start(true)), "it may have escaped, and a member be below it")
	assert.False(t, r.foreign(start(true, marker+"="+r.Tag)), "it is of the tree")
	assert.True(t, r.foreign(start(true, marker+"="+r.Tag+"0")), "it is of another")
	p := start(true, marker+"=x/1/1")
	p.sid = r.PID
	assert.False(t, r.foreign(p), "it is in the session")
	assert.True(t, r.foreign(process{pid: p.pid, start: r.StartTime - 1}), "it is older")
	assert.True(t, r.foreign(process{pid: p.pid, start: p.start, dead: true}), "it is dead")
	assert.False(t, r.foreign(process{pid: 1 << 22, start: p.start}), "it is not known")
}

func TestGroupGone(t *testing.T) {
	s := newSpawner(t, mode{})
	r := launchRead(t, s, shell(`sleep 100 & echo $!`))
	left := r.pid(t)
	needGroupSignals(t, r.Child, left)
	wait(t, r.exit)
	assert.False(t, r.groupGone())
	assert.False(t, r.gone())
	require.NoError(t, syscall.Kill(left, syscall.SIGKILL))
	wait(t, r.empty)
	reap(t, left)
	assert.True(t, r.groupGone())
}

func TestChildrenOfAllThreads(t *testing.T) {
	c := exec.Command("/bin/sleep", "100")
	require.NoError(t, c.Start())
	defer c.Wait()
	defer c.Process.Kill()
	seen := false
	pids, ok := childrenOnce(os.Getpid(), func(pid int) bool { seen = seen || pid == c.Process.Pid; return false })
	if !ok {
		t.Skip("this kernel does not list children, or threads come and go")
	}
	assert.True(t, seen)
	assert.Contains(t, pids, c.Process.Pid)
	_, ok = childrenOnce(1<<22, nil)
	assert.False(t, ok)
}
