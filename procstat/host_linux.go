package procstat

import "os"

func loopback(nic string) bool { return nic == "lo" }

// wholeDisk says that name is a disk of its own, and neither a part of one nor
// built upon others, whose traffic would count twice.
func wholeDisk(name string) bool {
	dir := "/sys/block/" + name
	if _, err := os.Stat(dir + "/device"); err == nil {
		return true
	}
	return false
}
