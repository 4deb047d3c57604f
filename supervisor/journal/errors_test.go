package journal

import "syscall"

var errFull = syscall.ENOSPC
