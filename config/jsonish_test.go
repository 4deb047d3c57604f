package config

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/config/source"
)

func TestJSONishReadsWhatJavaScriptWould(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{`{}`, `{}`},
		{"\ufeff [1, 2,]", `[1,2]`},
		{`{a: 1, $b: 'x', "c-d": null, 5: true, ünï: 2,}`, `{"a":1,"$b":"x","c-d":null,"5":true,"ünï":2}`},
		{"// c\n/* d\n*/ [1 // e\n, 2] // f", `[1,2]`},
		{`150 * 1024 * 1024`, `157286400`},
		{`1 + 2 * 3 - 4 / 2`, `5`},
		{`(1 + 2) * 3 % 4`, `1`},
		{`2 ** 3 ** 2`, `512`},
		{`-2 + +3 - -1`, `2`},
		{`!0`, `true`},
		{`'a' + 1 + "b" + null`, `"a1bnull"`},
		{`[0xff, 0o17, 0b101, .5, 5., 1e3, 1E-2, 1_000]`, `[255,15,5,0.5,5,1000,0.01,1000]`},
		{`[0x1e+1]`, `[31]`},
		{`'it\'s \n\x41\u0042\u{43}\u{1F600}\ud83d\ude00\
more'`, `"it's \nABC😀😀more"`},
		{"`two\nlines`", `"two\nlines"`},
		{`{a: undefined, b: [undefined]}`, `{"b":[null]}`},
		{`{a: 1, b: 2, a: 3}`, `{"a":3,"b":2}`},
		{`[NaN, Infinity]`, `[null,null]`},
		{`1e400`, `null`},
		{`"\ud800x"`, `"` + "\ufffd" + `x"`},
		{`<>`, ``},
		{`"<&>"`, `"<&>"`},
	} {
		v, err := parseJSONish("f", []byte(tc.in))
		if tc.want == "" {
			assert.Error(t, err, tc.in)
			continue
		}
		require.NoError(t, err, tc.in)
		assert.Equal(t, tc.want, string(raw(v)), tc.in)
	}
}

func TestJSONishSaysWhereItGoesWrong(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", `f:1:1: unexpected end of the file`},
		{"{\n  \"a\": 1\n  \"b\": 2\n}", `f:3:3: unexpected '"'`},
		{"{é: é}", `f:1:5: é is not defined; code belongs into a .config.js file`},
		{"[1,,2]", `f:1:4: unexpected ','`},
		{"[1\n", "f:2:1: unexpected end of the file; \"[\" of line 1, column 1 is not closed"},
		{"{a: 'x\n'}", `f:1:5: the string is not closed`},
		{"{a: 1} extra", `f:1:8: unexpected 'e'`},
		{"/* x", `f:1:1: the comment is not closed`},
		{"{a: process.env.X}", `f:1:5: process is not defined; code belongs into a .config.js file`},
		{"[1 + [] ]", `f:1:4: "+" wants numbers`},
		{"-'a'", `f:1:1: "-" wants a number`},
		{"`${x}`", `f:1:2: ${…} is code, which belongs into a .config.js file`},
		{"{a: 0x}", `f:1:5: unreadable number 0x`},
		{"{a: 12abc}", `f:1:5: unreadable number 12abc`},
		{"{a: 1.2.3}", `f:1:5: unreadable number 1.2.3`},
		{`"\u12"`, `f:1:2: unreadable escape`},
		{"{,}", `f:1:2: unexpected ','`},
		{"(1", "f:1:3: unexpected end of the file; \"(\" of line 1, column 1 is not closed"},
	} {
		_, err := parseJSONish("f", []byte(tc.in))
		assert.EqualError(t, err, tc.want, tc.in)
	}
}

func TestHugeAndDeepJSONEndsQuickly(t *testing.T) {
	for name, in := range map[string]string{
		"arrays":   strings.Repeat("[", 4<<20),
		"objects":  strings.Repeat("{a:", 1<<20),
		"signs":    strings.Repeat("-", 4<<20) + "1",
		"nots":     strings.Repeat("!", 4<<20) + "1",
		"powers":   strings.Repeat("2**", 1<<20) + "1",
		"groups":   strings.Repeat("(", 4<<20),
		"values":   "[" + strings.Repeat("1,", source.MaxValues+1) + "]",
		"doubling": strings.Repeat("(", 30) + "'" + strings.Repeat("x", 1<<20) + "'" + strings.Repeat("+'"+strings.Repeat("y", 1<<18)+"'", 40),
	} {
		_, err := parseJSONish("f", []byte(in))
		assert.Error(t, err, name)
	}
}

// A sum of many terms is a loop, not a recursion.
func TestLongSumsAreFine(t *testing.T) {
	v, err := parseJSONish("f", []byte(strings.Repeat("1+", 100_000)+"1"))
	require.NoError(t, err)
	assert.Equal(t, 100_001.0, v)
}

func TestNumbersReadAsInJavaScript(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1.5: "1.5", 4000: "4000", 1e21: "1e+21", 1e20: "100000000000000000000", 1e-7: "1e-7",
		0.000001: "0.000001", -2.5e-9: "-2.5e-9", math.Inf(-1): "-Infinity", math.NaN(): "NaN", 123456789012345680000: "123456789012345680000",
	} {
		assert.Equal(t, want, number(f))
	}
}

func FuzzJSONish(f *testing.F) {
	for _, seed := range []string{`{a: 'b', c: [1, 0x2, 3e4,], "d": null} // x`, `-(1 + 2) ** 3 % 4`, "`a`+'\\u{41}\\x42'", `{"a":{"b":[true,false]}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		v, err := parseJSONish("f", []byte(in))
		if err != nil {
			var at *SyntaxError
			require.True(t, errors.As(err, &at))
			require.Positive(t, at.Line)
			require.Positive(t, at.Col)
		} else {
			again, err := parseJSONish("f", raw(v))
			require.NoError(t, err)
			require.Equal(t, string(raw(v)), string(raw(again)))
		}
		// What JSON is, is read, and means the same.
		var plain any
		if utf8.ValidString(in) && json.Unmarshal([]byte(in), &plain) == nil && err == nil && !strings.Contains(in, `\u`) {
			var ours any
			require.NoError(t, json.Unmarshal(raw(v), &ours))
			require.True(t, reflect.DeepEqual(plain, ours), "%s: %v, want %v", in, ours, plain)
		}
	})
}
