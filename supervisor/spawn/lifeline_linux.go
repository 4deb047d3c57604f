package spawn

import "golang.org/x/sys/unix"

// lifeline continues a process group when this process dies, whoever else is dead: the kernel does. It is a pair of sockets, each of
// which has the group sent SIGCONT when the other is closed. A process that dies closes one of them first.
type lifeline [2]int

// tie makes one for a group. It does nothing as long as this process lives, and is to be cut.
func tie(group int) (lifeline, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return lifeline{}, err
	}
	for _, fd := range fds {
		_, err1 := unix.FcntlInt(uintptr(fd), unix.F_SETSIG, int(unix.SIGCONT))
		_, err2 := unix.FcntlInt(uintptr(fd), unix.F_SETOWN, -group)
		_, err3 := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_ASYNC|unix.O_NONBLOCK)
		for _, err := range []error{err1, err2, err3} {
			if err != nil {
				lifeline(fds).cut()
				return lifeline{}, err
			}
		}
	}
	return fds, nil
}

// cut closes it, and sends nothing: somebody else may have stopped the group.
func (l lifeline) cut() {
	for _, fd := range l {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_NONBLOCK)
	}
	for _, fd := range l {
		unix.Close(fd)
	}
}

// lifelines are those of a tree, by process group.
type lifelines map[int]lifeline

// tie sees to it that a process of the tree is continued, and reports whether it will be. A tree has one group, mostly.
func (l lifelines) tie(pid int) bool {
	group, err := unix.Getpgid(pid)
	if err != nil || group <= 1 || group == unix.Getpgrp() {
		return false
	}
	if _, has := l[group]; has {
		return true
	}
	if len(l) >= maxLifelines {
		return false
	}
	line, err := tie(group)
	if err == nil {
		l[group] = line
	}
	return err == nil
}

// maxLifelines bounds the groups of one tree that are thought of: each takes two descriptors while the tree is paused.
const maxLifelines = 32

func (l lifelines) cut() {
	for group, line := range l {
		line.cut()
		delete(l, group)
	}
}
