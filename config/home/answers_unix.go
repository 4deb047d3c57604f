//go:build unix

package home

import "syscall"

// Answers reports that somebody listens on the socket at path. A process that died left its file, at most.
func Answers(path string) bool {
	var raw syscall.RawSockaddrUnix
	if len(path) >= len(raw.Path) {
		return false
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	syscall.CloseOnExec(fd)
	if syscall.SetNonblock(fd, true) != nil {
		return false
	}
	err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
	return err == nil || err == syscall.EAGAIN || err == syscall.EINPROGRESS // a full queue has a listener too
}

// belongsToOther reports that a directory is there, and not ours.
func belongsToOther(dir string) bool {
	var st syscall.Stat_t
	return syscall.Stat(dir, &st) == nil && int(st.Uid) != syscall.Geteuid()
}
