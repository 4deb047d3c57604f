package supervisor

import (
	"errors"
	"math"
	"strconv"

	"golang.org/x/sys/unix"

	"weaver/app"
	"weaver/supervisor/spawn"
)

// loop returns one descriptor that is both ends of a pipe.
func loop() (int, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	both, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fds[0]), unix.O_RDWR|unix.O_CLOEXEC, 0)
	unix.Close(fds[0])
	unix.Close(fds[1])
	return both, err
}

// rlimits lists the limits that are set.
func rlimits(l *app.Limits) []spawn.Rlimit {
	var out []spawn.Rlimit
	for _, v := range []struct {
		resource int
		value    *uint64
	}{
		{unix.RLIMIT_NOFILE, l.NoFile},
		{unix.RLIMIT_NPROC, l.NProc},
		{unix.RLIMIT_CORE, l.Core},
		{unix.RLIMIT_AS, l.AddressRoom},
		{unix.RLIMIT_STACK, l.Stack},
		{unix.RLIMIT_FSIZE, l.FSize},
		{unix.RLIMIT_CPU, l.CPU},
		{unix.RLIMIT_MEMLOCK, l.MemLock},
	} {
		if v.value == nil {
			continue
		}
		n := *v.value
		if n == math.MaxUint64 {
			n = unix.RLIM_INFINITY
		}
		out = append(out, spawn.Rlimit{Resource: v.resource, Soft: n, Hard: n})
	}
	return out
}

func closeFD(fd int) { unix.Close(fd) }

// inodeOf names a pipe.
func inodeOf(fd int) (uint64, bool) {
	var st unix.Stat_t
	if fd < 0 || unix.Fstat(fd, &st) != nil {
		return 0, false
	}
	return st.Ino, st.Mode&unix.S_IFMT == unix.S_IFIFO
}

// openEnd opens the read end of a pipe that a process holds under a number. inode is what it was when the process was
// started; 0 is not known.
func openEnd(pid, number int, inode uint64) (int, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/fd/"+strconv.Itoa(number), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if is, ok := inodeOf(fd); !ok || inode != 0 && is != inode {
		unix.Close(fd)
		return -1, errors.New("the process has put something else in its place")
	}
	return fd, nil
}
