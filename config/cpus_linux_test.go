package config

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuotaOfControlGroups(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"none": {nil, 0},
		"v2": {map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
		}, 1.5},
		"v2, the least of several": {map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "400000 100000", "sys/fs/cgroup/a/b/cpu.max": "200000 100000",
		}, 2},
		"v2 in a container": {map[string]string{
			"proc/self/cgroup": "0::/host/path\n", "sys/fs/cgroup/cpu.max": "50000 100000",
		}, 0.5},
		"v1": {map[string]string{
			"proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/x\n", "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "300000\n",
			"sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
		}, 3},
		"v1 without a quota": {map[string]string{
			"proc/self/cgroup": "4:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
		}, 0},
		"nonsense": {map[string]string{"proc/self/cgroup": "0::/../../..\nx\n0::", "sys/fs/cgroup/cpu.max": "a b c"}, 0},
	} {
		root := t.TempDir()
		for file, text := range tc.files {
			write(t, root, file, text, 0o644)
		}
		assert.InDelta(t, tc.want, quotaCPUs(root), 1e-9, name)
	}
	assert.LessOrEqual(t, CPUs(), runtime.NumCPU())
	assert.Positive(t, CPUs())
}
