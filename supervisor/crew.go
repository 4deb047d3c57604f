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

	mu    sync.Mutex
	left  []func()      // what can wait until a member has nothing better to do
	chore chan struct{} // has a token while left may not be empty
}

func newCrew() *crew {
	c := &crew{work: make(chan func()), chore: make(chan struct{}, 1), began: time.Now()}
	for range max(2, runtime.GOMAXPROCS(0)) { // one may wait for an exec while another works
		c.members.Go(c.member) // ends with close
	}
	return c
}

// member does what is given, and what was left when nothing is.
func (c *crew) member() {
	for {
		select {
		case job, ok := <-c.work:
			if !ok {
				c.tidy()
				return
			}
			job()
			continue
		default:
		}
		select {
		case job, ok := <-c.work:
			if !ok {
				c.tidy()
				return
			}
			job()
		case <-c.chore:
			c.tidy()
		}
	}
}

// later has f done soon, and waits for nobody: it is for cleaning up after something that is over already.
func (c *crew) later(f func()) {
	c.mu.Lock()
	c.left = append(c.left, f)
	c.mu.Unlock()
	select {
	case c.chore <- struct{}{}:
	default: // whoever takes the token that is there takes all
	}
}

// tidy does what was left until nothing is, one thing at a time.
func (c *crew) tidy() {
	for {
		c.mu.Lock()
		if len(c.left) == 0 {
			c.left = nil
			c.mu.Unlock()
			return
		}
		f := c.left[0]
		c.left = c.left[1:]
		c.mu.Unlock()
		f()
	}
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

// close ends the crew, with all that was left done. Nothing may be given to it any more.
func (c *crew) close() {
	close(c.work)
	c.members.Wait()
}
