//go:build unix

package supervisor

import (
	"io/fs"
	"syscall"
)

// ownerOf is who owns a file.
func ownerOf(info fs.FileInfo) owner {
	own := owner{mode: info.Mode()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		own.uid, own.gid, own.known = int(st.Uid), int(st.Gid), true
	}
	return own
}
