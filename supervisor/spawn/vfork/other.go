//go:build linux && !amd64 && !arm64

package vfork

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported is false: nobody has written the assembly for this processor.
const Supported = false

// Script does nothing here.
type Script struct{}

// Step says what a call of the script was for.
type Step int

// The steps.
const (
	StepDescriptors Step = iota
	StepSession
	StepLimit
	StepNice
	StepUser
	StepDir
	StepExec
)

// Error is a step that failed in the child.
type Error struct {
	Step  Step
	Errno syscall.Errno
}

func (e *Error) Error() string { return e.Errno.Error() }

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Errno }

func (*Script) Unshare(int)                           {}
func (*Script) Put(int, int)                          {}
func (*Script) Close(int)                             {}
func (*Script) Setsid()                               {}
func (*Script) Limit(int, unix.Rlimit)                {}
func (*Script) Umask(int)                             {}
func (*Script) Nice(int)                              {}
func (*Script) User(uint32, uint32, []uint32)         {}
func (*Script) Chdir(string) error                    { return nil }
func (*Script) Exec(string, []string, []string) error { return nil }

// Process is a child that runs its program.
type Process struct{ PID, PIDFD int }

// Run cannot.
func (*Script) Run(int) (Process, error) { return Process{}, syscall.ENOSYS }
