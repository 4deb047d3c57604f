package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// depending loads a file of one app, api, with more attributes.
func depending(t *testing.T, attributes string) ([]app.Dependency, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "api.js"), nil, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "eco.json"), []byte(`{"apps": [{"name": "api", "script": "api.js", "interpreter": "none", `+attributes+`}]}`), 0o600))
	l, err := Load(t.Context(), Context{Cwd: dir}, "eco.json", Flags{})
	if err != nil {
		return nil, err
	}
	require.Empty(t, l.Failed)
	require.Empty(t, l.Problems)
	return l.Apps[0].DependsOn, nil
}

func TestDependenciesInEveryForm(t *testing.T) {
	second := app.Duration(time.Second)
	for _, c := range []struct {
		written string
		want    []app.Dependency
	}{
		{`"depends_on": "db"`, []app.Dependency{{Name: "db"}}},
		{`"depends_on": "db, cache:healthy start:dev"`, []app.Dependency{{Name: "db"}, {Name: "cache", Condition: app.IsHealthy}, {Name: "start:dev"}}},
		{`"depends_on": "db:completed:1s"`, []app.Dependency{{Name: "db", Condition: app.IsCompleted, Timeout: second}}},
		{`"dependencies": ["db", "cache"]`, []app.Dependency{{Name: "db"}, {Name: "cache"}}},
		{`"dependsOn": ["db"]`, []app.Dependency{{Name: "db"}}},
		{
			`"depends_on": {"db": {"condition": "service_healthy", "required": false, "restart": false}, "cache": null, "job": "service_completed_successfully"}`,
			[]app.Dependency{{Name: "db", Condition: app.IsHealthy, Optional: true}, {Name: "cache"}, {Name: "job", Condition: app.IsCompleted}},
		},
		{`"depends_on": [{"service": "db", "condition": "started", "timeout": 1000}]`, []app.Dependency{{Name: "db", Condition: app.IsStarted, Timeout: second}}},
		{`"wait_for": [{"service": "db", "timeout": 1000}, {"service": "cache"}]`, []app.Dependency{{Name: "db", Timeout: second}, {Name: "cache"}}},
		{`"dependencies": ["db"], "wait_for": [{"service": "db", "timeout": "1s"}]`, []app.Dependency{{Name: "db", Timeout: second}}},
		{`"depends_on": []`, nil},
	} {
		got, err := depending(t, c.written)
		require.NoError(t, err, c.written)
		assert.Equal(t, c.want, got, c.written)
	}
}

func TestDependenciesThatMakeNoSense(t *testing.T) {
	for written, want := range map[string]string{
		`"depends_on": {"db": {"condition": "happy"}}`: "started, ready, healthy or completed",
		`"depends_on": {"db": {"timout": 3}}`:          "unknown key timout",
		`"depends_on": {"db": {"timeout": "soon"}}`:    "timeout has to be",
		`"depends_on": {"db": {"restart": true}}`:      "restart both",
		`"depends_on": ["db", "db"]`:                   "twice",
		`"depends_on": ["api"]`:                        "dependency cycle: api -> api",
		`"depends_on": [3]`:                            "holds names and objects",
		`"depends_on": [{"timeout": 3}]`:               "names no service",
		`"depends_on": 3`:                              "to be a typeof [object Array]",
	} {
		_, err := depending(t, written)
		assert.ErrorContains(t, err, want, written)
	}
}

func TestACycleInAFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.js"), nil, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "eco.json"), []byte(`{"apps": [
		{"name": "b", "script": "a.js", "interpreter": "none", "depends_on": "c"},
		{"name": "c", "script": "a.js", "interpreter": "none", "depends_on": ["a"]},
		{"name": "a", "script": "a.js", "interpreter": "none", "depends_on": {"b": {}}}]}`), 0o600))
	_, err := Load(t.Context(), Context{Cwd: dir}, "eco.json", Flags{})
	assert.ErrorContains(t, err, "dependency cycle: a -> b -> c -> a")
}

func TestDependenciesFollowNamesWithTheirEnvironment(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.js"), nil, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "eco.json"), []byte(`{"apps": [
		{"name": "db", "script": "a.js", "interpreter": "none", "append_env_to_name": true, "env_prod": {}},
		{"name": "api", "script": "a.js", "interpreter": "none", "depends_on": ["db", "other"], "env_prod": {}}]}`), 0o600))
	l, err := Load(t.Context(), Context{Cwd: dir}, "eco.json", Flags{Env: "prod"})
	require.NoError(t, err)
	assert.Equal(t, []app.Dependency{{Name: "db-prod"}, {Name: "other"}}, l.Apps[1].DependsOn)
}

func TestDependenciesByFlags(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.js"), nil, 0o700))
	f := Flags{Interpreter: "none", DependsOn: []string{"db", "cache:healthy"}, WaitFor: []string{"db:500"}}
	s, _, err := FromArgs(Context{Cwd: dir}, "a.js", f, nil)
	require.NoError(t, err)
	want := []app.Dependency{{Name: "db", Timeout: app.Duration(500 * time.Millisecond)}, {Name: "cache", Condition: app.IsHealthy}}
	assert.Equal(t, want, s.DependsOn)

	s, err = Patch(s, Flags{DependsOn: []string{"other"}}, nil, Context{Cwd: dir})
	require.NoError(t, err)
	assert.Equal(t, []app.Dependency{{Name: "other"}}, s.DependsOn)
	s, err = Patch(s, Flags{Cron: "0"}, nil, Context{Cwd: dir})
	require.NoError(t, err)
	assert.Equal(t, []app.Dependency{{Name: "other"}}, s.DependsOn, "what was not given stays")
	s, err = Patch(s, Flags{DependsOn: []string{"null"}}, nil, Context{Cwd: dir})
	require.NoError(t, err)
	assert.Empty(t, s.DependsOn)
}

func FuzzDependencies(f *testing.F) {
	for _, seed := range []string{`"db"`, `["a", {"service": "b"}]`, `{"a": {"condition": "ready"}}`, `{"name": "x", "timeout": 3}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		tree, err := parseJSONish("fuzz", []byte(written))
		if err != nil {
			return
		}
		v := values{"depends_on": tree, "wait_for": tree}
		if v.dependencies() != nil {
			return
		}
		list, _ := v["depends_on"].([]app.Dependency)
		for _, d := range list {
			if d.Name == "" || d.Timeout < 0 {
				t.Fatalf("%q gives %+v", written, d)
			}
		}
	})
}
