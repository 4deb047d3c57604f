//go:build !linux

package daemon

import (
	"errors"

	"weaver/daemon/history"
)

// historyMemory is none: the last seconds die with the supervisor.
func historyMemory(*descriptors, map[string]int) (history.Memory, error) {
	return nil, errors.ErrUnsupported
}
