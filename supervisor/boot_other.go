//go:build !linux

package supervisor

import "time"

// sinceBoot is a clock that all supervisors share; there is no better one here than the one that people set.
func sinceBoot() int64 { return time.Now().UnixNano() }

func thisMachine(identity string) machineRecord { return machineRecord{Identity: identity} }
