//go:build unix && !linux

package supervisor

import (
	"golang.org/x/sys/unix"

	"weaver/app"
	"weaver/supervisor/spawn"
)

// loop returns /dev/null: there is no way here to open a pipe so that its holder never sees an end.
func loop() (int, error) {
	return unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
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
