package daemon

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"weaver/daemon/history"
)

// historyName is what the anchor keeps under it what the history has not written to its files yet.
const historyName = "memory/history"

// historyMemory is the former supervisor's, or a new one, which the anchor keeps.
func historyMemory(store *descriptors, left map[string]int) (history.Memory, error) {
	fd, had := left[historyName]
	delete(left, historyName)
	if !had {
		var err error
		if fd, err = unix.MemfdCreate("weaver-history", unix.MFD_CLOEXEC); err != nil {
			return nil, fmt.Errorf("memfd: %w", err)
		}
		if err := store.Put(historyName, fd); err != nil {
			unix.Close(fd)
			return nil, err
		}
	}
	return os.NewFile(uintptr(fd), historyName), nil
}
