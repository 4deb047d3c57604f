package daemon

import "golang.org/x/sys/unix"

// streamPair makes two sockets that are connected. No service may inherit them: they are closed on exec from the beginning,
// since what is forked meanwhile does not wait.
func streamPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}
