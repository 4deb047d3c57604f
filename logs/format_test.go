package logs

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

var someTime = time.Date(2026, 11, 24, 3, 19, 53, 330e6, time.UTC)

func formatAll(o PipeOptions, chunks ...string) string {
	f := newFormatter(&o)
	var out []byte
	for _, c := range chunks {
		for in := []byte(c); len(in) > 0; {
			var used int
			out, used = f.append(out, in, someTime, 50)
			in = in[used:]
		}
	}
	return string(out)
}

func TestJSONLineIsPM2s(t *testing.T) {
	o := PipeOptions{ID: 1, Name: "j", Stream: app.Out, Format: app.JSON}
	// This line was written by PM2 7.0.4.
	require.Equal(t, `{"message":"later\n","timestamp":"2026-11-24T03:19:53.330Z","type":"out","process_id":1,"app_name":"j"}`+"\n",
		formatAll(o, "later\n"))
	o.DateFormat = "YYYY"
	require.Contains(t, formatAll(o, "x"), `"message":"x","timestamp":"2026"`)
	o.Stream = app.Err
	require.Contains(t, formatAll(o, "x"), `"type":"err"`)
	require.Contains(t, formatAll(o, "<tag>&\u2028\x01\"x\\\t\x7f\b\f\r\n"), `"<tag>&`+"\u2028"+`\u0001\"x\\\t`+"\x7f"+`\b\f\r\n"`)
	require.Contains(t, formatAll(o, "a\xffb\xe2\x82"), "\"a\uFFFDb\uFFFD\uFFFD\"")
}

func TestDateIsPutBeforeEachLineOnce(t *testing.T) {
	o := PipeOptions{DateFormat: "HH:mm"}
	require.Equal(t, "03:19: a\n03:19: \n03:19: b\r\n03:19: tail", formatAll(o, "a\n\nb\r\nta", "il"))
	require.Equal(t, "03:19: unfinished\n03:19: next\n", formatAll(o, "unfin", "ished", "\nnext\n"))
}

func FuzzFormatter(f *testing.F) {
	f.Add([]byte("a\nb"), []byte("\nc"), false, true, 10)
	f.Add([]byte("\xff\x00\n\n"), []byte("\"\\\u2028"), true, false, 1)
	f.Fuzz(func(t *testing.T, one, two []byte, asJSON, dated bool, limit int) {
		o := PipeOptions{Name: "n\"", Stream: app.Out}
		if asJSON {
			o.Format = app.JSON
		}
		if dated || !asJSON {
			o.DateFormat = "[date]"
		}
		form := newFormatter(&o)
		var out []byte
		for _, in := range [][]byte{one, two} {
			for len(in) > 0 {
				before := len(out)
				var used int
				out, used = form.append(out, in, someTime, limit)
				require.Positive(t, used, "progress whatever the limit")
				require.Equal(t, pieces(in[:used]), pieces(out[before:]), "one piece for each")
				in = in[used:]
			}
		}
		if asJSON {
			var back []byte
			for _, line := range bytes.SplitAfter(out, []byte{'\n'}) {
				if len(line) == 0 {
					continue
				}
				var m struct{ Message string }
				require.NoError(t, json.Unmarshal(line, &m))
				back = append(back, m.Message...)
			}
			require.Equal(t, replaced(one)+replaced(two), string(back))
			return
		}
		all := string(one) + string(two)
		var want strings.Builder
		for _, line := range strings.SplitAfter(all, "\n") {
			if line != "" {
				want.WriteString("date: " + line)
			}
		}
		require.Equal(t, want.String(), string(out))
	})
}

func pieces(b []byte) (n int) {
	for ; len(b) > 0; n++ {
		b = b[len(nextPiece(b)):]
	}
	return n
}

// replaced is b with U+FFFD for each byte that is not UTF-8, line by line as the formatter sees it.
func replaced(b []byte) string {
	var out strings.Builder
	for _, line := range bytes.SplitAfter(b, []byte{'\n'}) {
		for len(line) > 0 {
			r, n := utf8.DecodeRune(line)
			out.WriteRune(r)
			line = line[n:]
		}
	}
	return out.String()
}

func TestWholeRunes(t *testing.T) {
	for in, want := range map[string]int{"": 0, "a": 1, "aé": 3, "a\xc3": 1, "a\xe2\x82": 1, "\xf0\x9f\x98": 0, "a\xff": 2, "\x80\x80\x80\x80": 4} {
		require.Equal(t, want, wholeRunes([]byte(in)), "%q", in)
	}
}
