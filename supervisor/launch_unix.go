//go:build unix && !linux

package supervisor

import (
	"syscall"

	"golang.org/x/sys/unix"

	"weaver/app"
	"weaver/supervisor/spawn"
)

// pipe returns an ordinary pipe: there is no way here to open one end both ways.
func pipe(fds []int) error {
	if err := unix.Pipe(fds); err != nil {
		return err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	return nil
}

// rlimits lists the limits that are set.
func rlimits(l *app.Limits) []spawn.Rlimit {
	var out []spawn.Rlimit
	for resource, value := range map[int]*uint64{
		unix.RLIMIT_NOFILE: l.NoFile, unix.RLIMIT_CORE: l.Core, unix.RLIMIT_AS: l.AddressRoom,
		unix.RLIMIT_STACK: l.Stack, unix.RLIMIT_FSIZE: l.FSize, unix.RLIMIT_CPU: l.CPU,
	} {
		if value != nil {
			out = append(out, spawn.Rlimit{Resource: resource, Soft: *value, Hard: *value})
		}
	}
	return out
}

func closeFD(fd int) { unix.Close(fd) }
