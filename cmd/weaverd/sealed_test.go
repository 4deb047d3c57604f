//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const sealedVar = "WEAVER_TEST_SEALED"

// sealed runs a command, and what that starts, where nobody may copy a descriptor of another process, as for plain users with Yama's
// ptrace_scope.
func sealed(argv []string) int {
	runtime.LockOSThread()
	const load, equal, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load},
		{Code: equal, Jf: 1, K: unix.SYS_PIDFD_GETFD},
		{Code: give, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: give, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	}
	if err == nil {
		_ = os.Unsetenv(sealedVar)
		err = syscall.Exec(argv[0], argv, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// What connections come to by a channel that cannot be taken over is started again, rather than be online for nobody.
func TestWorkersThatCannotBeReachedAreReplaced(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	by := filepath.Join(t.TempDir(), "weaver")
	text := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' '%s' \"$@\"\n", sealedVar, self, filepath.Join(bin, "weaver"))
	require.NoError(t, os.WriteFile(by, []byte(text), 0o755))
	a := serveBy(t, by, "http.js", nil, map[string]any{"instances": 1, "exec_mode": "cluster", "cluster_policy": "rr"})
	anew := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // the old worker would go on answering over a connection that is kept
	answers := func() bool {
		resp, err := anew.Get(fmt.Sprintf("http://127.0.0.1:%d/", a.port))
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}
	require.Eventually(t, answers, time.Minute, 10*time.Millisecond)
	before := a.pids(t)
	a.killBoth(t)
	require.Eventually(t, answers, time.Minute, 10*time.Millisecond)
	require.NotEqual(t, before, a.pids(t))
	why, err := a.weaver("why", "web")
	require.NoError(t, err, why)
	require.True(t, strings.Contains(why, "no connections could be handed to it") && strings.Contains(why, "operation not permitted"), why)
}
