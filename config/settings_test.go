package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/config/home"
)

func TestSettingsHaveDefaults(t *testing.T) {
	s, err := LoadSettings(home.Home{Dir: t.TempDir()})
	require.NoError(t, err)
	assert.True(t, s.Cache.Enabled)
	assert.Equal(t, time.Second, s.Cache.MetricsTTL)
	assert.Equal(t, 500*time.Millisecond, s.Cache.StatusTTL)
	assert.Equal(t, 10*time.Second, s.Lock.Timeout)
	assert.True(t, s.Lock.Enabled)
	assert.Equal(t, app.Bytes(10<<20), s.Log.MaxSize)
	assert.Equal(t, 30, s.Log.Keep)
	assert.Equal(t, app.Bytes(1<<30), s.Log.TotalBudget)
	v, ok := s.Get("lock.timeout")
	assert.True(t, ok)
	assert.Equal(t, "10s", v)
	assert.Empty(t, s.Given())
}

func TestSettingsSurviveADisk(t *testing.T) {
	h := home.Home{Dir: filepath.Join(t.TempDir(), "new")}
	s := DefaultSettings()
	for name, value := range map[string]string{
		"cache.metrics_ttl": "250", "lock.timeout": "2m", "log.max_size": "1g", "log.compress": "yes", "pm2-logrotate:retain": "all", "a.b": "{}",
	} {
		require.NoError(t, s.Set(name, value), name)
	}
	require.NoError(t, SaveSettings(h, s))
	got, err := LoadSettings(h)
	require.NoError(t, err)
	assert.Equal(t, s, got)
	assert.Equal(t, 250*time.Millisecond, got.Cache.MetricsTTL)
	assert.Equal(t, 2*time.Minute, got.Lock.Timeout)
	assert.Equal(t, app.Bytes(1<<30), got.Log.MaxSize)
	assert.True(t, got.Log.Compress)
	v, _ := got.Get("pm2-logrotate:retain")
	assert.Equal(t, "all", v)

	assert.True(t, got.Unset("lock.timeout"))
	assert.False(t, got.Unset("lock.timeout"))
	assert.Equal(t, 10*time.Second, got.Lock.Timeout)
	assert.Equal(t, 2*time.Minute, s.Lock.Timeout, "a copy is a copy")
	_, kept := s.Given()["lock.timeout"]
	assert.True(t, kept)

	other := s
	assert.True(t, other.Unset("a.b"))
	_, kept = s.Given()["a.b"]
	assert.True(t, kept)

	info, err := os.Stat(h.Settings())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(h.Dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary file is left")
}

func TestBadSettingsChangeNothing(t *testing.T) {
	s := DefaultSettings()
	for name, tc := range map[string]struct{ value, want string }{
		"cache.metric_ttl":  {"1s", "set cache.metric_ttl: unknown setting, did you mean cache.metrics_ttl?"},
		"log.nonsense":      {"1", "set log.nonsense: unknown setting"},
		"cache.metrics_ttl": {"-1s", `set cache.metrics_ttl: "-1s" is no duration like 500ms or 10s`},
		"cache.max_entries": {"-1", `set cache.max_entries: "-1" is no whole number from 0`},
		"lock.enabled":      {"maybe", `set lock.enabled: "maybe" is neither true nor false`},
		"log.max_size":      {"10X", `set log.max_size: "10X" is no size like 512K, 10M or 1G`},
		"":                  {"x", "set : not a name of at most 255 bytes with a value of at most 64 KB"},
	} {
		assert.EqualError(t, s.Set(name, tc.value), tc.want)
	}
	assert.Equal(t, DefaultSettings(), s)
}

func TestABrokenFileLeavesWhatIsRight(t *testing.T) {
	h := home.Home{Dir: t.TempDir()}
	write(t, h.Dir, "settings.json", `{"lock.timeout": "3s", "log.keep": "many", "log.compress": true, "cache.nope": 1}`, 0o600)
	s, err := LoadSettings(h)
	assert.ErrorContains(t, err, `set log.keep: "many" is no whole number`)
	assert.ErrorContains(t, err, "cache.nope")
	assert.Equal(t, 3*time.Second, s.Lock.Timeout)
	assert.Equal(t, 30, s.Log.Keep)
	assert.True(t, s.Log.Compress)

	write(t, h.Dir, "settings.json", "{\n]", 0o600)
	s, err = LoadSettings(h)
	assert.ErrorContains(t, err, "settings.json:2:1: unexpected ']'")
	assert.Equal(t, DefaultSettings(), s)
	write(t, h.Dir, "settings.json", "[]", 0o600)
	_, err = LoadSettings(h)
	assert.ErrorContains(t, err, "want an object")
}
