// Package procstat samples what whole process trees use, once a second.
//
// The sampler reads every tree of Options.Roots each period and publishes the
// samples in a cache. Whoever asks gets the published sample and waits for
// nothing; only a sample that has expired, or was invalidated, is taken at once,
// by one of those who ask for it.
//
// On Linux the processes are read through descriptors that stay open (a file
// /proc/PID/stat per process, up to a quarter of RLIMIT_NOFILE); elsewhere, or
// on demand, by gopsutil.
package procstat

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"weaver/cache"
)

// Root is the main process of a tree.
type Root struct {
	PID int
	// Start is the start time of the process, in clock ticks since boot as in
	// /proc/PID/stat on Linux, in milliseconds since 1970 elsewhere. A process
	// with the same pid and another start time is not this one. 0 is unknown.
	Start uint64
	// Extra tells of members that are not descendants any more, such as adopted
	// orphans or the rest of a cgroup. It may be nil. It is called without any
	// lock of the sampler held.
	Extra func() []int
}

// Options say what is sampled, and how.
type Options struct {
	Roots func() []Root // the trees; called without any lock of the sampler held
	// Find tells of a root that is newer than the last call of Roots, which is
	// cheaper than to ask for all. It may be nil. It is called as Roots is.
	Find  func(pid int) (Root, bool)
	Every time.Duration // period; 0 is 1 s
	// TTL is how long a sample is fresh once the next one is due; 0 is 1 s, and
	// less than 0 turns the cache off, so that every Read samples.
	TTL    time.Duration
	Source string // Linux, Gopsutil, or "" for the best of this system
}

// Sampler samples process trees. Make one with New, and let it Run.
type Sampler struct {
	roots  func() []Root
	find   func(pid int) (Root, bool)
	every  time.Duration
	source string
	cache  *cache.Cache[int, Sample]
	stale  atomic.Uint64 // counts Invalidate

	mu       sync.Mutex // guards what follows; held for one tree at a time
	src      source
	closed   bool
	known    map[int]Root // of the last call of roots
	accounts map[int]*account
	readings []reading
	ledger   ledger
	ticks    uint64
	took     time.Duration // the last tick
}

// New makes a sampler that is not running yet; Read samples on demand.
func New(o Options) (*Sampler, error) {
	if o.Roots == nil {
		return nil, errors.New("sample processes: no roots given")
	}
	src, name, err := newSource(o.Source)
	if err != nil {
		return nil, err
	}
	return newSampler(o, src, name), nil
}

func newSampler(o Options, src source, name string) *Sampler {
	s := &Sampler{
		roots:    o.Roots,
		find:     o.Find,
		every:    o.Every,
		source:   name,
		src:      src,
		known:    make(map[int]Root),
		accounts: make(map[int]*account),
	}
	if s.every <= 0 {
		s.every = time.Second
	}
	if o.TTL == 0 {
		o.TTL = time.Second
	}
	s.cache = cache.New[int, Sample](cache.Options{})
	s.SetTTL(o.TTL)
	return s
}

