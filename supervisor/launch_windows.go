package supervisor

import (
	"errors"

	"weaver/app"
	"weaver/supervisor/spawn"
)

// pipe is for descriptors, which this system does not have.
func pipe([]int) error { return errors.New("standard input of services is not supported on Windows") }

func rlimits(*app.Limits) []spawn.Rlimit { return nil }

func closeFD(int) {}
