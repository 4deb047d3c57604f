package supervisor

import "syscall"

// signalName returns the system's words: there are no signals here.
func signalName(s syscall.Signal) string { return s.String() }
