package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// commandOf returns the command line of a process, its program by its base name; "" when the process is gone.
func commandOf(pid int) string {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || len(raw) == 0 {
		return ""
	}
	argv := strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
	argv[0] = filepath.Base(argv[0])
	return strings.Join(argv, " ")
}
