package spawn

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func init() { roles["stopping"] = stopAndWait }

// stopAndWait holds a tree that has used far more than it may, says which processes it has stopped, and waits to be killed.
func stopAndWait() int {
	s, err := New(Options{Marker: "STOPPED", Reaper: os.Getppid})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	s.withoutControllers()
	s.withoutGroups()
	cmd := shell(`for i in 1 2; do (while :; do :; done) & done; setsid sh -c 'while :; do :; done' & wait`)
	cmd.Bounds.CPU = 0.1
	c, err := s.Launch(cmd, func(Exit) {})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for ; ; time.Sleep(time.Millisecond) {
		tree, err := c.Tree()
		c.throttle.mu.Lock()
		if !c.throttle.meter.at.IsZero() && len(tree) == 4 {
			c.throttle.meter.cores, c.throttle.meter.credit = 1000, -time.Hour
		}
		c.throttle.mu.Unlock()
		if err == nil && len(tree) == 4 && !slices.ContainsFunc(tree, func(pid int) bool { return !stopped(pid) }) {
			fmt.Println(tree[0], tree[1], tree[2], tree[3])
			time.Sleep(time.Minute)
			return 1
		}
	}
}

func stopped(pid int) bool {
	st, ok := readTimes(pid)
	return ok && st.stopped
}

// What is stopped goes on when who stopped it is killed, and nobody is left who could do it.
func TestWhatIsStoppedGoesOnWhenNobodyIsLeft(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	stopper := exec.Command(self)
	stopper.Env = append(os.Environ(), roleVariable+"=stopping")
	out, err := stopper.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, stopper.Start())
	var tree [4]int
	_, err = fmt.Fscan(out, &tree[0], &tree[1], &tree[2], &tree[3])
	require.NoError(t, err)
	defer func() {
		for _, pid := range tree {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		for _, pid := range tree { // they fall to this process, one after the other
			require.Eventually(t, func() bool {
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // it may be another's yet
				return syscall.Kill(pid, 0) != nil
			}, 10*time.Second, time.Millisecond)
		}
	}()
	for _, pid := range tree {
		require.True(t, stopped(pid))
	}
	stopper.Process.Kill()
	stopper.Wait() // it was killed
	for _, pid := range tree {
		assert.Eventually(t, func() bool { return !stopped(pid) }, 10*time.Second, time.Millisecond, "all groups of the tree")
	}
}

// A lifeline that is not needed any more does nothing: somebody else may have stopped the process.
func TestALifelineThatIsCutDoesNothing(t *testing.T) {
	target := exec.Command("sleep", "1000")
	target.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, target.Start())
	defer func() {
		target.Process.Kill()
		target.Wait() // it was killed
	}()
	l := lifelines{}
	require.True(t, l.tie(target.Process.Pid))
	require.True(t, l.tie(target.Process.Pid))
	require.Len(t, l, 1)
	require.NoError(t, target.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool { return stopped(target.Process.Pid) }, 10*time.Second, time.Millisecond)
	l.cut()
	assert.Empty(t, l)
	time.Sleep(20 * time.Millisecond) // for what must not come
	assert.True(t, stopped(target.Process.Pid))

	for i := range maxLifelines {
		l[-i] = lifeline{-1, -1}
	}
	assert.False(t, l.tie(target.Process.Pid), "what would stay paused is not paused")
}
