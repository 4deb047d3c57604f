//go:build !linux

package watch

import (
	"errors"
	"syscall"
)

// remedy says what to do about a limit.
func remedy(err error) string {
	if errors.Is(err, syscall.EMFILE) {
		return "; to allow more: ulimit -n"
	}
	return ""
}
