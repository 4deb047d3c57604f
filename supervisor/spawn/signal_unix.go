//go:build unix

package spawn

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSignal is the highest signal number: Linux has real-time signals up to 64.
const maxSignal = 64

// ParseSignal reads a signal by name, with or without SIG, in any case, or by number: "SIGUSR2", "usr2", "12".
func ParseSignal(s string) (syscall.Signal, error) {
	word := strings.TrimSpace(s)
	if n, err := strconv.Atoi(word); err == nil {
		if n >= 1 && n <= maxSignal {
			return syscall.Signal(n), nil
		}
		return 0, fmt.Errorf("unknown signal %q", s)
	}
	if sig := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(word), "SIG")); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("unknown signal %q", s)
}

func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return "signal " + strconv.Itoa(int(sig))
}