// Run samples all trees each period until ctx ends, then closes the sampler.
func (s *Sampler) Run(ctx context.Context) error {
	defer s.Close()
	clock := time.NewTicker(s.every)
	defer clock.Stop()
	for {
		s.tick()
		select {
		case <-clock.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Read tells what the tree of a root uses. It reports false if pid is not the
// main process of a tree, or has ended.
func (s *Sampler) Read(pid int) (Sample, bool) {
	if pid <= 0 {
		return Sample{}, false
	}
	sample, err := s.cache.GetOrLoad(context.Background(), pid, func(context.Context) (Sample, error) {
		return s.demand(pid)
	})
	return sample, err == nil
}

// Invalidate drops the sample of a tree because something has changed: the next
// Read samples at once.
func (s *Sampler) Invalidate(pid int) {
	s.stale.Add(1)
	s.cache.Delete(pid)
}

// TTL is how long a sample is fresh once the next one is due; 0 says that the
// cache is off.
func (s *Sampler) TTL() time.Duration {
	if ttl := s.cache.TTL(); ttl > 0 {
		return ttl - s.every
	}
	return 0
}

// SetTTL changes the TTL. With 0 or less every Read samples.
func (s *Sampler) SetTTL(d time.Duration) {
	if d > 0 {
		d += s.every
	}
	s.cache.SetTTL(d)
}

// SetMaxEntries bounds the samples that are kept; 0 is no bound. What is not kept is sampled when it is read.
func (s *Sampler) SetMaxEntries(n int) { s.cache.SetMaxEntries(n) }

// Clear drops all samples.
func (s *Sampler) Clear() {
	s.stale.Add(1)
	s.cache.Clear()
}

// Stats say how the sampler does.
type Stats struct {
	Cache       cache.Stats // its TTL is that of Sampler.TTL plus one period
	Source      string
	Trees       int
	Procs       int           // processes kept in mind
	Descriptors int           // open for them
	Ticks       uint64        // periods so far
	Took        time.Duration // the last one
}

// Stats tells how the sampler does.
func (s *Sampler) Stats() Stats {
	st := Stats{Cache: s.cache.Stats(), Source: s.source}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Trees, st.Ticks, st.Took = len(s.accounts), s.ticks, s.took
	st.Procs, st.Descriptors = s.src.size()
	return st
}

// Close frees the descriptors. Read then tells only what is still fresh.
func (s *Sampler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.src.close()
	}
}

// tick samples every tree.
func (s *Sampler) tick() {
	began := time.Now()
	roots := s.roots()
	s.mu.Lock()
	s.ticks++
	s.remember(roots)
	if !s.closed {
		// What look cannot learn now, it learns the next time; the trees are
		// then as they were.
		_ = s.src.look(0)
	}
	s.mu.Unlock()

	for _, root := range roots {
		if root.PID <= 0 {
			continue
		}
		stale := s.stale.Load()
		if sample, ok := s.sample(root, false); ok {
			s.cache.Set(root.PID, sample)
		} else {
			s.cache.Delete(root.PID)
		}
		if s.stale.Load() != stale { // This may have been about it.
			s.cache.Delete(root.PID)
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.src.sweep()
	for pid, a := range s.accounts {
		if a.tick != s.ticks {
			delete(s.accounts, pid)
		}
	}
	s.took = time.Since(began)
}

// remember keeps the roots for Read. The caller holds s.mu.
func (s *Sampler) remember(roots []Root) {
	clear(s.known)
	for _, r := range roots {
		s.known[r.PID] = r
	}
}

// demand samples the tree of pid now. A root that is not known, or is no longer
// what it was, may be a new one.
func (s *Sampler) demand(pid int) (Sample, error) {
	s.mu.Lock()
	root, ok := s.known[pid]
	s.mu.Unlock()
	if ok {
		if sample, ok := s.sample(root, true); ok {
			return sample, nil
		}
	}
	if root, ok = s.newest(pid); ok {
		if sample, ok := s.sample(root, true); ok {
			return sample, nil
		}
	}
	return Sample{}, errNoTree
}

// newest asks for the root pid, as what is known of it is not so.
func (s *Sampler) newest(pid int) (root Root, ok bool) {
	if s.find != nil {
		if root, ok = s.find(pid); ok {
			s.mu.Lock()
			s.known[pid] = root
			s.mu.Unlock()
		}
		return root, ok
	}
	roots := s.roots()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remember(roots)
	root, ok = s.known[pid]
	return root, ok
}

// sample reads one tree, after a look for new processes if asked.
func (s *Sampler) sample(root Root, look bool) (Sample, bool) {
	var extra []int
	if root.Extra != nil {
		extra = root.Extra()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Sample{}, false
	}
	if look {
		_ = s.src.look(root.PID) // As in tick.
	}
	var ok bool
	s.readings, ok = s.src.tree(s.readings[:0], root.PID, root.Start, extra)
	if !ok {
		delete(s.accounts, root.PID)
		return Sample{}, false
	}
	a := s.accounts[root.PID]
	if a == nil || a.start != s.readings[0].start {
		a = &account{}
		s.accounts[root.PID] = a
	}
	a.tick = s.ticks
	return a.observe(time.Now(), s.readings, s.every/2, &s.ledger), true
}
