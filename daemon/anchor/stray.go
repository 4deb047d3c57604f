//go:build unix

package anchor

import (
	"os"
	"strconv"
	"syscall"
)

// closeStray closes what whoever started us left open: a pipe of theirs would otherwise never end. What this process has
// opened itself, such as the runtime's epoll, is close-on-exec, and so cannot be inherited.
func closeStray(keep *readyPipe, from Listing) {
	inherited := map[int]bool{from.Lock: true, from.Control: true}
	for _, fd := range from.FDs {
		inherited[fd] = true
	}
	names, err := fdNames()
	if err != nil {
		return // no /proc: they stay open here, but reach nobody below, since weaverd is started with a chosen set
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd < readyFD || keep != nil && fd == keep.fd {
			continue
		}
		if inherited[fd] {
			syscall.CloseOnExec(fd)
			continue
		}
		if flags, err := fcntl(fd, syscall.F_GETFD); err == nil && flags&syscall.FD_CLOEXEC == 0 {
			syscall.Close(fd)
		}
	}
}

func fdNames() ([]string, error) { return readNames(fdDir) }

func readNames(path string) ([]string, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}
