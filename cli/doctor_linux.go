package cli

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// machine looks at what of the kernel weaver's guarantees need.
func (d *doctor) machine() {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		d.add("the kernel has pidfds", warning, err.Error(), "Linux 5.3 or newer: without them exits are awaited in a slower way")
	} else {
		unix.Close(fd)
		d.add("the kernel has pidfds", fine, "", "")
	}
	if dir := cgroup2(); dir == "" {
		d.add("control groups can be written", warning, "no cgroup2 hierarchy: membership is by descent, session and marker", "")
	} else if err := unix.Access(dir, unix.W_OK); err != nil {
		d.add("control groups can be written", warning, dir+": "+err.Error()+": membership is by descent, session and marker",
			"run as root, or have systemd delegate a group (Delegate=yes)")
	} else {
		d.add("control groups can be written", fine, dir, "")
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		const perService, base = 6, 64
		room := (limit.Max - base) / perService
		state := fine
		if room < 100 {
			state = warning
		}
		d.add("there are descriptors for services", state, fmt.Sprintf("hard limit %d: some %d services", limit.Max, room), "")
	}
}

// cgroup2 is where the unified hierarchy is mounted, "" if it is not.
func cgroup2() string {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1]
		}
	}
	return ""
}

func kill(pid int) error { return unix.Kill(pid, unix.SIGKILL) }

// lives reports that a process of that pid exists and is no zombie.
func lives(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(data), ") ")
	return ok && rest != "" && rest[0] != 'Z' && rest[0] != 'X'
}
