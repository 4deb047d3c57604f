package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExpiredReadLoadsOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[string, int](Options{TTL: time.Second})
		var loads atomic.Int32
		load := func(context.Context) (int, error) {
			time.Sleep(time.Millisecond)
			return int(loads.Add(1)), nil
		}
		for round := 1; round <= 3; round++ {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					v, err := c.GetOrLoad(t.Context(), "a", load)
					assert.NoError(t, err)
					assert.Equal(t, round, v)
				})
			}
			all.Wait()
			require.EqualValues(t, round, loads.Load())
			time.Sleep(time.Second + 2*beat)
		}
		require.EqualValues(t, 3, c.Stats().Loads)
		require.EqualValues(t, 300, c.Stats().Misses)
	})
}

func TestErrorGoesToAllAndIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[string, int](Options{TTL: time.Second})
		boom := errors.New("boom")
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				_, err := c.GetOrLoad(t.Context(), "a", func(context.Context) (int, error) {
					time.Sleep(time.Millisecond)
					return 0, boom
				})
				assert.ErrorIs(t, err, boom)
			})
		}
		all.Wait()
		require.EqualValues(t, 1, c.Stats().Loads)
		v, err := c.GetOrLoad(t.Context(), "a", func(context.Context) (int, error) { return 7, nil })
		require.NoError(t, err)
		require.Equal(t, 7, v)
	})
}

// slow starts a load of "a" that ends when told to, and returns once it runs.
func slow(t *testing.T, c *Cache[string, int], v int) (finish func(), result chan int) {
	t.Helper()
	started, release, result := make(chan struct{}), make(chan struct{}), make(chan int, 1)
	go func() { // Ends when finish is called.
		got, _ := c.GetOrLoad(context.Background(), "a", func(context.Context) (int, error) {
			close(started)
			<-release
			return v, nil
		})
		result <- got
	}()
	<-started
	return func() { close(release) }, result
}

func TestDeleteDuringLoadKeepsTheStaleOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[string, int](Options{TTL: time.Minute})
		for name, overtake := range map[string]func(){
			"delete": func() { c.Delete("a") },
			"clear":  c.Clear,
		} {
			finish, old := slow(t, c, 1)
			overtake()
			finishNew, fresh := slow(t, c, 2) // a new load, not the old one's waiter
			finish()
			require.Equal(t, 1, <-old, name)
			_, ok := c.Get("a")
			require.False(t, ok, "%s: the overtaken load was stored", name)
			finishNew()
			require.Equal(t, 2, <-fresh, name)
			v, ok := c.Get("a")
			require.True(t, ok, name)
			require.Equal(t, 2, v, name)
			c.Clear()
		}
	})
}

func TestSetDuringLoadWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[string, int](Options{TTL: time.Minute})
		finish, old := slow(t, c, 1)
		c.Set("a", 2)
		finish()
		require.Equal(t, 1, <-old)
		v, _ := c.Get("a")
		require.Equal(t, 2, v)
	})
}

func TestWaiterLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[string, int](Options{TTL: time.Minute})
		finish, old := slow(t, c, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.GetOrLoad(ctx, "a", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		finish()
		<-old
	})
}

func TestNextLoadsWhenTheLoaderGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[string, int](Options{TTL: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		started := make(chan struct{})
		go func() { // Ends when ctx does.
			_, err := c.GetOrLoad(ctx, "a", func(ctx context.Context) (int, error) {
				close(started)
				<-ctx.Done()
				return 0, ctx.Err()
			})
			assert.ErrorIs(t, err, context.Canceled)
		}()
		<-started
		got := make(chan int, 1)
		go func() { // Ends when its load has.
			v, err := c.GetOrLoad(t.Context(), "a", func(context.Context) (int, error) { return 2, nil })
			assert.NoError(t, err)
			got <- v
		}()
		synctest.Wait()
		cancel()
		require.Equal(t, 2, <-got)
		require.EqualValues(t, 2, c.Stats().Misses, "one question is one miss, however often it waits")
	})
}

func TestPanicOfALoadHitsOnlyItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[string, int](Options{TTL: time.Minute})
		started, release := make(chan struct{}), make(chan struct{})
		go func() { // Ends by its panic.
			defer func() { assert.Equal(t, "boom", recover()) }()
			_, _ = c.GetOrLoad(t.Context(), "a", func(context.Context) (int, error) {
				close(started)
				<-release
				panic("boom")
			})
		}()
		<-started
		got := make(chan int, 1)
		go func() { // Ends when its load has.
			v, _ := c.GetOrLoad(t.Context(), "a", func(context.Context) (int, error) { return 2, nil })
			got <- v
		}()
		synctest.Wait()
		close(release)
		require.Equal(t, 2, <-got)
	})
}

func TestManyGoroutinesKeepTheCountsRight(t *testing.T) {
	c := New[int, int](Options{TTL: 50 * time.Microsecond, MaxEntries: 40})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 4000 {
				k := (i*7 + g*13) % 64
				switch i % 9 {
				case 0, 1, 2:
					c.Set(k, k)
				case 3:
					c.Delete(k)
				case 4:
					v, err := c.GetOrLoad(t.Context(), k, func(context.Context) (int, error) { return k, nil })
					assert.NoError(t, err)
					assert.Equal(t, k, v)
				case 5:
					if i%500 == 5 {
						c.SetTTL(time.Duration(i%3) * time.Millisecond)
						c.Clear()
					}
					c.Stats()
				default:
					if v, ok := c.Get(k); ok {
						assert.Equal(t, k, v)
					}
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, c.total.Load(), int64(40))
	entries, listed := 0, 0
	for i := range c.shards {
		s := &c.shards[i]
		entries += len(s.entries)
		for e := s.ring.next; e != s.ring; e = e.next {
			listed++
		}
		require.Empty(t, s.calls)
	}
	require.EqualValues(t, c.total.Load(), entries)
	require.Equal(t, entries, listed)
}
