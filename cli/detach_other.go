//go:build !unix

package cli

import (
	"os"
	"syscall"
)

// detached starts a process like any other: there are no sessions here.
func detached() *syscall.SysProcAttr { return nil }

// owned says yes: the system's access rights decide.
func owned(os.FileInfo) (uid int, ours bool) { return 0, true }

const noFollow = 0

const maxSocketPath = 107
