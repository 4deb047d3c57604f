package daemon

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"weaver/supervisor/schedule"
)

// rotator rotates every log at set times, beside what their sizes demand. Its zero value does nothing.
type rotator struct {
	mu   sync.Mutex
	expr string
	stop func()
}

// at has fire called at the times of expr from now on; "" is never.
func (r *rotator) at(expr string, fire func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if expr == r.expr {
		return
	}
	if r.stop != nil {
		r.stop()
	}
	r.expr, r.stop = expr, nil
	if expr == "" {
		return
	}
	s, err := schedule.Parse(expr)
	if err != nil {
		return // nothing was set that cannot be read
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { schedule.Run(ctx, s, func(time.Time) { fire() }) }) // ends with stop
	r.stop = func() { cancel(); done.Wait() }
}

// rotateAll rotates the logs of all processes.
func (d *daemon) rotateAll() {
	files, err := d.files(nil)
	if err != nil {
		d.log.Error("rotate the logs", zap.Error(err))
		return
	}
	for _, f := range files {
		if _, err := d.logs.Rotate(f); err != nil {
			d.log.Error("rotate a log", zap.String("file", f), zap.Error(err))
		}
	}
}
