package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// commandOf returns the command line of a process, its program by its base name; "" when the process is gone.
func commandOf(pid int) string {
	raw := cmdline("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if len(raw) == 0 {
		return ""
	}
	argv := strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
	argv[0] = filepath.Base(argv[0])
	return strings.Join(argv, " ")
}

// cmdline reads a command line, nil if there is none: mostly in one read, without the poller.
func cmdline(path string) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	unix.Close(fd)
	if err == nil && n < len(buf) {
		return buf[:max(n, 0)]
	}
	all, _ := os.ReadFile(path)
	return all
}
