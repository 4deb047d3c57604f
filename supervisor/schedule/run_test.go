package schedule

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// wall is a clock that somebody sets.
type wall struct{ wrong atomic.Int64 }

func (w *wall) set(wrong time.Duration) { w.wrong.Store(int64(wrong)) }
func (w *wall) now() time.Time          { return time.Now().Round(0).Add(time.Duration(w.wrong.Load())) }

// diary has what fires: due times, and when that was, by the clock on the wall.
type diary struct {
	mu   sync.Mutex
	list [2][]string
	stop context.CancelCauseFunc
	done chan error
}

// start runs s in virtual time.
func start(s Schedule, w *wall, fire func(*diary)) *diary {
	ctx, cancel := context.WithCancelCause(context.Background())
	d := &diary{stop: cancel, done: make(chan error, 1)}
	go func() { // ends with finish, or when s is never due again
		d.done <- run(ctx, s, w.now, func(due time.Time) {
			d.mu.Lock()
			for i, t := range []time.Time{due, w.now()} {
				d.list[i] = append(d.list[i], t.UTC().Format("02 15:04:05"))
			}
			d.mu.Unlock()
			fire(d)
		})
	}()
	return d
}

func (d *diary) read(i int) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list[i])
}

func (d *diary) due() []string { return d.read(0) }
func (d *diary) at() []string  { return d.read(1) }

// after lets a time pass.
func (d *diary) after(span time.Duration) *diary {
	time.Sleep(span) // virtual
	synctest.Wait()
	return d
}

var errOver = errors.New("over")

func (d *diary) finish(t *testing.T) {
	d.stop(errOver)
	assert.ErrorIs(t, <-d.done, errOver)
}

func nothing(*diary) {}

// The clock of a synctest bubble starts at 2000-01-01 00:00:00 UTC.
func TestRunFiresOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(utc(t, "*/20 * * * *"), &wall{}, nothing).after(time.Hour)
		assert.Equal(t, []string{"01 00:20:00", "01 00:40:00", "01 01:00:00"}, f.due())
		assert.Equal(t, f.due(), f.at())
		f.finish(t)
	})
}

func TestRunEndsWhenNothingIsEverDueAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		assert.NoError(t, Run(t.Context(), utc(t, "0 0 30 2 *"), func(time.Time) { t.Error("fired") }))
		assert.NoError(t, Run(t.Context(), Schedule{}, func(time.Time) { t.Error("fired") }))
	})
}

func TestRunOnARealClock(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	err := Run(ctx, utc(t, "* * * * * *"), func(due time.Time) {
		assert.False(t, time.Now().Before(due))
		cancel(errOver)
	})
	assert.ErrorIs(t, err, errOver)
}

func TestNothingFiresAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(utc(t, "* * * * * *"), &wall{}, func(f *diary) {
			f.stop(errOver)
			time.Sleep(time.Hour) // much is due by now
		})
		f.after(2 * time.Hour).finish(t)
		assert.Len(t, f.due(), 1)
	})
}

func TestNothingFiresAfterTheEndEvenIfItIsLate(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errOver)
	clock := time.Now()
	err := run(ctx, utc(t, "* * * * *"), func() time.Time {
		clock = clock.Add(time.Hour)
		return clock
	}, func(time.Time) { t.Error("fired") })
	assert.ErrorIs(t, err, errOver)
}

func TestAClockSetForwardFiresOnceForAllItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		f := start(utc(t, "0 * * * *"), w, nothing).after(90 * time.Minute)
		w.set(5*time.Hour + 30*time.Second)
		f.after(look)
		assert.Equal(t, []string{"01 01:00:00", "01 02:00:00"}, f.due())
		assert.Less(t, f.at()[1], "01 06:32:00")
		f.after(time.Hour)
		assert.Equal(t, []string{"01 01:00:00", "01 02:00:00", "01 07:00:00"}, f.due())
		f.finish(t)
	})
}

func TestAClockSetBackFiresNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		f := start(utc(t, "*/30 * * * *"), w, nothing).after(65 * time.Minute)
		assert.Equal(t, []string{"01 00:30:00", "01 01:00:00"}, f.due())
		w.set(-time.Hour) // it is 00:05 again
		f.after(time.Hour)
		assert.Len(t, f.due(), 2)
		f.after(time.Hour)
		assert.Equal(t, []string{"01 00:30:00", "01 01:00:00", "01 01:30:00", "01 02:00:00"}, f.due())
		assert.Equal(t, f.due(), f.at())
		f.finish(t)
	})
}

func TestAClockSetBackWhileFireRunsFiresNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		f := start(utc(t, "*/30 * * * *"), w, func(*diary) { w.set(-10 * time.Minute) }).after(65 * time.Minute)
		assert.Equal(t, []string{"01 00:30:00"}, f.due()) // it is 00:55
		f.after(time.Hour)
		assert.Equal(t, []string{"01 00:30:00", "01 01:00:00", "01 01:30:00"}, f.due())
		f.finish(t)
	})
}

// Timers and the clock on the wall drift apart: a timer may ring a moment before what it waits for.
func TestAClockThatIsSlewedFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		f := start(utc(t, "* * * * *"), w, nothing).after(59 * time.Second)
		w.set(-300 * time.Millisecond)
		f.after(2 * time.Second)
		assert.Equal(t, []string{"01 00:01:00"}, f.due())
		f.after(time.Minute)
		assert.Equal(t, []string{"01 00:01:00", "01 00:02:00"}, f.due())
		f.finish(t)
	})
}

// A machine without a battery for its clock may start in the wrong year.
func TestAClockThatWasYearsAheadDoesNotSilenceASchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		w.set(5 * 365 * 24 * time.Hour)
		f := start(utc(t, "0 * * * *"), w, nothing).after(90 * time.Minute)
		assert.Len(t, f.due(), 1)
		w.set(0)
		f.after(time.Hour)
		assert.Equal(t, "01 02:00:00", f.due()[1])
		assert.Len(t, f.due(), 2)
		f.finish(t)
	})
}

func TestAClockThatWasYearsBehindFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		w.set(-20 * 365 * 24 * time.Hour)
		f := start(utc(t, "*/30 * * * * *"), w, nothing).after(45 * time.Second)
		assert.Len(t, f.due(), 1)
		w.set(0)
		f.after(30 * time.Second) // one late for all years, one on time
		assert.Equal(t, []string{"01 00:01:00"}, f.at()[1:])
		f.after(30 * time.Second)
		assert.Len(t, f.due(), 3)
		f.finish(t)
	})
}

func TestWhatIsDueWhileFireRunsIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(utc(t, "* * * * *"), &wall{}, func(*diary) { time.Sleep(150 * time.Second) }).after(10 * time.Minute)
		assert.Equal(t, []string{"01 00:01:00", "01 00:04:00", "01 00:07:00", "01 00:10:00"}, f.due())
		assert.Equal(t, f.due(), f.at())
		f.after(3 * time.Minute).finish(t)
	})
}

func TestRunAcrossAnHourThatComesTwice(t *testing.T) {
	s := in(t, berlin, "30 2 * * *")
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		w.set(time.Until(at(t, "2024-10-26T12:00:00Z")))
		f := start(s, w, nothing).after(36 * time.Hour)
		assert.Equal(t, []string{"27 00:30:00"}, f.due())
		assert.Equal(t, f.due(), f.at())
		f.finish(t)
	})
}
