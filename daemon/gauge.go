package daemon

import (
	"sync"
	"time"
)

const (
	// gaugeEvery is how old a reading may be.
	gaugeEvery = time.Second
	// gaugeIdle is how long a gauge goes on reading after it was last asked.
	gaugeIdle = 2500 * time.Millisecond
)

// gauge keeps a reading that is expensive compared with an answer that has it. While somebody keeps asking it is taken once
// a period in the background, so that nobody waits for it; who asks after a long silence waits for a new one.
type gauge[T any] struct {
	read func() T

	mu    sync.Mutex
	last  T
	at    time.Time // of last; zero is never
	asked time.Time
	timer *time.Timer // nil while nobody asks
	over  bool
}

// get returns the last reading, or a new one.
func (g *gauge[T]) get() T {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.asked = now
	if g.at.IsZero() || now.Sub(g.at) > gaugeEvery+gaugeEvery/2 { // the timer may be a little late
		g.last, g.at = g.read(), now
	}
	if g.timer == nil && !g.over {
		g.timer = time.AfterFunc(gaugeEvery, g.again)
	}
	return g.last
}

// again takes a reading while somebody asks.
func (g *gauge[T]) again() {
	g.mu.Lock()
	wanted := !g.over && time.Since(g.asked) < gaugeIdle
	if !wanted {
		g.timer = nil
	}
	g.mu.Unlock()
	if !wanted {
		return
	}
	last, at := g.read(), time.Now() // nobody waits for it
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last, g.at = last, at
	if g.over {
		g.timer = nil
		return
	}
	g.timer.Reset(gaugeEvery)
}

// clear has the next who asks get a new reading.
func (g *gauge[T]) clear() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = time.Time{}
}

// stop ends the reading in the background.
func (g *gauge[T]) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	if g.timer != nil && g.timer.Stop() {
		g.timer = nil
	}
}
