package anchor

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ReleaseProgram gives the pages of the program's own file back: most were needed for the start only, and those that are
// needed again come back from the page cache. It leaves alone what may have been written to.
func ReleaseProgram() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return // no /proc: the pages stay, which costs memory and nothing else
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		// 00400000-00c00000 r-xp 00000000 fe:00 1234    /path
		fields := strings.Fields(line)
		if len(fields) != 6 || fields[5] != exe || fields[1][1] == 'w' {
			continue
		}
		from, to, ok := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if ok && err1 == nil && err2 == nil && end > start {
			syscall.RawSyscall(syscall.SYS_MADVISE, uintptr(start), uintptr(end-start), syscall.MADV_DONTNEED)
		}
	}
}
