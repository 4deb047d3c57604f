package config

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fits is as much of JSON Schema as ours uses.
func fits(root, s, v any) error {
	o, ok := s.(map[string]any)
	if !ok {
		return nil // true
	}
	if r, ok := o["$ref"].(string); ok {
		return fits(root, root.(map[string]any)["definitions"].(map[string]any)[strings.TrimPrefix(r, "#/definitions/")], v)
	}
	if list, ok := o["anyOf"].([]any); ok {
		var first error
		good := false
		for _, one := range list {
			err := fits(root, one, v)
			good = good || err == nil
			if first == nil {
				first = err
			}
		}
		if !good {
			return fmt.Errorf("none of anyOf: %w", first)
		}
	}
	if list, ok := o["enum"].([]any); ok {
		for _, one := range list {
			if one == v {
				return nil
			}
		}
		return fmt.Errorf("%v is none of %v", v, list)
	}
	if t, ok := o["type"]; ok && !isType(t, v) {
		return fmt.Errorf("%v is no %v", v, t)
	}
	if p, ok := o["pattern"].(string); ok {
		if text, isText := v.(string); isText && !regexp.MustCompile(p).MatchString(text) {
			return fmt.Errorf("%q does not match %s", text, p)
		}
	}
	if low, ok := o["minimum"].(float64); ok {
		if n, isNumber := v.(float64); isNumber && n < low {
			return fmt.Errorf("%v is less than %v", n, low)
		}
	}
	if list, ok := v.([]any); ok && o["items"] != nil {
		for _, e := range list {
			if err := fits(root, o["items"], e); err != nil {
				return err
			}
		}
	}
	m, isObject := v.(map[string]any)
	if !isObject {
		return nil
	}
	for _, key := range asList(o["required"]) {
		if _, ok := m[key.(string)]; !ok {
			return fmt.Errorf("%v is required", key)
		}
	}
	for key, value := range m {
		one, known := asMap(o["properties"])[key]
		for pattern, s := range asMap(o["patternProperties"]) {
			if regexp.MustCompile(pattern).MatchString(key) {
				one, known = s, true
			}
		}
		if !known {
			if one, known = o["additionalProperties"]; !known {
				continue
			}
			if one == false {
				return fmt.Errorf("unknown key %q", key)
			}
		}
		if err := fits(root, one, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func asMap(v any) map[string]any { m, _ := v.(map[string]any); return m }
func asList(v any) []any         { l, _ := v.([]any); return l }

func isType(t, v any) bool {
	if list, ok := t.([]any); ok {
		for _, one := range list {
			if isType(one, v) {
				return true
			}
		}
		return false
	}
	n, isNumber := v.(float64)
	switch t {
	case "integer":
		return isNumber && n == math.Trunc(n)
	case "number":
		return isNumber
	case "string":
		_, ok := v.(string)
		return ok
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	case "object":
		_, ok := v.(map[string]any)
		return ok
	}
	return v == nil
}

func readSchema(t *testing.T) any {
	var schema any
	require.NoError(t, json.Unmarshal(Schema(), &schema))
	return schema
}

func plainTree(t *testing.T, v any) any {
	var out any
	require.NoError(t, json.Unmarshal(raw(v), &out))
	return out
}

// wellFormed is what draft 7 says about the words that ours uses: tools refuse a schema as a whole where one is of another type.
func wellFormed(t *testing.T, at string, s any) {
	if _, ok := s.(bool); ok {
		return
	}
	require.IsType(t, map[string]any{}, s, at)
	for word, v := range s.(map[string]any) {
		here := at + "/" + word
		switch word {
		case "$schema", "$id", "$ref", "title", "description":
			assert.IsType(t, "", v, here)
		case "pattern":
			_, err := regexp.Compile(v.(string))
			assert.NoError(t, err, here)
		case "type":
			for _, one := range append(asList(v), v) {
				if text, ok := one.(string); ok {
					assert.Contains(t, []string{"array", "boolean", "integer", "null", "number", "object", "string"}, text, here)
				} else {
					assert.NotEmpty(t, asList(one), here)
				}
			}
		case "minimum":
			assert.IsType(t, 0.0, v, here)
		case "enum", "required":
			assert.NotEmpty(t, asList(v), here)
		case "anyOf":
			assert.NotEmpty(t, asList(v), here)
			for _, one := range asList(v) {
				wellFormed(t, here, one)
			}
		case "definitions", "properties", "patternProperties":
			require.IsType(t, map[string]any{}, v, here)
			for name, one := range asMap(v) {
				wellFormed(t, here+"/"+name, one)
			}
		case "items", "additionalProperties", "propertyNames":
			wellFormed(t, here, v)
		default:
			assert.Fail(t, "no word of a schema that is looked at here", here)
		}
	}
}

func TestTheSchemaIsOne(t *testing.T) { wellFormed(t, "#", readSchema(t)) }

func TestTheSchemaKnowsEverySpelling(t *testing.T) {
	app := asMap(asMap(asMap(readSchema(t))["definitions"])["app"])
	for _, key := range knownKeys() {
		assert.Contains(t, app["properties"], key)
	}
}

func TestTheSchemaTakesWhatLoadTakes(t *testing.T) {
	schema := readSchema(t)
	dir := filepath.Join("..", "testdata", "ecosystem")
	seen := 0
	for _, name := range []string{"ecosystem.json5", "ecosystem.yaml", "ecosystem.toml", "single.json", "shared.json", "wrapped.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		tree, err := parseData(formatOf(name), name, data)
		require.NoError(t, err)
		assert.NoError(t, fits(schema, schema, plainTree(t, tree)), name)
		seen++
	}
	assert.Equal(t, 6, seen)
}

// TestTheSchemaRefusesWhatLoadRefuses walks the same values past both.
func TestTheSchemaAgreesWithTheReader(t *testing.T) {
	schema := readSchema(t)
	for _, row := range []string{
		`{"script":"x","instances":2}`, `{"script":"x","instances":"max"}`, `{"script":"x","instances":true}`,
		`{"script":"x","max_memory_restart":"150M"}`, `{"script":"x","max_memory_restart":"lots"}`, `{"script":"x","max_memory_restart":-1}`,
		`{"script":"x","min_uptime":"5s"}`, `{"script":"x","min_uptime":10}`, `{"script":"x","min_uptime":"soon"}`,
		`{"script":"x","exec_mode":"fork"}`, `{"script":"x","exec_mode":"spoon"}`, `{"script":"x","kill_timeout":"3000"}`,
		`{"script":"x","watch":true}`, `{"script":"x","watch":5}`, `{"script":"x","args":["a"]}`, `{"script":"x","args":{}}`,
		`{"script":"x","autorestart":"yes"}`, `{"script":"x","env":{"A":1}}`, `{"script":"x","env_prod":{"A":null}}`, `{"script":"x","env_prod":3}`,
		`{"script":"x","port":8080}`, `{"script":"x","max_restarts":1.5}`, `{"script":"x","max_restarts":-1}`, `{"name":"no script"}`,
		`{"script":"x","stop_exit_codes":[0,3]}`, `{"script":"x","max_cpu":0.5}`, `{"script":"x","max_cpu":"150%"}`,
		`{"script":"x","logs":{"directory":"l","max_size":"5M","compress":true}}`, `{"script":"x","logs":{"stdout":"x"}}`, `{"script":"x","logs":true}`,
		`{"cmd":"x","maxRestarts":3}`,
	} {
		tree, err := parseJSONish("t", []byte(row))
		require.NoError(t, err)
		in := tree.(object)
		vals, _, errs := check(in, Context{Cwd: "/", CPUs: func() int { return 2 }})
		_, hasScript := vals["script"]
		accepts := len(errs) == 0 && hasScript
		said := fits(schema, ref2(schema), plainTree(t, tree))
		assert.Equal(t, accepts, said == nil, "%s: reader %v, schema %v", row, errs, said)
	}
}

func ref2(schema any) any { return asMap(asMap(schema)["definitions"])["app"] }
