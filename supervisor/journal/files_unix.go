//go:build unix && !linux

package journal

import "syscall"

const noFollow = syscall.O_NOFOLLOW
