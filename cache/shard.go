package cache

import "sync"

// entry is one stored value, linked to its neighbours in the order of storing.
type entry[K comparable, V any] struct {
	key        K
	val        V
	stored     int64  // clock at the Set
	seq        uint64 // the order of storing across all shards
	prev, next *entry[K, V]
}

// shard is a part of the map under its own lock. A plain mutex, held for some
// nanoseconds, costs as much as a read lock and lets the counters be plain.
type shard[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*entry[K, V]
	calls   map[K]*call[V] // loads under way whose result is still wanted
	ring    *entry[K, V]   // ring.next is the oldest, ring.prev the newest

	hits, misses, loads, evictions, expired uint64

	_ [56]byte // fills two cache lines, so that neighbours don't slow each other
}

func (s *shard[K, V]) init() {
	s.entries = make(map[K]*entry[K, V])
	s.calls = make(map[K]*call[V])
	s.ring = &entry[K, V]{}
	s.ring.prev, s.ring.next = s.ring, s.ring
}

func (s *shard[K, V]) oldest() *entry[K, V] {
	if e := s.ring.next; e != s.ring {
		return e
	}
	return nil
}

// append makes e the newest.
func (s *shard[K, V]) append(e *entry[K, V]) {
	e.prev, e.next = s.ring.prev, s.ring
	e.prev.next, e.next.prev = e, e
}

func (e *entry[K, V]) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// put stores v under k. The caller holds s.mu, and makes room after letting go.
func (c *Cache[K, V]) put(s *shard[K, V], k K, v V, now int64) {
	ttl := c.ttl.Load()
	c.sweep(s, now, ttl)
	if ttl <= 0 {
		return
	}
	e := s.entries[k]
	if e == nil {
		e = &entry[K, V]{key: k}
		s.entries[k] = e
		c.total.Add(1)
	} else {
		e.unlink()
	}
	e.val, e.stored, e.seq = v, now, c.seq.Add(1)
	s.append(e)
}

// sweep frees the expired. Each entry is swept once, so a Set pays for one
// other on average. The caller holds s.mu.
func (c *Cache[K, V]) sweep(s *shard[K, V], now, ttl int64) {
	for e := s.oldest(); e != nil && now-e.stored >= ttl; e = s.oldest() {
		c.expire(s, e)
	}
}

// expire and remove free e. The caller holds s.mu.
func (c *Cache[K, V]) expire(s *shard[K, V], e *entry[K, V]) {
	s.expired++
	c.remove(s, e)
}

func (c *Cache[K, V]) remove(s *shard[K, V], e *entry[K, V]) {
	delete(s.entries, e.key)
	e.unlink()
	c.total.Add(-1)
}

// makeRoom evicts the oldest entries until the bound holds. Those that have
// expired are the oldest, so they go first.
func (c *Cache[K, V]) makeRoom(now int64) {
	if m := c.max.Load(); m <= 0 || c.total.Load() <= m {
		return
	}
	c.evicting.Lock()
	defer c.evicting.Unlock()
	for m := c.max.Load(); m > 0 && c.total.Load() > m; m = c.max.Load() {
		s, seq := c.oldestShard()
		if s == nil {
			return // Others have emptied the cache meanwhile.
		}
		s.mu.Lock()
		switch e := s.oldest(); {
		case e == nil || e.seq != seq: // It was touched: look again.
		case now-e.stored >= c.ttl.Load():
			c.expire(s, e)
		default:
			s.evictions++
			c.remove(s, e)
		}
		s.mu.Unlock()
	}
}

// oldestShard finds the shard with the oldest entry of all, and its seq.
func (c *Cache[K, V]) oldestShard() (oldest *shard[K, V], seq uint64) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		if e := s.oldest(); e != nil && (oldest == nil || e.seq < seq) {
			oldest, seq = s, e.seq
		}
		s.mu.Unlock()
	}
	return oldest, seq
}
