//go:build !linux

package supervisor

import "time"

// sinceBoot is a clock that all supervisors share; there is no better one here than the one that people set.
func sinceBoot() int64 { return time.Now().UnixNano() }

// began is not told in a clock of ours.
func began(uint64) time.Time { return time.Time{} }

func thisMachine(identity string) machineRecord { return machineRecord{Identity: identity} }
