//go:build !unix

package daemon

import "os"

// notifyReload does nothing: there is no such signal here. `weaver reloadLogs` does the same.
func notifyReload(chan<- os.Signal) {}

func isReload(os.Signal) bool { return false }

func closeOnExec(int) {}
