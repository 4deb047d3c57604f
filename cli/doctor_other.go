//go:build !linux

package cli

import "os"

// machine has nothing to look at: the guarantees that need a kernel's help are Linux's.
func (d *doctor) machine() {
	d.add("what the kernel can do", skipped, "guarantees that need subreapers, control groups and pidfds are Linux's", "")
}

func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

// lives is not known here without asking for more.
func lives(int) bool { return false }
