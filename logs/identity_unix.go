//go:build unix

package logs

import (
	"os"
	"strconv"
	"syscall"
)

// identity names a file, whatever its path.
func identity(info os.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return identityOf(uint64(st.Dev), uint64(st.Ino))
}

func identityOf(dev, ino uint64) string {
	return strconv.FormatUint(dev, 36) + "-" + strconv.FormatUint(ino, 36)
}
