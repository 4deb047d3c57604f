package cache

import "context"

// call is one load under way. Its fields are read after done is closed.
type call[V any] struct {
	done chan struct{}
	val  V
	err  error
	void bool // the loader left without an answer: it panicked, or its caller gave up
}

// GetOrLoad returns the value stored under k, or loads and stores it. Of all
// who ask for an absent key at once, one runs load, with its own ctx, and the
// others wait for that result or the end of their ctx. An error goes to all of
// them and is not stored. If the one that loads has its ctx end, or panics, the
// next of those who wait loads instead. While the cache is off every call
// loads, except those that find a load of the same key under way.
func (c *Cache[K, V]) GetOrLoad(ctx context.Context, k K, load func(context.Context) (V, error)) (V, error) {
	s := c.shard(k)
	for first := true; ; first = false {
		now, ttl := c.tell(), c.ttl.Load()
		s.mu.Lock()
		if e := s.entries[k]; e != nil {
			if now-e.stored < ttl {
				v := e.val
				s.hits++
				s.mu.Unlock()
				return v, nil
			}
			c.expire(s, e)
		}
		if first {
			s.misses++
		}
		running := s.calls[k]
		if running == nil {
			mine := &call[V]{done: make(chan struct{}), void: true}
			s.calls[k] = mine
			s.loads++
			s.mu.Unlock()
			return c.lead(ctx, s, k, mine, load)
		}
		s.mu.Unlock()

		select {
		case <-running.done:
			if !running.void {
				return running.val, running.err
			}
		case <-ctx.Done():
			var none V
			return none, context.Cause(ctx)
		}
	}
}

// lead runs load and hands its result to the shard and to those who wait, also
// when load panics.
func (c *Cache[K, V]) lead(ctx context.Context, s *shard[K, V], k K, mine *call[V], load func(context.Context) (V, error)) (V, error) {
	defer func() {
		now := c.tell()
		s.mu.Lock()
		if s.calls[k] == mine { // Else a Set or Delete has overtaken this load.
			delete(s.calls, k)
			if !mine.void && mine.err == nil {
				c.put(s, k, mine.val, now)
			}
		}
		s.mu.Unlock()
		close(mine.done)
		c.makeRoom(now)
	}()
	mine.val, mine.err = load(ctx)
	mine.void = mine.err != nil && ctx.Err() != nil
	return mine.val, mine.err
}
