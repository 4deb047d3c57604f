package supervisor

import (
	"os"
	"strings"

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

// thisMachine says within which bounds a pid with its start time means a process.
func thisMachine(identity string) machineRecord {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without it the start times have to do
	space, _ := os.Readlink("/proc/self/ns/pid")
	return machineRecord{Boot: strings.TrimSpace(string(boot)), PIDSpace: space, Identity: identity}
}
