//go:build !unix

package cli

import (
	"context"
	"os"
	"os/signal"
)

// forwarded: there are no signals here that are meant for the apps.
func forwarded() (<-chan string, func()) { return nil, func() {} }

func quits(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }

func interrupts() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	return signals, func() { signal.Stop(signals) }
}

func signalNumber(string) int { return 0 }

func reapOrphans() (stop func()) { return func() {} }
