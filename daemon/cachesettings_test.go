package daemon

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/app"
)

func setting(t *testing.T, c *api.Client, name, value string) {
	t.Helper()
	_, err := c.Settings(t.Context(), map[string]string{name: value})
	require.NoError(t, err)
}

// figure is what `cache stats` says of one cache.
func figure(t *testing.T, c *api.Client, name string) api.CacheFigure {
	t.Helper()
	s, err := c.Cache(t.Context(), false)
	require.NoError(t, err)
	return s.Caches[name]
}

// TestTheSizeOfTheCacheIsASetting bounds it while it runs: it is smaller at once, and what is not in it is told all the same.
func TestTheSizeOfTheCacheIsASetting(t *testing.T) {
	_, c := serve(t)
	start(t, c, sleeper("a"), sleeper("b"), sleeper("c"), sleeper("d"))
	known := func() (n int) {
		for _, p := range list(t, c) {
			if p.Usage.Memory > 0 {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return known() == 4 && figure(t, c, "metrics").Entries == 4 }, 60*time.Second, 5*time.Millisecond)
	setting(t, c, "cache.max_entries", "2")
	f := figure(t, c, "metrics")
	assert.LessOrEqual(t, f.Entries, 2)
	assert.Equal(t, 2, f.Max)
	assert.GreaterOrEqual(t, f.Evictions, uint64(2))
	assert.Equal(t, 4, known(), "what is not kept is looked at")
	assert.LessOrEqual(t, figure(t, c, "metrics").Entries, 2)
	assert.Equal(t, 2, figure(t, c, "status").Max)

	setting(t, c, "cache.max_entries", "0")
	require.Eventually(t, func() bool { return known() == 4 && figure(t, c, "metrics").Entries == 4 }, 60*time.Second, 5*time.Millisecond)
	assert.Zero(t, figure(t, c, "metrics").Max)
	assert.Equal(t, maxRenderings, figure(t, c, "status").Max, "listings are large")
}

// TestTheTTLsOfTheCacheAreSettings changes them while it runs, clears it, and switches it off.
func TestTheTTLsOfTheCacheAreSettings(t *testing.T) {
	_, c := serve(t)
	start(t, c, sleeper("a"))
	assert.Equal(t, app.Duration(time.Second), figure(t, c, "metrics").TTL)
	assert.Equal(t, app.Duration(500*time.Millisecond), figure(t, c, "status").TTL)
	setting(t, c, "cache.metrics_ttl", "7s")
	setting(t, c, "cache.status_ttl", "3s")
	assert.Equal(t, app.Duration(7*time.Second), figure(t, c, "metrics").TTL)
	assert.Equal(t, app.Duration(3*time.Second), figure(t, c, "status").TTL)
	list(t, c)
	_, err := c.Cache(t.Context(), true)
	require.NoError(t, err)
	assert.Zero(t, figure(t, c, "status").Entries, "cleared")
	setting(t, c, "cache.enabled", "false")
	s, err := c.Cache(t.Context(), false)
	require.NoError(t, err)
	assert.False(t, s.Enabled)
	assert.Zero(t, figure(t, c, "metrics").TTL)
	assert.Positive(t, list(t, c)[0].Usage.Memory, "without it all is looked at")
	setting(t, c, "cache.enabled", "true")
	assert.Equal(t, app.Duration(7*time.Second), figure(t, c, "metrics").TTL, "as it was set")
}
