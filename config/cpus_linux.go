package config

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// quotaCPUs returns the smallest quota, in processors, of this process's control group and those above it, or 0 for
// none. root is "/", but for tests.
func quotaCPUs(root string) float64 {
	groups, err := os.ReadFile(path.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	least := 0.0
	for line := range strings.SplitSeq(strings.TrimSpace(string(groups)), "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		var mounts []string
		read := quotaV1
		switch {
		case parts[0] == "0" && parts[1] == "":
			mounts, read = []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}, quotaV2
		case holds(parts[1], "cpu"):
			mounts = []string{"sys/fs/cgroup/" + parts[1], "sys/fs/cgroup/cpu"}
		}
		for _, mount := range mounts {
			// In a container the group's path may be that of the host, which does not exist here; "/" does.
			for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
				if q := read(path.Join(root, mount, dir)); q > 0 && (least == 0 || q < least) {
					least = q
				}
				if dir == "/" {
					break
				}
			}
		}
	}
	return least
}

func holds(controllers, name string) bool {
	for c := range strings.SplitSeq(controllers, ",") {
		if c == name {
			return true
		}
	}
	return false
}

// quotaV2 reads cpu.max: "150000 100000" or "max 100000", microseconds.
func quotaV2(dir string) float64 {
	fields := fieldsOf(path.Join(dir, "cpu.max"))
	if len(fields) != 2 {
		return 0
	}
	return ratio(fields[0], fields[1])
}

func quotaV1(dir string) float64 {
	quota, period := fieldsOf(path.Join(dir, "cpu.cfs_quota_us")), fieldsOf(path.Join(dir, "cpu.cfs_period_us"))
	if len(quota) != 1 || len(period) != 1 {
		return 0
	}
	return ratio(quota[0], period[0])
}

func fieldsOf(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(data))
}

// ratio is 0 where the quota is "max" or -1: none.
func ratio(quota, period string) float64 {
	q, err := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return q / p
}
