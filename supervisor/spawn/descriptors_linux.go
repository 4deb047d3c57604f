package spawn

import "golang.org/x/sys/unix"

// roomFor reports that so many descriptors are surely free. The directory of those in use tells their number by its size

// countFree tells how many descriptors this process may still open, in one look, where the kernel tells (since 6.2). Trying
// would take them from others for that moment.
func countFree() (free int, ok bool) {
	var dir unix.Stat_t
	if unix.Stat(procfs+"self/fd", &dir) != nil || dir.Size < 3 {
		return 0, false
	}
	limit, err := noFile()
	if err != nil {
		return 0, false
	}
	return int(min(limit.Cur, 1<<30)) - int(dir.Size), true
}
