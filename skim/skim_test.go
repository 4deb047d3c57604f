package skim

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTruthyIsJavaScripts(t *testing.T) {
	for _, v := range []string{`"a"`, `"0"`, `1`, `-1`, `0.1`, `1e999`, `{}`, `[]`, `true`} {
		assert.True(t, Truthy([]byte(v)), v)
	}
	for _, v := range []string{``, `""`, `0`, `-0`, `0.0`, `0e5`, `null`, `false`} {
		assert.False(t, Truthy([]byte(v)), v)
	}
}

// FuzzMembers compares with the standard decoder.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[1,2,"}"]},"d\"":"\\"} `))
	f.Add([]byte(`{"a" : null , "" : [ ] }`))
	f.Add([]byte(`[{"a":1}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := map[string]string{}
		Members(text, func(k string, v []byte) { got[k] = string(v) }) // whatever it is, no panic
		Truthy(text)
		if !json.Valid(text) {
			return
		}
		want := map[string]json.RawMessage{}
		if json.Unmarshal(text, &want) != nil {
			assert.Empty(t, got)
			return
		}
		assert.Len(t, got, len(want))
		for k, v := range want {
			assert.JSONEq(t, string(v), got[k], k)
		}
	})
}
