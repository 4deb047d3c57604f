package watch

import (
	"errors"
	"syscall"
)

// remedy says what to do about a limit.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "; to allow more: sysctl fs.inotify.max_user_watches=524288"
	case errors.Is(err, syscall.EMFILE):
		return "; to allow more: sysctl fs.inotify.max_user_instances=1024, or ulimit -n"
	}
	return ""
}
