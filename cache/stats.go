package cache

import "time"

// Stats are counts since the cache was made, and its present state.
type Stats struct {
	Hits      uint64        // answers from the cache
	Misses    uint64        // questions it could not answer, those that then waited for a load included
	Loads     uint64        // loads run by GetOrLoad
	Evictions uint64        // live entries dropped for MaxEntries
	Expired   uint64        // entries dropped at the end of their life
	Entries   int           // alive now
	Max       int           // MaxEntries; 0 is no bound
	Shards    int           // parts with a lock of their own
	TTL       time.Duration // 0 is off
}

// Stats sums up the shards one after the other, so under load the numbers may
// be apart by what happened meanwhile.
func (c *Cache[K, V]) Stats() Stats {
	st := Stats{Entries: c.Len(), Max: int(c.max.Load()), Shards: len(c.shards), TTL: c.TTL()}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		st.Hits += s.hits
		st.Misses += s.misses
		st.Loads += s.loads
		st.Evictions += s.evictions
		st.Expired += s.expired
		s.mu.Unlock()
	}
	return st
}
