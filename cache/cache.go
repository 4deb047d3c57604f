// Package cache is a sharded map whose entries expire.
//
// An entry lives for the TTL counted from the Set that stored it. The TTL is
// one number for the whole cache and may change while the cache is in use, so
// an entry remembers when it was stored, not when it ends. Since every entry
// lives equally long, the order of storing is also the order of expiry: each
// shard keeps its entries in that order, and the oldest entry is always at the
// front, whether it is to be swept, evicted or asked about.
//
// Nothing runs in the background while the cache is not used.
package cache

import (
	"hash/maphash"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how a cache behaves. The zero value is a cache that is off.
type Options struct {
	// TTL is how long an entry lives; 0 or less turns the cache off.
	TTL time.Duration
	// Shards is rounded up to a power of two; 0 takes four per CPU, 8 to 64.
	Shards int
	// MaxEntries bounds the entries of all shards together; 0 is no bound.
	MaxEntries int
	// Now tells monotonic nanoseconds, for tests. Nil is a coarse clock that
	// may be a few milliseconds late, at a twentieth of the cost of a real one.
	Now func() int64
}

// Cache is safe for use by many goroutines at once. Make one with New.
type Cache[K comparable, V any] struct {
	seed   maphash.Seed
	shards []shard[K, V] // a power of two of them
	mask   uint64
	now    func() int64 // nil: clock
	clock  clock

	ttl   atomic.Int64 // nanoseconds; 0 is off
	max   atomic.Int64 // 0 is unbounded
	total atomic.Int64 // entries stored in all shards
	seq   atomic.Uint64

	evicting sync.Mutex // one goroutine at a time makes room
}

// New makes a cache.
func New[K comparable, V any](o Options) *Cache[K, V] {
	n := shardCount(o.Shards)
	c := &Cache[K, V]{
		seed:   maphash.MakeSeed(),
		shards: make([]shard[K, V], n),
		mask:   uint64(n - 1),
		now:    o.Now,
	}
	c.clock.base = time.Now()
	for i := range c.shards {
		c.shards[i].init()
	}
	c.ttl.Store(max(int64(o.TTL), 0))
	c.max.Store(max(int64(o.MaxEntries), 0))
	return c
}

// Get returns the value stored under k, if it is still alive.
func (c *Cache[K, V]) Get(k K) (V, bool) {
	now, ttl := c.tell(), c.ttl.Load()
	s := c.shard(k)
	s.mu.Lock()
	if e := s.entries[k]; e != nil {
		if now-e.stored < ttl {
			v := e.val
			s.hits++
			s.mu.Unlock()
			return v, true
		}
		c.expire(s, e)
	}
	s.misses++
	s.mu.Unlock()
	var none V
	return none, false
}

// Set stores v under k and starts its life anew. A load of k under way keeps
// its waiters, but its result is not stored over v. While the cache is off Set
// stores nothing.
func (c *Cache[K, V]) Set(k K, v V) {
	now := c.tell()
	s := c.shard(k)
	s.mu.Lock()
	delete(s.calls, k)
	c.put(s, k, v, now)
	s.mu.Unlock()
	c.makeRoom(now)
}

// Delete forgets k. The result of a load of k that is under way goes to those
// who wait for it already, and is not stored: who asks after Delete gets a
// value that was loaded after Delete.
func (c *Cache[K, V]) Delete(k K) {
	s := c.shard(k)
	s.mu.Lock()
	delete(s.calls, k)
	if e := s.entries[k]; e != nil {
		c.remove(s, e)
	}
	s.mu.Unlock()
}

// Clear forgets everything, as Delete of every key would.
func (c *Cache[K, V]) Clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		clear(s.calls)
		for e := s.oldest(); e != nil; e = s.oldest() {
			c.remove(s, e)
		}
		s.mu.Unlock()
	}
}

// Len counts the entries alive, and frees those that are not.
func (c *Cache[K, V]) Len() int {
	now, ttl := c.tell(), c.ttl.Load()
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		c.sweep(s, now, ttl)
		n += len(s.entries)
		s.mu.Unlock()
	}
	return n
}

// TTL is how long an entry lives; 0 says the cache is off.
func (c *Cache[K, V]) TTL() time.Duration { return time.Duration(c.ttl.Load()) }

// SetTTL changes how long entries live, those already stored included. What
// had expired before stays so. With 0 or less the cache is emptied and off:
// every Get misses.
func (c *Cache[K, V]) SetTTL(d time.Duration) {
	c.Len() // A longer life must not raise the dead.
	c.ttl.Store(max(int64(d), 0))
	if d <= 0 {
		c.Clear()
	}
}

// SetMaxEntries changes the bound and evicts at once what exceeds it.
func (c *Cache[K, V]) SetMaxEntries(n int) {
	c.max.Store(max(int64(n), 0))
	c.makeRoom(c.tell())
}

// shardCount is a power of two: n rounded up, or four per CPU within 8 to 64.
func shardCount(n int) int {
	if n <= 0 {
		n = min(max(4*runtime.GOMAXPROCS(0), 8), 64)
	}
	return 1 << bits.Len(uint(n-1))
}

func (c *Cache[K, V]) shard(k K) *shard[K, V] {
	return &c.shards[maphash.Comparable(c.seed, k)&c.mask]
}

func (c *Cache[K, V]) tell() int64 {
	if c.now != nil {
		return c.now()
	}
	return c.clock.read()
}
