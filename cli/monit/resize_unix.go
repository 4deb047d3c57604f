//go:build unix

package monit

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// resized has everything drawn anew when the terminal has another size.
func (r *runner) resized(ctx context.Context) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	defer signal.Stop(c)
	for {
		select {
		case <-ctx.Done():
			return
		case <-c:
			r.send(ctx, func(*model) { r.shown = nil }) // the loop's goroutine runs it
		}
	}
}
