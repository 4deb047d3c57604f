package supervisor

import (
	"sync"
	"sync/atomic"
)

// aheadMost is how many processes an operation may be about for its wishes to be synced one by one, ahead of its end. With
// more one sync for all, at the end, is the better way.
const aheadMost = 2

// ahead has wishes brought to the disk while what is wished is being done: whoever waits for both then waits for the longer
// one only. Success is told after a sync of its own, which finds nothing left to do.
type ahead struct {
	small atomic.Int32 // operations under way that are about few
	at    atomic.Bool  // a sync is under way
	begun sync.WaitGroup
}

// during says that an operation about n processes is under way until done is called.
func (a *ahead) during(n int) (done func()) {
	if n > aheadMost {
		return func() {}
	}
	a.small.Add(1)
	return func() { a.small.Add(-1) }
}

// wished has the disk begin, if somebody is going to wait for it. It waits for nobody.
func (a *ahead) wished(sync func() error) {
	if a.small.Load() == 0 || a.at.Swap(true) {
		return
	}
	a.begun.Go(func() { // ends with the sync
		_ = sync() // who waits for it is told
		a.at.Store(false)
	})
}
