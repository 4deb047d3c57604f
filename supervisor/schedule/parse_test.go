package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What weaver's check of config files lets pass must not fail later.
func TestEveryScheduleThatConfigAcceptsIsRead(t *testing.T) {
	for _, expr := range []string{
		"* * * * *", "0 0 * * *", "*/5 * * * * *", "0 3 * * MON-FRI", "0 0 L * *", "0 0 * * 5L", "0 0 ? * SUN", "0-30/10 8,12,18 1,15 jan-mar ?",
		"0 0 * * FRI#2", "0 0 * * 7", "0 0 * * 5#L", "59 23 31 12 7", "  1   2 3 4 5 ",
		"*/59 */23 */31 */12 */7", "0 0 LW * *", "0 0 L,LW,15 * *", "0 0 * * FRIL,SUN#5,mon", "?/2 ?/2 ?/2 ?/2 ?/2", "05 005 1 1 0-7",
		"0 0 * * 7L", "0 0 * * 7#1", "00 0 1-1 1-1 1-1", "0 0 1\t1 1",
	} {
		_, err := Parse(expr)
		assert.NoError(t, err, expr)
	}
}

func TestWrongSchedulesAreRefusedWithTheReason(t *testing.T) {
	for expr, want := range map[string]string{
		"":                       `has 0 fields, want five or six`,
		"* * * *":                `has 4 fields, want five or six`,
		"* * * * * * *":          `has 7 fields, want five or six`,
		"@daily":                 `names like @daily are not supported, write five or six fields`,
		"TZ=UTC @daily":          `names like @daily are not supported, write five or six fields`,
		"99 * * * *":             `minutes value out of range: '99'`,
		"61 * * * * *":           `seconds value out of range: '61'`,
		"* 24 * * *":             `hours value out of range: '24'`,
		"* * 0 * *":              `day of month value out of range: '0'`,
		"* * 32 * *":             `day of month value out of range: '32'`,
		"* * * 13 *":             `month value out of range: '13'`,
		"* * * * 8":              `day of week value out of range: '8'`,
		"* * * FOO *":            `month cannot be "FOO"`,
		"* * * JANFEB *":         `month cannot be "JANFEB"`,
		"* * * ANF *":            `month cannot be "ANF"`,
		"* * * * UNM":            `day of week cannot be "UNM"`,
		"* * * * Monday":         `day of week cannot be "Monday"`,
		"* * MON * *":            `day of month cannot be "MON"`,
		"5-1 * * * *":            `minutes range "5-1" runs backwards`,
		"* * * * SAT-SUN":        `day of week range "SAT-SUN" runs backwards`,
		"1-3-5 * * * *":          `minutes cannot be "3-5"`,
		"*-5 * * * *":            `minutes cannot be "*"`,
		"1- * * * *":             `minutes cannot be ""`,
		"-1 * * * *":             `minutes cannot be ""`,
		"+5 * * * *":             `minutes cannot be "+5"`,
		"0x5 * * * *":            `minutes cannot be "0x5"`,
		"/10 * * * *":            `minutes cannot be ""`,
		", * * * *":              `minutes has no value`,
		"*/0 * * * *":            `minutes step "0" is not in 1-60`,
		"*/61 * * * *":           `minutes step "61" is not in 1-60`,
		"* */25 * * *":           `hours step "25" is not in 1-24`,
		"* * */32 * *":           `day of month step "32" is not in 1-31`,
		"* * * */13 *":           `month step "13" is not in 1-12`,
		"* * * * */9":            `day of week step "9" is not in 1-8`,
		"*/x * * * *":            `minutes step "x" is not in 1-60`,
		"1-5/2/2 * * * *":        `minutes step "2/2" is not in 1-60`,
		"L * * * *":              `minutes cannot be "L"`,
		"* * L/2 * *":            `day of month cannot be "L"`,
		"* * 1-L * *":            `day of month cannot be "L"`,
		"* * * L *":              `month cannot be "L"`,
		"* * * * L":              `day of week cannot be "L"`,
		"* * * * 5#6":            `day of week cannot be "5#6"`,
		"* * * * 5#0":            `day of week cannot be "5#0"`,
		"* * * * 5#":             `day of week cannot be "5#"`,
		"* * * * 9#1":            `day of week cannot be "9#1"`,
		"* * * * ?L":             `day of week cannot be "?L"`,
		"TZ= * * * * *":          `time zone without a name`,
		"TZ=Moon/Base * * * * *": `unknown time zone Moon/Base`,
		"* TZ=UTC * * * *":       `minutes cannot be "TZ=UTC"`,
	} {
		_, err := Parse(expr)
		if assert.Error(t, err, expr) {
			assert.Contains(t, err.Error(), want, expr)
			assert.Contains(t, err.Error(), expr)
		}
	}
	for _, long := range []string{strings.Repeat("9", 10_000) + " * * * *", "TZ=" + strings.Repeat("x", 10_000) + " * * * * *"} {
		_, err := Parse(long)
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 250)
	}
}

