//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that are meant for the apps, by name. Those that end us are not among them.
func forwarded() (<-chan string, func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	names := make(chan string)
	done := make(chan struct{})
	go func() { // ends with the function returned
		for {
			select {
			case s := <-signals:
				select {
				case names <- unix.SignalName(s.(syscall.Signal)):
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}()
	return names, func() { signal.Stop(signals); close(done) }
}

// quits is a context that SIGQUIT ends, too: images of containers name it as their signal to stop.
func quits(ctx context.Context) (context.Context, func()) {
	return signal.NotifyContext(ctx, syscall.SIGQUIT)
}

// interrupts are the signals that ask us to end, from now on.
func interrupts() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	return signals, func() { signal.Stop(signals) }
}

func signalNumber(name string) int { return int(unix.SignalNum(name)) }

// reapOrphans takes the status of every process that falls to us as the first process of a container. Whoever calls it must
// wait for no child of its own from then on.
func reapOrphans() (stop func()) {
	children := make(chan os.Signal, 1) // one pending is as good as many
	signal.Notify(children, syscall.SIGCHLD)
	done := make(chan struct{})
	go func() { // ends with the function returned
		for {
			for {
				var status syscall.WaitStatus
				pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
				if err == syscall.EINTR {
					continue
				}
				if pid <= 0 {
					break
				}
			}
			select {
			case <-children:
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(children); close(done) }
}
