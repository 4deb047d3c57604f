package procstat

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// identify tells the start of a process in clock ticks since boot, and its age.
// gopsutil knows the start to the second only, by a boot time that it computes
// anew each time and that jumps, so that a process would seem to be another one
// now and then.
func identify(pid int32) (start uint64, age time.Duration, err error) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	var s stat
	if err := s.parse(line); err != nil {
		return 0, 0, err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, 0, err
	}
	since := time.Duration(s.start) * time.Second / time.Duration(clockTicks())
	return s.start, max(time.Duration(now.Nano())-since, 0), nil
}
