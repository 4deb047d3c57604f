package supervisor

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is the time since the machine was started, in nanoseconds, sleep included.
func sinceBoot() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 1
	}
	return ts.Nano()
}

// ticks is how many of them the kernel counts start times in, per second.
const ticks = 100

// began is when a process began to run, by its start time; zero if that is not known.
func began(start uint64) time.Time {
	if start == 0 {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(start)*(time.Second/ticks) - time.Duration(sinceBoot()))
}

// thisMachine says within which bounds a pid with its start time means a process.
func thisMachine(identity string) machineRecord {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without it the start times have to do
	space, _ := os.Readlink("/proc/self/ns/pid")
	return machineRecord{Boot: strings.TrimSpace(string(boot)), PIDSpace: space, Identity: identity}
}
