package anchor

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALockThatWasRemovedIsTakenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daemon.lock")
	held, err := takeLock(path, anchorCommand+"there")
	require.NoError(t, err)
	defer syscall.Close(held)
	assert.False(t, Removed(held, path))
	require.NoError(t, os.Remove(path))
	assert.True(t, Removed(held, path))
	fd, others, _, err := Relock(path)
	require.NoError(t, err)
	assert.False(t, others)
	assert.False(t, Removed(fd, path))

	_, others, by, err := Relock(path)
	require.NoError(t, err)
	assert.True(t, others)
	assert.Zero(t, by, "it does not say so")
	signLock(fd, anchorCommand+"there")
	_, _, by, _ = Relock(path)
	assert.Equal(t, os.Getpid(), by)
	syscall.Close(fd)

	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	assert.True(t, Removed(held, path), "another is there")
	assert.True(t, Removed(held, filepath.Join(path, "below")))
	assert.False(t, Removed(-1, path), "it cannot be told")
}

func TestWhoLooksAfterAHomeIsFound(t *testing.T) {
	home := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	begin := func(env string, args ...string) (pid int, end func()) {
		cmd := &exec.Cmd{Path: self, Args: args, Env: []string{env, roleEnv + "=" + idleRole}}
		require.NoError(t, cmd.Start())
		return cmd.Process.Pid, func() {
			cmd.Process.Kill()
			cmd.Wait() // it was killed
		}
	}
	for name, c := range map[string]struct {
		args  []string
		env   string
		found bool
	}{
		"anchor":           {[]string{"weaver", "--anchor", home, "/weaverd"}, "", true},
		"another's anchor": {[]string{"weaver", "--anchor", home + "2", "/weaverd"}, "", false},
		"supervisor":       {[]string{"weaverd", "supervise"}, "WEAVER_HOME=" + home, true},
		"another's":        {[]string{"weaverd", "supervise"}, "WEAVER_HOME=" + home + "2", false},
		"somebody else":    {[]string{"vi", home}, "WEAVER_HOME=" + home, false},
	} {
		pid, end := begin(c.env, c.args...)
		want := 0
		if c.found {
			want = pid
		}
		looks := func() bool { return otherAnchor(home) == want }
		assert.Eventually(t, looks, 60*time.Second, 5*time.Millisecond, name)
		end()
		assert.Zero(t, otherAnchor(home), name)
	}
}
