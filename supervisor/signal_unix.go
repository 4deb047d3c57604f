//go:build unix

package supervisor

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalName returns "SIGKILL" and the like.
func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return "SIG" + strconv.Itoa(int(s)) // a real-time signal
}
