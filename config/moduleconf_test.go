package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/config/home"
)

func TestModuleConfIsPM2sFile(t *testing.T) {
	h := home.Home{Dir: t.TempDir(), PM2: true}
	m, err := LoadModuleConf(h)
	require.NoError(t, err)
	for _, s := range [][2]string{{"a", "b"}, {"mod:key", "val"}, {"mod.key2", "val2"}} {
		section, key := SplitKey(s[0])
		require.NoError(t, m.Set(section, key, s[1]))
	}
	require.NoError(t, SaveModuleConf(h, m))
	data, err := os.ReadFile(filepath.Join(h.Dir, "module_conf.json"))
	require.NoError(t, err)
	assert.Equal(t, "{\n    \"a\": \"b\",\n    \"mod\": {\n        \"key\": \"val\",\n        \"key2\": \"val2\"\n    }\n}", string(data), "PM2's bytes")

	m, err = LoadModuleConf(h)
	require.NoError(t, err)
	assert.Equal(t, []string{"mod"}, m.Sections())
	settings, ok := m.Section("mod")
	assert.True(t, ok)
	assert.Equal(t, []Setting{{"mod", "key", "val"}, {"mod", "key2", "val2"}}, settings)
	_, ok = m.Section("a")
	assert.False(t, ok)
	env, ok := m.Env("mod")
	assert.True(t, ok)
	all, _ := env.Get("mod")
	assert.Equal(t, `{"key":"val","key2":"val2"}`, all)
	one, _ := env.Get("key2")
	assert.Equal(t, "val2", one)

	assert.True(t, m.Unset("mod", "key"))
	assert.False(t, m.Unset("mod", "key"))
	assert.False(t, m.Unset("nope", "key"))
	assert.True(t, m.Unset("", "a"))
	_, ok = m.Get("", "a")
	assert.False(t, ok)

	m.Register("pm2-x")
	m.Register("pm2-x")
	assert.Equal(t, []string{"pm2-x"}, m.Modules())
	assert.Equal(t, []string{"mod"}, m.Sections(), "what is installed is no setting")
	assert.True(t, m.Unregister("pm2-x"))
	assert.False(t, m.Unregister("pm2-x"))
	require.NoError(t, m.Default("mod", "key2", "other"))
	v, _ := m.Get("mod", "key2")
	assert.Equal(t, "val2", v)
}

func TestADamagedModuleConfIsAnError(t *testing.T) {
	h := home.Home{Dir: t.TempDir()}
	require.NoError(t, os.WriteFile(h.ModuleConf(), []byte(`{"a":`), 0o600))
	_, err := LoadModuleConf(h)
	assert.ErrorContains(t, err, "read the settings of modules")
	_, err = ParseModuleConf("x", []byte("[]"))
	assert.ErrorContains(t, err, "want an object")
}

func TestLogRotateMeansOurOwnRotation(t *testing.T) {
	for _, row := range []struct{ key, value, name, want string }{
		{"max_size", "10M", "log.max_size", "10485760"},
		{"max_size", "", "log.max_size", "10485760"},
		{"max_size", "4k", "log.max_size", "4096"},
		{"retain", "7", "log.keep", "7"},
		{"retain", "all", "log.keep", "0"},
		{"compress", "true", "log.compress", "true"},
		{"compress", "false", "log.compress", "false"},
		{"dateFormat", "YYYY", "log.date_format", "YYYY"},
		{"rotateInterval", "0 0 * * *", "log.rotate_at", "0 0 * * *"},
	} {
		got, err := Rotate(row.key, row.value)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{row.name: row.want}, got)
		s := DefaultSettings()
		require.NoError(t, s.Set(row.name, row.want), row.name)
	}
	got, err := Rotate("workerInterval", "30")
	require.NoError(t, err)
	assert.Empty(t, got)
	_, err = Rotate("max_size", "much")
	assert.Error(t, err)
	s := DefaultSettings()
	assert.Error(t, s.Set("log.rotate_at", "not a time"))
}

func FuzzModuleConf(f *testing.F) {
	f.Add(`{"a": "b", "c": {"d": 1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseModuleConf("f", []byte(text))
		if err != nil {
			return
		}
		data, err := m.JSON()
		require.NoError(t, err)
		again, err := ParseModuleConf("f", data)
		require.NoError(t, err, "%s", data)
		assert.Equal(t, m.Sections(), again.Sections())
	})
}

func TestAnAppIsToldItsSettingsOfNow(t *testing.T) {
	m, err := ParseModuleConf("f", []byte(`{"web":{"A":"1","B":"2"},"other":{"X":"x"}}`))
	require.NoError(t, err)
	var env app.Env
	env.Set("PATH", "/bin")
	assert.True(t, m.Untold("web", env))
	m.Tell("web", &env)
	assert.False(t, m.Untold("web", env))
	assert.ElementsMatch(t, []string{"PATH=/bin", "A=1", "B=2", `web={"A":"1","B":"2"}`}, env.Environ())

	assert.True(t, m.Unset("web", "A"))
	assert.True(t, m.Untold("web", env))
	m.Tell("web", &env)
	assert.ElementsMatch(t, []string{"PATH=/bin", "B=2", `web={"B":"2"}`}, env.Environ())

	assert.True(t, m.Unset("", "web"))
	assert.True(t, m.Untold("web", env))
	m.Tell("web", &env)
	assert.Equal(t, []string{"PATH=/bin"}, env.Environ(), "nothing is left of it")
	assert.False(t, m.Untold("web", env))

	env.Set("third", "{}") // what PM2 has there for an app without settings
	assert.False(t, m.Untold("third", env))
}
