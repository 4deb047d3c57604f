//go:build unix && !linux

package daemon

import "golang.org/x/sys/unix"

// dupTo has n lead where fd does, also for children.
func dupTo(fd, n int) error { return unix.Dup2(fd, n) }
