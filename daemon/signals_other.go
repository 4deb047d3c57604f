//go:build !unix

package daemon

import (
	"errors"
	"os"
)

// notifyReload does nothing: there is no such signal here. `weaver reloadLogs` does the same.
func notifyReload(chan<- os.Signal) {}

func isReload(os.Signal) bool { return false }

func closeOnExec(int) {}

// setNonblock fails: nobody hands descriptors over here.
func setNonblock(int) error { return errors.New("not supported on this system") }
