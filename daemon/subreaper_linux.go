package daemon

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// becomeSubreaper makes this process the parent of every descendant whose own parent dies. It stays so across exec.
func becomeSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	return nil
}
