package anchor

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

const (
	fdDir     = "/proc/self/fd"
	sendFlags = syscall.MSG_NOSIGNAL | syscall.MSG_DONTWAIT
	// receiveFlags include MSG_CMSG_CLOEXEC: no service that is just being forked gets what comes.
	receiveFlags = syscall.MSG_CMSG_CLOEXEC | syscall.MSG_DONTWAIT
)

// adoptOrphans makes this process the parent of every descendant whose own parent dies.
func adoptOrphans() error {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER; x/sys/unix would bring reflect along
	if _, _, e := syscall.Syscall6(syscall.SYS_PRCTL, setChildSubreaper, 1, 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// setTitle sets the name that ps and top show, which by default is that of the symbolic link it was started by.
func setTitle(title string) {
	_ = os.WriteFile("/proc/self/comm", []byte(title), 0)
}

// ownExecutable opens what this process runs.
func ownExecutable() int {
	fd, err := syscall.Open("/proc/self/exe", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

// isStopped reports a process that a signal has stopped.
func isStopped(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	at := bytes.LastIndexByte(stat, ')')
	return err == nil && at >= 0 && at+2 < len(stat) && stat[at+2] == 'T'
}

// exePath is how the executable in exeFD is run by its descriptor.
func exePath() string { return fdDir + "/" + strconv.Itoa(exeFD) }

// socketPair makes the control socket: messages have borders, and an end.
func socketPair() (ours, theirs int, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, err
	}
	return fds[0], fds[1], syscall.SetNonblock(fds[0], true)
}

// memoryFile makes a file without a name, close-on-exec.
func memoryFile(name string) (int, error) {
	const closeOnExec = 1 // MFD_CLOEXEC
	text, err := syscall.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	if number := memfdCreate(); number != 0 {
		fd, _, e := syscall.Syscall(number, uintptr(unsafe.Pointer(text)), closeOnExec, 0)
		if e == 0 {
			return int(fd), nil
		}
	}
	return namelessFile(os.TempDir(), name)
}

// memfdCreate is the number of the system call, which package syscall does not know for all; 0 where we do not either.
func memfdCreate() uintptr {
	switch runtime.GOARCH {
	case "amd64":
		return 319
	case "386":
		return 356
	case "arm":
		return 385
	case "arm64", "riscv64", "loong64":
		return 279
	case "ppc64", "ppc64le":
		return 360
	case "s390x":
		return 350
	}
	return 0
}
