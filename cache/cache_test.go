package cache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hand is a clock moved by hand.
type hand struct{ now int64 }

func (h *hand) tell() int64             { return h.now }
func (h *hand) advance(d time.Duration) { h.now += int64(d) }

func atHand(o Options) (*Cache[string, int], *hand) {
	h := &hand{now: 1}
	o.Now = h.tell
	return New[string, int](o), h
}

func TestEntryLivesForItsTTL(t *testing.T) {
	c, h := atHand(Options{TTL: time.Second})
	c.Set("a", 1)
	h.advance(time.Second - 1)
	v, ok := c.Get("a")
	require.True(t, ok)
	require.Equal(t, 1, v)
	h.advance(1)
	_, ok = c.Get("a")
	require.False(t, ok)
	st := c.Stats()
	assert.EqualValues(t, 1, st.Hits)
	assert.EqualValues(t, 1, st.Misses)
	assert.EqualValues(t, 1, st.Expired)
	assert.Zero(t, st.Entries)
}

func TestSetStartsLifeAnew(t *testing.T) {
	c, h := atHand(Options{TTL: time.Second})
	c.Set("a", 1)
	h.advance(700 * time.Millisecond)
	c.Set("a", 2)
	h.advance(700 * time.Millisecond)
	v, ok := c.Get("a")
	require.True(t, ok)
	require.Equal(t, 2, v)
}

func TestOffMissesAlways(t *testing.T) {
	for _, ttl := range []time.Duration{0, -time.Second} {
		c, _ := atHand(Options{TTL: ttl})
		c.Set("a", 1)
		require.Zero(t, c.total.Load(), "what cannot be read must not take memory")
		_, ok := c.Get("a")
		require.False(t, ok)
		require.Zero(t, c.TTL())
	}
}

func TestTTLChangesForStoredEntries(t *testing.T) {
	c, h := atHand(Options{TTL: time.Second})
	c.Set("a", 1)
	h.advance(500 * time.Millisecond)
	c.SetTTL(200 * time.Millisecond)
	_, ok := c.Get("a")
	require.False(t, ok, "shorter life holds at once")

	c.Set("b", 1)
	c.SetTTL(time.Minute)
	h.advance(time.Second)
	_, ok = c.Get("b")
	require.True(t, ok, "longer life holds at once")

	h.advance(time.Hour)
	c.SetTTL(24 * time.Hour)
	_, ok = c.Get("b")
	require.False(t, ok, "a longer life raises no dead")

	c.Set("c", 1)
	c.SetTTL(0)
	require.Zero(t, c.total.Load())
	c.SetTTL(time.Hour)
	_, ok = c.Get("c")
	require.False(t, ok)
}

func TestBoundEvictsTheOldest(t *testing.T) {
	c, h := atHand(Options{TTL: time.Second, MaxEntries: 2})
	c.Set("a", 1)
	c.Set("b", 2)
	c.Set("a", 3) // b is the oldest now
	c.Set("c", 4)
	_, ok := c.Get("b")
	require.False(t, ok)
	_, ok = c.Get("a")
	require.True(t, ok)
	require.EqualValues(t, 1, c.Stats().Evictions)

	h.advance(time.Second)
	c.Set("d", 5)
	c.Set("e", 6)
	st := c.Stats()
	require.EqualValues(t, 1, st.Evictions, "the expired make room, the living stay")
	require.Equal(t, 2, st.Entries)

	c.SetMaxEntries(1)
	require.Equal(t, 1, c.Len())
	_, ok = c.Get("e")
	require.True(t, ok)
}

func TestExpiredEntriesAreFreedWithoutBeingRead(t *testing.T) {
	c, h := atHand(Options{TTL: time.Second, Shards: 1})
	for _, k := range []string{"a", "b", "c", "d"} {
		c.Set(k, 1)
	}
	h.advance(time.Second)
	c.Set("e", 1)
	require.EqualValues(t, 1, c.total.Load())
}

func TestShardCount(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 3: 4, 8: 8, 9: 16, 64: 64} {
		require.Equal(t, want, shardCount(n), n)
	}
	auto := shardCount(0)
	require.GreaterOrEqual(t, auto, 8)
	require.LessOrEqual(t, auto, 64)
}

// The default clock is tested in virtual time: late by a beat at most, and no
// timer is left when nobody looks.
func TestCoarseClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int, int](Options{TTL: time.Second})
		for range 100 {
			c.Set(1, 1)
			time.Sleep(time.Second - beat - 1)
			_, ok := c.Get(1)
			require.True(t, ok, "died early")
			time.Sleep(2*beat + 2)
			_, ok = c.Get(1)
			require.False(t, ok, "lives on")
		}
		for range 1000 { // the clock is kept awake, and goes right
			want := c.clock.exact()
			require.InDelta(t, want, c.clock.read(), float64(beat))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(3 * beat)
		synctest.Wait()
		require.Zero(t, c.clock.now.Load(), "the clock did not stop")
	})
}
