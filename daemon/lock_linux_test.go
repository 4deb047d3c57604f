package daemon

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weaver/api"
	"weaver/app"
	"weaver/lock"
)

func TestLockLivesUntilTheOperationEnds(t *testing.T) {
	h, c := serve(t)
	deaf := sleeper("deaf")
	deaf.Script, deaf.Args = "/bin/sh", []string{"-c", "trap '' INT; echo ready; while [ ! -e \"$0\" ]; do sleep 0.05; done", filepath.Join(h.Dir, "enough")}
	timeout := app.Duration(time.Minute)
	deaf.KillTimeout = &timeout
	deaf.OutFile = filepath.Join(h.Logs(), "deaf-out.log")
	start(t, c, deaf)
	require.Eventually(t, func() bool {
		data, _ := os.ReadFile(deaf.OutFile)
		return string(data) == "ready\n"
	}, 60*time.Second, time.Millisecond)

	path := filepath.Join(h.Locks(), "deaf.lock")
	l, err := lock.Try(path, lock.Holder{PID: os.Getpid(), Command: "test"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	err = c.Act(ctx, api.ActRequest{Verb: app.VerbStop, Targets: []app.Selector{"deaf"}}, []int{l.FD()}, func(p app.Progress) {
		if p.Step == app.StepApplying {
			require.NoError(t, syscall.Close(dup(t, l.FD()))) // a copy of ours that is closed changes nothing
			closeHeld(t, l)
			cancel() // the front end dies
		}
	})
	require.Error(t, err)
	_, err = lock.Try(path, lock.Holder{})
	require.ErrorIs(t, err, lock.ErrHeld, "the daemon holds it while it works")
	require.NoError(t, os.WriteFile(filepath.Join(h.Dir, "enough"), nil, 0o600))
	require.Eventually(t, func() bool { return list(t, c)[0].Status == app.Stopped }, 60*time.Second, time.Millisecond, "it finishes what it began")
	require.Eventually(t, func() bool {
		again, err := lock.Try(path, lock.Holder{})
		if err != nil {
			return false
		}
		return again.Release() == nil
	}, 60*time.Second, time.Millisecond)
}

func dup(t *testing.T, fd int) int {
	n, err := syscall.Dup(fd)
	require.NoError(t, err)
	return n
}

// closeHeld closes our descriptor of a lock without releasing it, as the kernel does for a front end that is killed.
func closeHeld(t *testing.T, l *lock.Lock) {
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	require.NoError(t, syscall.Dup3(int(null.Fd()), l.FD(), syscall.O_CLOEXEC))
}

func TestLocksOfOtherAppsAreRefusedAndGivenBack(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper("web"))
	path := filepath.Join(h.Locks(), "all.lock")
	l, err := lock.Try(path, lock.Holder{PID: os.Getpid()})
	require.NoError(t, err)
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: h.Socket(), Net: "unix"})
	require.NoError(t, err)
	defer conn.Close()
	_, _, err = conn.WriteMsgUnix([]byte(hotPost("stop?a=all&l=1")), unix.UnixRights(l.FD()), nil)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Zero(t, resp.ContentLength)
	assert.Equal(t, app.Online, list(t, c)[0].Status, "nothing was done")
	require.NoError(t, l.Release())
	require.Eventually(t, func() bool {
		again, err := lock.Try(path, lock.Holder{})
		return err == nil && again.Release() == nil
	}, 60*time.Second, time.Millisecond, "the daemon gave its copy back")
}
