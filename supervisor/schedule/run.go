package schedule

import (
	"context"
	"time"
)

const (
	// look is how long Run sleeps at most: timers do not notice that the clock was set, or that the machine slept.
	look = time.Minute

	// wrong is how far back a clock is set only if it had been wrong, as Vixie's cron has it. Less is waited out, so that
	// nothing is due twice.
	wrong = 3 * time.Hour
)

// Run calls fire whenever s is due, with the time it was due at, until ctx ends, and returns its cause; or nil, as soon
// as s is never due again.
//
// The clock on the wall decides. When it leaps, or the machine wakes up, fire is called once for all that was missed,
// within a minute. When it is set back, what has been due is not due again; by more than three hours, it had been
// wrong, and Run starts anew. What is due while fire runs is left out.
func Run(ctx context.Context, s Schedule, fire func(due time.Time)) error {
	return run(ctx, s, time.Now, fire)
}

func run(ctx context.Context, s Schedule, now func() time.Time, fire func(due time.Time)) error {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	past := now()
	for {
		due := s.Next(past)
		if due.IsZero() {
			return nil
		}
		for {
			// Without monotonic readings: the difference is to the clock on the wall.
			wait := due.Sub(now().Round(0))
			if wait <= 0 {
				break
			}
			alarm.Reset(min(wait, look))
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-alarm.C:
			}
			if t := now(); past.Sub(t.Round(0)) > wrong {
				past = t
				due = s.Next(past)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fire(due)
		past = due
		if t := now(); t.Round(0).After(past) {
			past = t
		}
	}
}
