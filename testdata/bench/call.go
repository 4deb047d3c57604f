//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// callLimit ends a command line that hangs.
const callLimit = 3 * time.Minute

// caller runs command lines and times them: fork, exec and wait, with nothing but /dev/null to write to.
type caller struct {
	null, errors *os.File // errors keeps what a failing one says
}

func newCaller(dir string) (*caller, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	errors, err := os.OpenFile(dir+"/stderr", os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &caller{null, errors}, nil
}

// run runs argv to its end and returns the wall time. ForkExec is clone(CLONE_VM|CLONE_VFORK): what posix_spawn does.
func (c *caller) run(env []string, argv ...string) (time.Duration, error) {
	attr := &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{c.null.Fd(), c.null.Fd(), c.errors.Fd()},
	}
	hung := make(chan struct{})
	start := time.Now()
	pid, err := syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", argv[0], err)
	}
	timer := time.AfterFunc(callLimit, func() { close(hung); syscall.Kill(pid, syscall.SIGKILL) })
	var status syscall.WaitStatus
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	wall := time.Since(start)
	if !timer.Stop() {
		<-hung
	}
	if err != nil {
		return 0, fmt.Errorf("wait for %s: %w", argv[0], err)
	}
	if code := exitCode(status); code != 0 {
		return 0, fmt.Errorf("%s: exit code %d after %v%s", line(argv), code, wall.Round(time.Millisecond), c.said())
	}
	return wall, nil
}

// said is the end of what went to stderr, forgotten with that.
func (c *caller) said() string {
	data, err := os.ReadFile(c.errors.Name())
	c.errors.Truncate(0)
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return ""
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	if len(text) > 300 {
		text = "…" + text[len(text)-300:]
	}
	return ": " + text
}

// line is argv for people.
func line(argv []string) string {
	text := argv[0][strings.LastIndexByte(argv[0], '/')+1:]
	for _, a := range argv[1:] {
		text += " " + a[strings.LastIndexByte(a, '/')+1:]
	}
	return text
}
