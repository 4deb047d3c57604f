//go:build !linux

package procstat

import (
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

// identify tells the start of a process in milliseconds since 1970, and its age.
func identify(pid int32) (start uint64, age time.Duration, err error) {
	created, err := (&process.Process{Pid: pid}).CreateTime()
	if err != nil {
		return 0, 0, err
	}
	return uint64(created), max(time.Since(time.UnixMilli(created)), 0), nil
}
