package anchor

import (
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// peekDead looks for a dead child without taking its status: of pid, or any with pid 0. It returns 0 if there is none. Any
// is always the same one until that is reaped.
func peekDead(pid int) (dead int, status syscall.WaitStatus) {
	const (
		anyone, one = 0, 1 // P_ALL, P_PID
		options     = syscall.WEXITED | syscall.WNOHANG | syscall.WNOWAIT
	)
	which := uintptr(one)
	if pid == 0 {
		which = anyone
	}
	var info childInfo
	for {
		_, _, e := syscall.Syscall6(syscall.SYS_WAITID, which, uintptr(pid), uintptr(unsafe.Pointer(&info)), options, 0, 0)
		if e == syscall.EINTR {
			continue
		}
		if e != 0 || info.fields.pid == 0 {
			return 0, 0
		}
		return int(info.fields.pid), info.status()
	}
}

// childInfo is the kernel's siginfo_t as it is filled for SIGCHLD.
type childInfo struct {
	signo, errno, code int32
	fields             struct { // a union, aligned as a pointer
		_      [0]uintptr
		pid    int32
		uid    uint32
		status int32
	}
	_ [128]byte // siginfo_t is 128 bytes altogether
}

// status words it as wait4(2) does.
func (i *childInfo) status() syscall.WaitStatus {
	const exited, dumped = 1, 3 // CLD_EXITED, CLD_DUMPED
	switch s := syscall.WaitStatus(i.fields.status); i.code {
	case exited:
		return s & 0xff << 8
	case dumped:
		return s&0x7f | 0x80
	default:
		return s & 0x7f
	}
}

// childPIDs lists the children of this process, dead and alive. ok is false where the kernel does not tell.
func childPIDs() (pids []int, ok bool) {
	tasks, err := readNames("/proc/self/task")
	if err != nil {
		return nil, false
	}
	for _, task := range tasks {
		text, ok := readProc("/proc/self/task/" + task + "/children")
		if !ok {
			return nil, false
		}
		for word := range strings.FieldsSeq(text) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids, true
}

// startTime is when a process was started, in clock ticks since boot; 0 if it is not there.
func startTime(pid int) uint64 {
	text, ok := readProc("/proc/" + strconv.Itoa(pid) + "/stat")
	if !ok {
		return 0
	}
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // the name may have blanks and brackets
	const start = 19                                                    // the 22nd field; the state, the third, is the first here
	if len(fields) <= start {
		return 0
	}
	n, _ := strconv.ParseUint(fields[start], 10, 64)
	return n
}

// readProc reads a file of /proc: os.ReadFile would first try to have it polled.
func readProc(path string) (text string, ok bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", false
	}
	defer syscall.Close(fd)
	b := make([]byte, 0, 512)
	for {
		n, err := syscall.Read(fd, b[len(b):cap(b)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return "", false
		}
		if n == 0 {
			return string(b), true
		}
		if b = b[:len(b)+n]; len(b) == cap(b) {
			b = append(make([]byte, 0, 4*cap(b)), b...)
		}
	}
}
