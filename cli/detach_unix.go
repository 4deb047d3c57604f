//go:build unix

package cli

import (
	"os"
	"syscall"
)

// detached starts a process in a session of its own: no terminal can hang it up.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// owned reports who owns a file, and whether that is us.
func owned(info os.FileInfo) (uid int, ours bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, true
	}
	return int(st.Uid), int(st.Uid) == os.Geteuid()
}

// noFollow refuses to write through a link that somebody left in the home.
const noFollow = syscall.O_NOFOLLOW

// maxSocketPath is how long the path of a socket may be: sun_path with its NUL.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1
