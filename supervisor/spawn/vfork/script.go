//go:build linux && (amd64 || arm64)

package vfork

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is one system call of the child. The assembly knows its layout: 8 words.
type call struct {
	number uintptr
	args   [6]uintptr
	mayErr uintptr // not 0: go on whatever it returns
}

// failure is what the child leaves when it gives up. The assembly knows its layout.
type failure struct {
	index uintptr // of the call
	errno uintptr // 0: none
}

// Script is what a child does before it becomes another program. The zero value is empty; it is good for one Run.
type Script struct {
	calls []call
	steps []Step
	held  []unsafe.Pointer // what arguments point to; heap, since the script is
}

// Step says what a call of the script was for.
type Step int

// The steps, in the order in which they have to be taken.
const (
	StepDescriptors Step = iota // a table of its own, and what goes where
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

func (e *Error) Error() string { return fmt.Sprintf("step %d: %v", int(e.Step), e.Errno) }

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Errno }

func (s *Script) add(step Step, number uintptr, args ...uintptr) *call {
	c := call{number: number}
	copy(c.args[:], args)
	s.calls, s.steps = append(s.calls, c), append(s.steps, step)
	return &s.calls[len(s.calls)-1]
}

func (s *Script) hold(p unsafe.Pointer) uintptr {
	s.held = append(s.held, p)
	return uintptr(p)
}

// Unshare gives the child its own table of descriptors, with those below low. It must come first.
func (s *Script) Unshare(low int) {
	s.add(StepDescriptors, unix.SYS_CLOSE_RANGE, uintptr(low), 1<<32-1, unix.CLOSE_RANGE_UNSHARE)
}

// Put makes descriptor from, which is below Unshare's low, the child's number to, which is another.
func (s *Script) Put(from, to int) {
	s.add(StepDescriptors, unix.SYS_DUP3, uintptr(from), uintptr(to), 0)
}

// Close closes a number that may be open.
func (s *Script) Close(fd int) { s.add(StepDescriptors, unix.SYS_CLOSE, uintptr(fd)).mayErr = 1 }

// Setsid begins a session, and with it a process group.
func (s *Script) Setsid() { s.add(StepSession, unix.SYS_SETSID) }

// Limit sets a resource limit.
func (s *Script) Limit(resource int, lim unix.Rlimit) {
	l := new(unix.Rlimit)
	*l = lim
	s.add(StepLimit, unix.SYS_PRLIMIT64, 0, uintptr(resource), s.hold(unsafe.Pointer(l)), 0)
}

// Umask sets the mask of file modes.
func (s *Script) Umask(mask int) { s.add(StepDescriptors, unix.SYS_UMASK, uintptr(mask)) }

// Nice sets the niceness.
func (s *Script) Nice(nice int) {
	s.add(StepNice, unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(nice))
}

// User changes the user, the group and all supplementary groups.
func (s *Script) User(uid, gid uint32, groups []uint32) {
	var list uintptr
	if len(groups) > 0 {
		own := append([]uint32(nil), groups...)
		list = s.hold(unsafe.Pointer(&own[0]))
	}
	s.add(StepUser, unix.SYS_SETGROUPS, uintptr(len(groups)), list)
	s.add(StepUser, unix.SYS_SETGID, uintptr(gid))
	s.add(StepUser, unix.SYS_SETUID, uintptr(uid))
}

// Chdir changes the working directory. A NUL byte in the name is an error, as in Exec.
func (s *Script) Chdir(dir string) error {
	p, err := syscall.BytePtrFromString(dir)
	if err != nil {
		return &Error{StepDir, syscall.EINVAL}
	}
	s.add(StepDir, unix.SYS_CHDIR, s.hold(unsafe.Pointer(p)))
	return nil
}

// Exec becomes the program. It must come last.
func (s *Script) Exec(path string, argv, env []string) error {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return &Error{StepExec, syscall.EINVAL}
	}
	args, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return &Error{StepExec, syscall.EINVAL}
	}
	vars, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return &Error{StepExec, syscall.EINVAL}
	}
	s.add(StepExec, unix.SYS_EXECVE, s.hold(unsafe.Pointer(p)), s.hold(unsafe.Pointer(&args[0])), s.hold(unsafe.Pointer(&vars[0])))
	return nil
}

// cloneArgs is the kernel's struct clone_args, of which the rest stays zero.
type cloneArgs struct {
	flags, pidfd uint64
	_, _         uint64 // where to put thread ids
	exitSignal   uint64
	_, _, _      uint64 // stack and thread-local storage: the parent's
	_, _         uint64 // wished pids
	cgroup       uint64
}

// Process is a child that runs its program.
type Process struct {
	PID   int
	PIDFD int // close-on-exec, the caller's
}

// Run starts a child that goes through the script, in the control group that a descriptor leads to, -1 being this process's. It
// returns when the child runs its program, or has given up and is reaped: then the error is an *Error. Any other error is that
// of clone3: ENOSYS, EPERM and EINVAL say that it is of no use here.
func (s *Script) Run(cgroup int) (Process, error) {
	pidfd := new(int32)
	*pidfd = -1
	args := &cloneArgs{
		flags: unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_FILES | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND,
		pidfd: uint64(uintptr(unsafe.Pointer(pidfd))), exitSignal: uint64(unix.SIGCHLD),
	}
	if cgroup >= 0 {
		args.flags |= unix.CLONE_INTO_CGROUP
		args.cgroup = uint64(cgroup)
	}
	f := new(failure)
	s.held = append(s.held, unsafe.Pointer(pidfd)) // on the heap, which does not move
	syscall.ForkLock.RLock()                       // see the package: who takes it whole is about to exec, with descriptors that it hands on
	pid := run(args, &s.calls[0], len(s.calls), f)
	syscall.ForkLock.RUnlock()
	runtime.KeepAlive(s)
	if pid < 0 {
		return Process{}, syscall.Errno(-pid)
	}
	if f.errno == 0 {
		return Process{PID: pid, PIDFD: int(*pidfd)}, nil
	}
	unix.Close(int(*pidfd))
	reap(pid)
	return Process{}, &Error{s.steps[f.index], syscall.Errno(f.errno)}
}

// reap takes the status of a child that has given up.
func reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != unix.EINTR {
			return
		}
	}
}

// Supported reports whether this build can.
const Supported = true
