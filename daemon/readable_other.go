//go:build !unix

package daemon

import "net"

// readable is not known on this system.
func readable(*net.UnixListener) bool { return false }
