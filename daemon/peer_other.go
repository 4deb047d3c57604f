//go:build !linux && !darwin

package daemon

import (
	"errors"
	"net"
)

// peerOf fails: this system does not tell who connected, and the daemon serves nobody it does not know.
func peerOf(*net.UnixConn) (peer, error) {
	return peer{}, errors.New("the daemon cannot tell who connects on this system: not supported")
}

func groupsOf(*net.UnixConn) ([]int, error) {
	return nil, errors.New("not supported on this system")
}

func readRights(c *net.UnixConn, b []byte) (int, []int, error) {
	n, err := c.Read(b)
	return n, nil, err
}

// belongs reports that a process is a user's. Here nobody tells; who connected is known all the same.
func belongs(int, int) bool { return false }

func umask(mask int) int { return mask }

func closeFD(int) {}
