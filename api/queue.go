package api

import (
	"context"
	"sync"
)

// askedAtOnce is how many requests of a client are under way at a time; the others wait for their turn. What is followed, events
// and logs, does not count once its first word has come.
const askedAtOnce = 64

// queue has requests wait for their turn. The zero value works.
type queue struct {
	mu    sync.Mutex
	turns chan struct{}
	all   *sync.WaitGroup // those under way, and those that wait
}

// enter waits for a turn. leave ends it, and can be called more than once.
func (q *queue) enter(ctx context.Context) (leave func(), err error) {
	q.mu.Lock()
	if q.turns == nil {
		q.turns, q.all = make(chan struct{}, askedAtOnce), new(sync.WaitGroup)
	}
	turns, all := q.turns, q.all
	all.Add(1)
	q.mu.Unlock()
	select {
	case turns <- struct{}{}:
		return sync.OnceFunc(func() { <-turns; all.Done() }), nil
	case <-ctx.Done():
		all.Done()
		return nil, ctx.Err()
	}
}

// drain waits for those that have entered until now.
func (q *queue) drain() {
	q.mu.Lock()
	all := q.all
	if all != nil {
		q.all = new(sync.WaitGroup)
	}
	q.mu.Unlock()
	if all != nil {
		all.Wait()
	}
}
