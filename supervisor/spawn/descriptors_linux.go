package spawn

import "golang.org/x/sys/unix"

// roomFor reports that so many descriptors are surely free. The directory of those in use tells their number by its size
// since Linux 6.2; before, and if in doubt, the answer is false.
func roomFor(need int) bool {
	var dir unix.Stat_t
	if unix.Stat(procfs+"self/fd", &dir) != nil || dir.Size < 3 {
		return false
	}
	limit, err := noFile()
	return err == nil && uint64(dir.Size)+uint64(need) <= limit.Cur
}
