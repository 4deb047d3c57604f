package nodeipc

import "time"

// A program that talks without end is read by the clock: to be told of each of its messages costs the reader a wake-up, and the
// sender, which has to wake it, more than the message.
const (
	pause = time.Millisecond / 2 // between two looks at a flood; timers of the system may make more of it
	// flood is how many messages in four pauses are one, ebb how few in each of four pauses are none any more.
	flood = 64
	ebb   = 16
	some  = 4
)

// talk is how fast a child talks.
type talk struct {
	heard int       // messages of its program, since
	since time.Time // or, of a flood, in this pause
	calm  int       // pauses with few
}

// measure has the channel be read by the clock if there is a flood on it. It is called when all has been read.
func (c *Channel) measure(x *Exchange) {
	p := &c.talk
	if p.heard == 0 || c.muted { // only this goroutine changes that
		return
	}
	if now := time.Now(); now.Sub(p.since) > some*pause {
		p.heard, p.since = 0, now
		return
	}
	if p.heard < flood || !c.mute(true) {
		return
	}
	*p = talk{}
	if x.floods = append(x.floods, c); len(x.floods) == 1 {
		x.wind()
	}
}

// wind sets the clock.
func (x *Exchange) wind() {
	x.due = time.Time{}
	if len(x.floods) > 0 {
		x.due = time.Now().Add(pause)
	}
	_ = x.file.SetReadDeadline(x.due) // an exchange that is closed serves nobody
}

// clock looks at the floods when it is time to.
func (x *Exchange) clock() {
	if len(x.floods) == 0 || time.Now().Before(x.due) {
		return
	}
	still := x.floods[:0]
	for _, c := range x.floods {
		if c.strike(x) {
			still = append(still, c)
		}
	}
	clear(x.floods[len(still):])
	x.floods = still
	x.wind()
}

// strike reads what has come in a pause. It returns false if that is told of again: in what comes later is no more than in others'.
func (c *Channel) strike(x *Exchange) bool {
	p := &c.talk
	p.heard = 0
	x.turn(c, 0)
	if p.calm++; p.heard >= ebb {
		p.calm = 0
	}
	if p.calm < some {
		return !c.closed
	}
	*p = talk{}
	c.mute(false) // what has come meanwhile is told of now
	return false
}
