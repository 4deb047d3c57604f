//go:build !linux

package procstat

import "strings"

func loopback(nic string) bool {
	return strings.HasPrefix(nic, "lo") || strings.Contains(nic, "Loopback")
}

// wholeDisk is true here: no partitions are listed.
func wholeDisk(string) bool { return true }
