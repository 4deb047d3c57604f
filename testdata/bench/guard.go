//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guard runs the measuring in a child of this process and, however that ends, ends everything that was started by it:
// supervisors detach themselves, so the guard is a subreaper, and whatever loses its parent becomes a child of the guard
// rather than of init. It returns the exit code.
func guard(d dirs) int {
	defer d.remove()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "bench: become a subreaper:", err)
		return 1
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: find this program:", err)
		return 1
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	pid, err := syscall.ForkExec(self, os.Args, &syscall.ProcAttr{
		Env: append(os.Environ(), d.env()), Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: start the measuring:", err)
		return 1
	}
	interrupted := make(chan os.Signal, 1)
	go func() { // ends with the process
		interrupted <- <-signals
		syscall.Kill(pid, syscall.SIGKILL)
	}()
	status := reapUntil(pid)
	sweep()
	select {
	case s := <-interrupted:
		fmt.Fprintln(os.Stderr, "bench: ended by", s)
		return 130
	default:
		return exitCode(status)
	}
}

// exitCode is the shell's: a program that died of a signal did not succeed.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// reapUntil reaps whatever dies below this process, until pid does.
func reapUntil(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		dead, err := syscall.Wait4(-1, &status, 0, nil)
		if dead == pid || err != nil && !errors.Is(err, syscall.EINTR) {
			return status
		}
	}
}

// sweep kills and reaps all descendants. One round is not enough: some restart what dies.
func sweep() {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, pid := range descendants(os.Getpid()) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		for {
			dead, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.ECHILD) {
				return
			}
			if dead <= 0 {
				break
			}
		}
	}
	fmt.Fprintln(os.Stderr, "bench: these would not end:", descendants(os.Getpid()))
}
