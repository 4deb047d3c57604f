package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestYAMLMeansWhatItMeansToPM2(t *testing.T) {
	// As js-yaml, PM2's reader, has it; seen with npm's PM2.
	v, err := parseYAML("f", []byte(`
a: yes
b: 022
c: 0o17
d: 1_000
e: 12e3
g: 1:30
h: ~
i: 0x1F
j: .5
k: +5
l: "x"
m: !!str 5
n: 0.10
p: off
q: |
  multi
  line
r: >-
  fold
  ed
s: '5'
t: True
u: -.inf
v:
w: [1, {x: y}]
5: five
? z
: 1
`))
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":"yes","b":22,"c":15,"d":"1_000","e":12000,"g":"1:30","h":null,"i":31,"j":0.5,"k":5,"l":"x","m":"5",
		"n":0.1,"p":"off","q":"multi\nline\n","r":"fold ed","s":"5","t":true,"u":null,"v":null,"w":[1,{"x":"y"}],"5":"five","z":1}`,
		string(raw(v)))
}

func TestYAMLMergeKeys(t *testing.T) {
	v, err := parseYAML("f", []byte(`
a: &a {x: 1, y: 2}
b: &b {x: 9, z: 3}
one: {<<: *a, y: 5}
two:
  w: 0
  <<: [*a, *b]
list: [*a, *b]
`))
	require.NoError(t, err)
	o := v.(object)
	for key, want := range map[string]string{"one": `{"x":1,"y":5}`, "two": `{"x":1,"y":2,"z":3,"w":0}`, "list": `[{"x":1,"y":2},{"x":9,"z":3}]`} {
		got, _ := o.get(key)
		assert.Equal(t, want, string(raw(got)), key)
	}
}

func TestYAMLSaysWhereItGoesWrong(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"apps:\n  - name: x\n   script: y\n", "f:3:4: "},
		{"a: 'x", "f:1:4: "},
		{"a: *nope", "f:1:4: unknown alias *nope"},
		{"a: [1, 2", "f:1:4: "},
		{"a: !!float x", "f:1:4: !!float wants a number"},
		{"a: !custom x", "f:1:4: unknown tag !custom"},
		{"a: 1\n---\nb: 2\n", "f:3:2: a second document: a config is one document"},
		{"a: 1\na: 2\n", "f:2:1: "},
		{"<<: 5", "f:1:3: \"<<\" wants a mapping"},
		{"a: &a [*a]", "f:1:8: &a contains itself"},
		{"a: &a {b: &b {c: *a}}", "f:1:18: &a contains itself"},
	} {
		_, err := parseYAML("f", []byte(tc.in))
		require.Error(t, err, tc.in)
		assert.True(t, strings.HasPrefix(err.Error(), tc.want), "%q: %s", tc.in, err)
		assert.NotContains(t, err.Error(), "\n")
	}
}

func TestYAMLBombsEndQuickly(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a: &a0 [x, x]\n")
	for i := range 40 {
		fmt.Fprintf(&laughs, "b%d: &a%d [*a%d, *a%d]\n", i, i+1, i, i)
	}
	var merges strings.Builder
	merges.WriteString("a: &a0 {k: 1}\n")
	for i := range 40 {
		fmt.Fprintf(&merges, "b%d: &a%d {k%d: 1, <<: [*a%d, *a%d]}\n", i, i+1, i, i, i)
	}
	for name, in := range map[string]string{
		"laughs":     laughs.String(),
		"merges":     merges.String(),
		"flow":       strings.Repeat("[", 4<<20),
		"flow maps":  strings.Repeat("{a: ", 1<<20),
		"dashes":     strings.Repeat("- ", 1<<20) + "x",
		"questions":  strings.Repeat("? ", 1<<20) + "x",
		"mixed":      strings.Repeat("- ? ", 1<<20) + "x",
		"tags":       strings.Repeat("!!seq ", 1<<18) + "[]",
		"anchors":    strings.Repeat("&a ", 1<<18) + "x",
		"deep block": deepBlock(600),
	} {
		_, err := parseYAML("f", []byte(in))
		require.Error(t, err, name)
		assert.Less(t, len(err.Error()), 300, name)
	}
}

func deepBlock(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"apps:\n  - name: x\n    script: y\n", "a: &a [1, *a]", "a: &a {b: 1}\nc: {<<: *a}", "? a\n: b", "- - - a", "a: |\n  x\n", "!!str 5", "a: \"\\u0041\"", "---\na: b\n..."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 4096 {
			return
		}
		v, err := parseYAML("f", []byte(in))
		if err != nil {
			var at *SyntaxError
			require.True(t, errors.As(err, &at))
			return
		}
		raw(v)
	})
}

func TestTOML(t *testing.T) {
	v, err := parseTOML("f", []byte("[[apps]]\nname = \"x\"\nports = [1, 2.5]\nwhen = 2020-01-02\n[apps.env]\nB = \"2\"\nA = true\n"))
	require.NoError(t, err)
	assert.Equal(t, `{"apps":[{"env":{"A":true,"B":"2"},"name":"x","ports":[1,2.5],"when":"2020-01-02"}]}`, string(raw(v)))

	_, err = parseTOML("f", []byte("[[apps]]\nname = \"x\"\nscript = \n"))
	var at *SyntaxError
	require.ErrorAs(t, err, &at)
	assert.Equal(t, 3, at.Line)
	assert.Positive(t, at.Col)
}

func TestTOMLBombsEndQuickly(t *testing.T) {
	for name, in := range map[string]string{
		"arrays": "a = " + strings.Repeat("[", 4<<20),
		"tables": "a = " + strings.Repeat("{a=", 1<<20),
		"dots":   strings.Repeat("a.", 20_000) + "a = 1",
		"header": "[" + strings.Repeat("a.", 20_000) + "a]\nx = 1",
	} {
		_, err := parseTOML("f", []byte(in))
		assert.Error(t, err, name)
	}
}

func FuzzTOML(f *testing.F) {
	for _, seed := range []string{"[[apps]]\nname = 'x'\n", "a = [1, {b = 2}]", "a.b.c = 1979-05-27T07:32:00Z", "a = \"\"\"x\n\"\"\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		v, err := parseTOML("f", []byte(in))
		if err != nil {
			var at *SyntaxError
			require.True(t, errors.As(err, &at))
			return
		}
		raw(v)
	})
}
