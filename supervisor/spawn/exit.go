package spawn

import (
	"fmt"
	"syscall"
	"time"
)

// Exit is how a main process ended.
type Exit struct {
	Code   int            // exit code; -1 if a signal ended it, or if the status was lost
	Signal syscall.Signal // 0 if it exited by itself
	Core   bool           // a core was dumped
	OOM    bool           // the kernel killed it for want of memory, as far as the control group tells
	Lost   bool           // somebody else took the status
	Rusage
	At time.Time // when it was noticed
}

// Rusage is what a main process, with the children it waited for, used.
type Rusage struct {
	User, System time.Duration
	MaxRSS       int64 // bytes
}

// String says it as a person would: "exit code 3", "killed by SIGSEGV (core dumped)".
func (e Exit) String() string {
	switch {
	case e.Lost:
		return "exit status lost"
	case e.Signal == 0:
		return fmt.Sprintf("exit code %d", e.Code)
	case e.OOM:
		return "killed by " + signalName(e.Signal) + " (out of memory)"
	case e.Core:
		return "killed by " + signalName(e.Signal) + " (core dumped)"
	}
	return "killed by " + signalName(e.Signal)
}
