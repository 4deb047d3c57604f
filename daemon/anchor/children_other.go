//go:build unix && !linux

package anchor

import "syscall"

// Outside Linux the only child is the supervisor: nobody else is left to the anchor.

func peekDead(int) (int, syscall.WaitStatus) { return 0, 0 }
func childPIDs() ([]int, bool)               { return nil, false }
func startTime(int) uint64                   { return 0 }
