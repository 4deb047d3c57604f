//go:build unix

package daemon

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyReload has the signal delivered that asks for the logs to be opened again, PM2's SIGUSR2.
func notifyReload(c chan<- os.Signal) { signal.Notify(c, syscall.SIGUSR2) }

func isReload(s os.Signal) bool { return s == syscall.SIGUSR2 }

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }

func setNonblock(fd int) error { return syscall.SetNonblock(fd, true) }
