package cli

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// stoppedBySignal reports whether a process stands still by SIGSTOP or its like.
func stoppedBySignal(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && bytes.HasPrefix(text[bytes.LastIndexByte(text, ')')+1:], []byte(" T ")) // the name may have brackets
}

// goOn has it go on.
func goOn(pid int) error { return unix.Kill(pid, unix.SIGCONT) }
