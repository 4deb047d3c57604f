package spawn

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// The pauses between looks at trees of which no member can be waited for.
const (
	minPause = 5 * time.Millisecond
	maxPause = 100 * time.Millisecond
)

// Looking may cost one part in scanShare of a core, once it has gone on for longer than burst.
const (
	scanShare = 5
	burst     = 50 * time.Millisecond
)

// sweeper finds out when trees become empty whose main process is gone. As long as one member can be waited for (a pidfd)
// the tree is not empty, so nothing is done until that one ends; else it looks again and again.
type sweeper struct {
	mu      sync.Mutex
	pending map[*Child]bool
	at      bool // a goroutine is at it
	news    chan struct{}
	paid    time.Time // when what was looked so far will have been earned; of the goroutine that is at it
}

func (w *sweeper) init() {
	w.pending = make(map[*Child]bool)
	w.news = make(chan struct{}, 1)
}

// settle finds out, at once where that is cheap, whether c's tree is empty; if not, it goes on until it is.
func (s *Spawner) settle(c *Child) {
	if c.grouped() && s.look(c, nil) {
		return
	}
	if !c.grouped() && c.gone() {
		c.becomeEmpty()
		return
	}
	w := &s.sweeper
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending[c] = true
	if w.at {
		select {
		case w.news <- struct{}{}:
		default: // one is as good as many
		}
		return
	}
	if s.closed() {
		return
	}
	w.at = true
	s.running.Add(1)
	go s.sweep() // until nothing is pending
}

// look looks at c's tree once, in t unless it has a control group. It returns true if nothing is left to do now: the tree
// is empty, or one of its members is being waited for.
func (s *Spawner) look(c *Child, t *table) bool {
	if c.vacant() {
		c.becomeEmpty()
		return true
	}
	all, err := c.membersIn(t)
	if err != nil {
		return false
	}
	if len(all.tree) == 0 && !all.unsure && !c.populated() {
		c.becomeEmpty()
		return true
	}
	for _, m := range all.tree {
		if s.watchMember(m, func() { s.settle(c) }) {
			return true
		}
	}
	return false
}

// sweep looks at the pending trees until none is left.
func (s *Spawner) sweep() {
	defer s.running.Done()
	w := &s.sweeper
	for backoff := minPause; ; {
		if !s.rest(time.Until(w.paid.Add(-burst)), nil) {
			return
		}
		batch := w.take()
		if len(batch) == 0 {
			return
		}
		began := time.Now()
		left := s.lookAll(batch)
		if w.paid.Before(began) {
			w.paid = began
		}
		w.paid = w.paid.Add(scanShare * time.Since(began))
		if len(left) == 0 {
			backoff = minPause
			continue
		}
		w.putBack(left)
		if !s.rest(backoff, w.news) {
			return
		}
		backoff = min(2*backoff, maxPause)
	}
}

// lookAll returns the children that have to be looked at again.
func (s *Spawner) lookAll(batch []*Child) (left []*Child) {
	var t *table
	for _, c := range batch {
		if !c.grouped() && t == nil {
			var err error
			if t, err = s.table(); err != nil {
				return batch
			}
		}
		if !s.look(c, t) {
			left = append(left, c)
		}
	}
	return left
}

// rest waits for d or for news, whichever comes first; false if the Spawner closes.
func (s *Spawner) rest(d time.Duration, news <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-news:
	case <-s.closing:
		return false
	}
	return true
}

// take returns what is pending. If that is nothing, nobody is at it any more.
func (w *sweeper) take() []*Child {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch := slices.Collect(maps.Keys(w.pending))
	clear(w.pending)
	w.at = len(batch) > 0
	return batch
}

func (w *sweeper) putBack(left []*Child) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range left {
		w.pending[c] = true
	}
}
