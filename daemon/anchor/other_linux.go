package anchor

import (
	"strconv"
	"strings"
	"syscall"
)

// otherAnchor finds the process that looks after the home while the lock does not say so: because somebody has removed the home,
// or the lock, below it. It is an anchor, or a supervisor that is about to become one. Who sees other files than we do, in a
// container say, has another home by the same name.
func otherAnchor(home string) (pid int) {
	names, err := readNames("/proc")
	if err != nil {
		return 0
	}
	self, parent := syscall.Getpid(), syscall.Getppid()
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		n, err := strconv.Atoi(name)
		if err != nil || n == self || n == parent {
			continue
		}
		if looksAfter("/proc/"+name, home) && seesTheSame("/proc/"+name) {
			return n
		}
	}
	return 0
}

// looksAfter tells an anchor and a supervisor by their command lines.
func looksAfter(dir, home string) bool {
	text, ok := readProc(dir + "/cmdline")
	if !ok {
		return false
	}
	args := strings.Split(text, "\x00")
	switch {
	case len(args) > 3 && args[1] == "--anchor":
		return args[2] == home
	case len(args) > 1 && args[1] == "supervise" && strings.HasPrefix(args[0], "weaverd"):
		environ, ok := readProc(dir + "/environ")
		return ok && strings.Contains("\x00"+environ, "\x00"+homeEnv+"="+home+"\x00")
	}
	return false
}

// seesTheSame reports that a process is of our user, not a zombie, and has our file system.
func seesTheSame(dir string) bool {
	var its, ours syscall.Stat_t
	if syscall.Stat(dir+"/root", &its) != nil || syscall.Stat("/", &ours) != nil || its.Dev != ours.Dev || its.Ino != ours.Ino {
		return false
	}
	if syscall.Stat(dir+"/ns/mnt", &its) != nil || syscall.Stat("/proc/self/ns/mnt", &ours) != nil || its.Ino != ours.Ino {
		return false
	}
	return syscall.Stat(dir, &its) == nil && int(its.Uid) == syscall.Geteuid()
}
