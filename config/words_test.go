package config

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each row was seen with npm's PM2.
func TestArgumentsSplitAsPM2Does(t *testing.T) {
	for line, want := range map[string][]string{
		`a "b c" d`:               {"a", "b c", "d"},
		`k="v w" --x='y z'`:       {`k="v w"`, `--x='y z'`},
		`a\ b c`:                  {`a\`, "b", "c"},
		`"a\"b" c`:                {`a\`, `b"`, "c"},
		`  a   b `:                {"a", "b"},
		`'a`:                      {"'a"},
		`a"b c"d e`:               {`a"b`, `c"d`, "e"},
		`a '' b`:                  {"a", "b"},
		`--foo="bar baz" 'it is'`: {`--foo="bar baz"`, "it is"},
		`-e console.log("a\nb")`:  {"-e", `console.log("a\nb")`},
		"a\tb\nc":                 {"a", "b", "c"},
		`a"b`:                     {`a"b`},
		`x=a'b c`:                 {`x=a'b`, "c"},
		``:                        nil,
		`=`:                       {"="},
	} {
		assert.Equal(t, want, SplitArgs(line), line)
	}
}

func FuzzSplitArgs(f *testing.F) {
	for _, seed := range []string{`a "b c"`, `k="v w"`, `'`, `==""=''`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		n := 0
		for _, w := range SplitArgs(line) {
			require.NotEmpty(t, w)
			require.Contains(t, line, w)
			n += len(w)
		}
		require.LessOrEqual(t, n, len(line))
	})
}

func TestQuotedWordsSurviveAShell(t *testing.T) {
	for _, word := range []string{"", "plain-1.2/x:y=z@", "two words", "it's", "$HOME `id` \\ \"", "new\nline", "*", "é"} {
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+quote(word)).Output()
		require.NoError(t, err)
		assert.Equal(t, word, string(out))
	}
	assert.Equal(t, "plain", quote("plain"))
}

func TestNearest(t *testing.T) {
	known := []string{"script", "name", "instances", "max_restarts", "watch"}
	for word, want := range map[string]string{
		"scirpt": "script", "scrip": "script", "nmae": "name", "instance": "instances", "max_restart": "max_restarts", "wach": "watch",
		"zzz": "", "": "", "x": "", strings.Repeat("a", 1<<20): "", "maxrestarts": "max_restarts", "completely": "",
	} {
		assert.Equal(t, want, Nearest(word, known), clip(word))
	}
	assert.Empty(t, Nearest("x", nil))
}

func TestSlipsAreCounted(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"abcd", "acbd", 1}, {"ca", "abc", 3}, {"é", "e", 1}} {
		assert.Equal(t, tc.want, slips(tc.a, tc.b, 9), tc.a+" "+tc.b)
		assert.Equal(t, min(tc.want, 2), slips(tc.a, tc.b, 1), tc.a+" "+tc.b)
	}
}

func TestCronSchedules(t *testing.T) {
	for _, expr := range []string{
		"* * * * *", "0 0 * * *", "*/5 * * * * *", "0 3 * * MON-FRI", "0 0 L * *", "0 0 * * 5L", "0 0 ? * SUN", "0-30/10 8,12,18 1,15 jan-mar ?",
		"0 0 * * FRI#2", "0 0 * * 7", "0 0 * * 5#L", "59 23 31 12 7", "  1   2 3 4 5 ",
	} {
		assert.NoError(t, CheckCron(expr), expr)
	}
	for expr, want := range map[string]string{
		"":              `"" has 0 fields, want five or six`,
		"* * * *":       `"* * * *" has 4 fields, want five or six`,
		"* * * * * * *": `"* * * * * * *" has 7 fields, want five or six`,
		"@daily":        `"@daily": names like @daily are not supported, write five or six fields`,
		"99 * * * *":    `"99 * * * *": minutes value out of range: '99'`,
		"* 24 * * *":    `"* 24 * * *": hours value out of range: '24'`,
		"* * 0 * *":     `"* * 0 * *": day of month value out of range: '0'`,
		"* * * 13 *":    `"* * * 13 *": month value out of range: '13'`,
		"* * * * 8":     `"* * * * 8": day of week value out of range: '8'`,
		"* * * FOO *":   `"* * * FOO *": month cannot be "FOO"`,
		"5-1 * * * *":   `"5-1 * * * *": minutes range "5-1" runs backwards`,
		"*/0 * * * *":   `"*/0 * * * *": minutes step "0" is not in 1-59`,
		"*/x * * * *":   `"*/x * * * *": minutes step "x" is not in 1-59`,
		"1,, * * * *":   `"1,, * * * *": minutes cannot be ""`,
		"L * * * *":     `"L * * * *": minutes cannot be "L"`,
		"* * * * 5#6":   `"* * * * 5#6": day of week cannot be "5#6"`,
		"61 * * * * *":  `"61 * * * * *": seconds value out of range: '61'`,
		"* * * * MON-":  `"* * * * MON-": day of week cannot be ""`,
		"-1 * * * *":    `"-1 * * * *": minutes cannot be ""`,
		"3/5 * * * *":   `"3/5 * * * *": minutes step in "3/5" needs a range or *`,
		"* * * * UNM":   `"* * * * UNM": day of week cannot be "UNM"`,
	} {
		assert.EqualError(t, CheckCron(expr), want)
	}
}

func FuzzCron(f *testing.F) {
	for _, seed := range []string{"* * * * *", "*/5 1-2/3 L JAN-MAR FRI#2", "0 0 ? * 5L"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		if err := CheckCron(expr); err != nil {
			require.Less(t, len(err.Error()), 600)
			return
		}
		n := len(strings.Fields(expr))
		require.True(t, n == 5 || n == 6)
		require.Empty(t, strings.Trim(strings.ToUpper(strings.Join(strings.Fields(expr), "")), "0123456789*?,-/#ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	})
}

func TestSignals(t *testing.T) {
	for word, want := range map[string]string{"SIGTERM": "SIGTERM", "term": "SIGTERM", " usr1 ": "SIGUSR1", "15": "SIGTERM", "9": "SIGKILL", "1": "SIGHUP", "31": "SIGSYS"} {
		got, err := Signal(word)
		require.NoError(t, err, word)
		assert.Equal(t, want, got, word)
	}
	for _, word := range []string{"", "0", "-1", "32", "SIG", "SIGFOO", strings.Repeat("X", 1<<20)} {
		_, err := Signal(word)
		require.Error(t, err, clip(word))
		assert.Less(t, len(err.Error()), 200)
	}
}
