package supervisor

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long launches may make no progress at all before one goes ahead of the queue. Each further one that goes
// ahead has waited as long since the one before.
const patience = 500 * time.Millisecond

// crew runs launches, a few at a time. A launch needs a deep stack and blocks its thread in open and vfork; a thousand
// keepers that did it themselves would each keep the stack, and the process the threads.
//
// It is elastic: when nothing has been finished for a while (logs on a server that does not answer, say), the next job gets
// a goroutine of its own, so that a stuck service stalls nobody else.
type crew struct {
	work     chan func()
	finished atomic.Uint64
	members  sync.WaitGroup
	ahead    atomic.Int64 // when the last job went ahead, in nanoseconds since began
	began    time.Time
}

func newCrew() *crew {
	c := &crew{work: make(chan func()), began: time.Now()}
	for range max(2, runtime.GOMAXPROCS(0)) { // one may wait for an exec while another works
		c.members.Go(func() { // ends with close
			for job := range c.work {
				job()
			}
		})
	}
	return c
}

// do runs f on one of the crew and returns when it is done.
func (c *crew) do(f func()) {
	done := make(chan struct{})
	job := func() {
		defer close(done)
		f()
		c.finished.Add(1)
	}
	c.give(job)
	<-done
}

func (c *crew) give(job func()) {
	select {
	case c.work <- job:
		return
	default:
	}
	clock := time.NewTicker(patience)
	defer clock.Stop()
	for before := c.finished.Load(); ; {
		select {
		case c.work <- job:
			return
		case <-clock.C:
			now := c.finished.Load()
			if now == before && c.mayGoAhead() {
				c.members.Go(job) // ends with the job
				return
			}
			before = now
		}
	}
}

// mayGoAhead grants it to one caller in each span of patience.
func (c *crew) mayGoAhead() bool {
	now, last := int64(time.Since(c.began)), c.ahead.Load()
	return now-last >= int64(patience) && c.ahead.CompareAndSwap(last, now)
}

// close ends the crew. Nothing may be given to it any more.
func (c *crew) close() {
	close(c.work)
	c.members.Wait()
}
