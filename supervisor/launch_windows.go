package supervisor

import (
	"errors"

	"weaver/app"
	"weaver/supervisor/spawn"
)

// loop is for descriptors, which this system does not have.
func loop() (int, error) {
	return -1, errors.New("standard input of services is not supported on Windows")
}

func rlimits(*app.Limits) []spawn.Rlimit { return nil }

func closeFD(int) {}
