package cache

import (
	"sync"
	"sync/atomic"
	"time"
)

// beat is how often the coarse clock moves while it is read.
const beat = 5 * time.Millisecond

// clock tells coarse monotonic nanoseconds for the price of an atomic load,
// where asking the kernel's page costs 25 ns and more. While it is read a timer
// moves it; a beat in which nobody looked stops the timer, and the next reader
// asks for the exact time and starts it again. So it is late by a beat at most
// (plus what the scheduler adds), and costs nothing when idle.
type clock struct {
	base time.Time
	now  atomic.Int64 // 0: stopped
	used atomic.Bool

	mu    sync.Mutex // held to start and stop
	timer *time.Timer
}

func (c *clock) read() int64 {
	t := c.now.Load()
	if t == 0 {
		return c.start()
	}
	if !c.used.Load() { // A plain store would bounce the line between CPUs.
		c.used.Store(true)
	}
	return t
}

func (c *clock) exact() int64 { return int64(time.Since(c.base)) + 1 }

func (c *clock) start() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.exact()
	if c.now.Load() != 0 {
		return t
	}
	c.now.Store(t)
	c.used.Store(true)
	if c.timer == nil {
		c.timer = time.AfterFunc(beat, c.move)
	} else {
		c.timer.Reset(beat)
	}
	return t
}

func (c *clock) move() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.used.Swap(false) {
		c.now.Store(0)
		return
	}
	c.now.Store(c.exact())
	c.timer.Reset(beat)
}
