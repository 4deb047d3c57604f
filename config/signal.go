package config

import (
	"fmt"
	"strconv"
	"strings"
)

// signalNames are the signals with their numbers on Linux; the others differ in some numbers, not in names.
var signalNames = [...]string{
	1: "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
	"SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
	"SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR",
	"SIGSYS",
}

// Signal returns the full name of a signal that is written as a name, with or without "SIG", in any case, or as a
// number: "SIGTERM". One that does not exist is an error with the nearest that does as its Hint.
func Signal(word string) (string, error) {
	name := strings.ToUpper(strings.TrimSpace(word))
	if n, err := strconv.Atoi(name); err == nil {
		if n > 0 && n < len(signalNames) {
			return signalNames[n], nil
		}
		return "", fmt.Errorf("unknown signal %s", clip(word))
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	for _, known := range signalNames[1:] {
		if known == name {
			return name, nil
		}
	}
	err := saidf("unknown signal %s", clip(word))
	if near := Nearest(name, signalNames[1:]); near != "" {
		err.try("did you mean %s?", near)
	}
	return "", err
}
