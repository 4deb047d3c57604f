package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheProgramOfAModule(t *testing.T) {
	for text, want := range map[string]string{
		`{"name": "m"}`:                                    "index.js",
		`{"name": "m", "main": "lib.js"}`:                  "lib.js",
		`{"name": "m", "main": "lib.js", "bin": "cli.js"}`: "cli.js",
		`{"name": "m", "bin": {"a": "a.js", "m": "m.js"}}`: "m.js",
		`{"name": "m", "bin": {"b": "b.js", "a": "a.js"}}`: "a.js",
	} {
		var m manifest
		require.NoError(t, json.Unmarshal([]byte(text), &m))
		assert.Equal(t, want, m.script(), text)
	}
}

func TestTheDirectoryOfAModule(t *testing.T) {
	for what, want := range map[string]string{
		"pm2-metrics": "pm2-metrics", "pm2-metrics@1.2.3": "pm2-metrics", "@scope/mod@2": "@scope-mod", "./x-1.0.0.tgz": "x-1.0.0",
		"/tmp/../etc/x.tgz": "x", "x-1.0.0.tar.gz": "x-1.0.0", "..": "", "a/../../b": "b",
	} {
		got := moduleDir(what)
		assert.Equal(t, want, got, what)
		assert.NotContains(t, got, "/")
	}
}