func TestAnExpressionIsAboutLocalTimeUnlessItSays(t *testing.T) {
	s, err := Parse(" 0  5 * * * ")
	require.NoError(t, err)
	assert.Equal(t, "0 5 * * *", s.String())
	local := s.Next(time.Now())
	assert.Equal(t, time.Local, local.Location())
	assert.Equal(t, 5, local.Hour())

	for _, prefix := range []string{"TZ=Asia/Tokyo ", "CRON_TZ=Asia/Tokyo "} {
		if _, err := time.LoadLocation("Asia/Tokyo"); err != nil {
			t.Skipf("this machine has no time zones: %v", err)
		}
		s, err := Parse(prefix + "0 5 * * *")
		require.NoError(t, err)
		assert.Equal(t, []string{"Tue 2024-01-02 05:00:00 +0900"}, dues(s, at(t, "2024-01-01T00:00:00Z"), 1))
		assert.Equal(t, prefix+"0 5 * * *", s.String())
	}
}

// croner's "?" spreads restarts: each app gets the minute at which it was started.
func TestQuestionMarkIsTheTimeOfParsing(t *testing.T) {
	now := at(t, "2026-11-24T04:22:05Z")
	for expr, want := range map[string]string{
		"? ? * * *":     "Tue 2026-11-24 04:22:00 +0000", // not due again at once: see after, below
		"? ? ? ? ? ?":   "Tue 2037-11-24 04:22:05 +0000",
		"?,5 * * * *":   "Tue 2026-11-24 05:05:00 +0000",
		"?/20 * * * *":  "Tue 2026-11-24 04:42:00 +0000",
		"?-23 * * * *":  "Tue 2026-11-24 04:23:00 +0000",
		"0 0 ? * *":     "Thu 2026-12-24 00:00:00 +0000",
		"0 0 * * ?":     "Tue 2026-12-01 00:00:00 +0000",
		"? * * * * *":   "Tue 2026-11-24 04:23:05 +0000",
		"0 0 1 ? *":     "Mon 2027-11-01 00:00:00 +0000",
		"0 0 ? * SUN":   "Sun 2027-01-24 00:00:00 +0000",
		"0 */12 24 ? ?": "Tue 2026-11-24 12:00:00 +0000",
	} {
		s, err := ParseAt("TZ=UTC "+expr, now)
		require.NoError(t, err)
		after := now
		if expr == "? ? * * *" {
			after = now.Add(-time.Hour)
		}
		assert.Equal(t, []string{want}, dues(s, after, 1), expr)
	}
}

func TestQuestionMarkIsReadInTheZoneOfTheSchedule(t *testing.T) {
	in(t, "Asia/Tokyo", "* * * * *")
	s, err := ParseAt("TZ=Asia/Tokyo 0 ? ? * *", at(t, "2024-01-01T20:30:00Z"))
	require.NoError(t, err)
	assert.Equal(t, []string{"Fri 2024-02-02 05:00:00 +0900"}, dues(s, at(t, "2024-01-01T20:30:00Z"), 1))
}
