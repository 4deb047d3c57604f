//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The main process of a container sees to it that there is a supervisor again when that and its anchor have both died. Its app
// runs on, and the code that it ends with later is the app's.
func TestAForegroundOutlivesSupervisorAndAnchor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	script := h.write("app.sh", "#!/bin/sh\ntrap 'echo told' INT TERM\necho up\nwhile [ ! -e \"$WEAVER_HOUSE/now\" ]; do sleep 0.02; done\necho done\nexit 5\n")
	said := filepath.Join(h.home, "said")
	out, err := os.Create(said)
	require.NoError(t, err)
	defer out.Close()
	cmd := exec.Command(filepath.Join(bin, "weaver"), "runtime", script, "--no-autorestart")
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = h.environ(), h.home, out, out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the command
	defer cmd.Process.Kill()
	text := func() string {
		data, _ := os.ReadFile(said)
		return string(data)
	}
	require.Eventually(t, func() bool { return strings.HasPrefix(text(), "up\n") }, 60*time.Second, 5*time.Millisecond)
	pid := h.one("app").PID
	for range 2 {
		was := h.ping()
		require.NoError(t, syscall.Kill(was.Anchor, syscall.SIGKILL))
		require.NoError(t, syscall.Kill(was.PID, syscall.SIGKILL))
		require.Eventually(t, func() bool { out, _ := h.run("boot", "--status"); return strings.HasPrefix(out, "running") }, 60*time.Second, 20*time.Millisecond,
			"nobody but the command in the foreground starts one")
		assert.NotEqual(t, was.PID, h.ping().PID)
		assert.Equal(t, pid, h.one("app").PID)
	}
	h.write("now", "")
	select {
	case err = <-ended:
	case <-time.After(60 * time.Second):
		require.Fail(t, "it does not end", text())
	}
	assert.NotContains(t, text(), "told")
	assert.Contains(t, text(), "done\n")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, text())
	if kernelTellsExits() {
		assert.Equal(t, 5, exit.ExitCode(), text())
	}
	assert.Empty(t, h.marked())
}

// kernelTellsExits reports that the kernel tells how a process ended that another has reaped: Linux 6.15.
func kernelTellsExits() bool {
	var u unix.Utsname
	var major, minor int
	if unix.Uname(&u) != nil {
		return false
	}
	_, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	return err == nil && (major > 6 || major == 6 && minor >= 15)
}
