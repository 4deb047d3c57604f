//go:build !unix

package spawn

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// signals are the ones that Go knows elsewhere than on Unix.
var signals = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM,
}

// ParseSignal reads a signal by name, with or without SIG, in any case, or by number.
func ParseSignal(s string) (syscall.Signal, error) {
	word := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "SIG")
	if sig, ok := signals[word]; ok {
		return sig, nil
	}
	if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= 15 {
		return syscall.Signal(n), nil
	}
	return 0, fmt.Errorf("unknown signal %q", s)
}

func signalName(sig syscall.Signal) string { return sig.String() }
