package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What croner 4.1.97, the library that PM2 uses, answered in UTC.
func TestDuesAreThoseOfCroner(t *testing.T) {
	const midnight = " 00:00:00 +0000"
	for expr, want := range map[string][]string{
		"0 0 13 * 5":              {"Fri 2024-09-13", "Fri 2024-12-13", "Fri 2025-06-13", "Fri 2026-02-13"},
		"0 0 13 * *":              {"Sat 2024-01-13", "Tue 2024-02-13", "Wed 2024-03-13", "Sat 2024-04-13"},
		"0 0 13 * 0-6":            {"Sat 2024-01-13", "Tue 2024-02-13", "Wed 2024-03-13", "Sat 2024-04-13"},
		"0 0 * * 5":               {"Fri 2024-01-05", "Fri 2024-01-12", "Fri 2024-01-19", "Fri 2024-01-26"},
		"0 0 L * *":               {"Wed 2024-01-31", "Thu 2024-02-29", "Sun 2024-03-31", "Tue 2024-04-30"},
		"0 0 l * *":               {"Wed 2024-01-31", "Thu 2024-02-29", "Sun 2024-03-31", "Tue 2024-04-30"},
		"0 0 L * 5":               {"Fri 2024-05-31", "Fri 2025-01-31", "Fri 2025-02-28", "Fri 2025-10-31"},
		"0 0 L 2 *":               {"Thu 2024-02-29", "Fri 2025-02-28", "Sat 2026-02-28", "Sun 2027-02-28"},
		"0 0 1-31 * 5":            {"Fri 2024-01-05", "Fri 2024-01-12", "Fri 2024-01-19", "Fri 2024-01-26"},
		"0 0 */2 * 1":             {"Mon 2024-01-15", "Mon 2024-01-29", "Mon 2024-02-05", "Mon 2024-02-19"},
		"0 0 * * */2":             {"Tue 2024-01-02", "Thu 2024-01-04", "Sat 2024-01-06", "Sun 2024-01-07"},
		"0 0 * * 1/2":             {"Wed 2024-01-03", "Fri 2024-01-05", "Sun 2024-01-07", "Mon 2024-01-08"},
		"0 0 * * 2-7/5":           {"Tue 2024-01-02", "Sun 2024-01-07", "Tue 2024-01-09", "Sun 2024-01-14"},
		"0 0 * * */7":             {"Sun 2024-01-07", "Sun 2024-01-14", "Sun 2024-01-21", "Sun 2024-01-28"},
		"0 0 * * 7":               {"Sun 2024-01-07", "Sun 2024-01-14", "Sun 2024-01-21", "Sun 2024-01-28"},
		"0 0 * * 5-7":             {"Fri 2024-01-05", "Sat 2024-01-06", "Sun 2024-01-07", "Fri 2024-01-12"},
		"0 0 * * mon":             {"Mon 2024-01-08", "Mon 2024-01-15", "Mon 2024-01-22", "Mon 2024-01-29"},
		"0 0 */31 * *":            {"Thu 2024-02-01", "Fri 2024-03-01", "Mon 2024-04-01", "Wed 2024-05-01"},
		"0 0 */3 * *":             {"Thu 2024-01-04", "Sun 2024-01-07", "Wed 2024-01-10", "Sat 2024-01-13"},
		"0 0 1,15 2-4 1-5":        {"Thu 2024-02-01", "Thu 2024-02-15", "Fri 2024-03-01", "Fri 2024-03-15"},
		"0 0 29 2 *":              {"Thu 2024-02-29", "Tue 2028-02-29", "Sun 2032-02-29", "Fri 2036-02-29"},
		"0 0 29 2 5":              {"Fri 2036-02-29", "Fri 2064-02-29", "Fri 2092-02-29", "Fri 2104-02-29"},
		"0 0 30 2 *":              {"never"},
		"0 0 31 4 *":              {"never"},
		"0 */24 * * *":            {"Tue 2024-01-02", "Wed 2024-01-03", "Thu 2024-01-04", "Fri 2024-01-05"},
		"*/7 * * * * *":           {"Mon 2024-01-01 00:00:07 +0000", "Mon 2024-01-01 00:00:14 +0000", "Mon 2024-01-01 00:00:21 +0000", "Mon 2024-01-01 00:00:28 +0000"},
		"5/10 * * * *":            {"Mon 2024-01-01 00:05:00 +0000", "Mon 2024-01-01 00:15:00 +0000", "Mon 2024-01-01 00:25:00 +0000", "Mon 2024-01-01 00:35:00 +0000"},
		"1,,2, * * * *":           {"Mon 2024-01-01 00:01:00 +0000", "Mon 2024-01-01 00:02:00 +0000", "Mon 2024-01-01 01:01:00 +0000", "Mon 2024-01-01 01:02:00 +0000"},
		"*/60 * * * *":            {"Mon 2024-01-01 01:00:00 +0000", "Mon 2024-01-01 02:00:00 +0000"},
		"1-5/2 * * * *":           {"Mon 2024-01-01 00:01:00 +0000", "Mon 2024-01-01 00:03:00 +0000", "Mon 2024-01-01 00:05:00 +0000", "Mon 2024-01-01 01:01:00 +0000"},
		"*,5 * * * *":             {"Mon 2024-01-01 00:01:00 +0000", "Mon 2024-01-01 00:02:00 +0000"},
		"005 * * * *":             {"Mon 2024-01-01 00:05:00 +0000", "Mon 2024-01-01 01:05:00 +0000"},
		"15,45 30 12 24-25 dec *": {"Tue 2024-12-24 12:30:15 +0000", "Tue 2024-12-24 12:30:45 +0000", "Wed 2024-12-25 12:30:15 +0000"},
	} {
		for i, day := range want {
			if len(day) == len("Mon 2006-01-02") {
				want[i] = day + midnight
			}
		}
		assert.Equal(t, want, dues(utc(t, expr), at(t, "2024-01-01T00:00:00Z"), len(want)), expr)
	}
}

// What croner 4 does not know, but config lets pass.
func TestLastAndNthDays(t *testing.T) {
	for expr, want := range map[string][]string{
		"0 0 LW * *":       {"Wed 2024-01-31", "Thu 2024-02-29", "Fri 2024-03-29", "Tue 2024-04-30", "Fri 2024-05-31", "Fri 2024-06-28"},
		"0 0 * * 5L":       {"Fri 2024-01-26", "Fri 2024-02-23", "Fri 2024-03-29"},
		"0 0 * * 7L":       {"Sun 2024-01-28", "Sun 2024-02-25", "Sun 2024-03-31"},
		"0 0 * * thul":     {"Thu 2024-01-25", "Thu 2024-02-29", "Thu 2024-03-28"},
		"0 0 * * fri#2":    {"Fri 2024-01-12", "Fri 2024-02-09", "Fri 2024-03-08"},
		"0 0 * * 1#1":      {"Mon 2024-02-05", "Mon 2024-03-04", "Mon 2024-04-01"},
		"0 0 * * 4#5":      {"Thu 2024-02-29", "Thu 2024-05-30", "Thu 2024-08-29"},
		"0 0 * * SUN#L":    {"Sun 2024-01-28", "Sun 2024-02-25", "Sun 2024-03-31"},
		"0 0 * * 1#1,2#1":  {"Tue 2024-01-02", "Mon 2024-02-05", "Tue 2024-02-06"},
		"0 0 * * SUN,3#2":  {"Sun 2024-01-07", "Wed 2024-01-10", "Sun 2024-01-14"},
		"0 0 15,L * *":     {"Mon 2024-01-15", "Wed 2024-01-31", "Thu 2024-02-15"},
		"0 0 L,LW 6 *":     {"Fri 2024-06-28", "Sun 2024-06-30", "Mon 2025-06-30"},
		"0 0 22-28 * 5L":   {"Fri 2024-01-26", "Fri 2024-02-23", "Fri 2024-04-26"},
		"0 0 30,31 2 FRIL": {"never"},
		// croner leaves out the 1st of March here, because of the 31st that February has not.
		"0 0 1,15,31 2-4 1-5": {"Thu 2024-02-01", "Thu 2024-02-15", "Fri 2024-03-01", "Fri 2024-03-15", "Mon 2024-04-01"},
	} {
		for i, day := range want {
			if day != "never" {
				want[i] = day + " 00:00:00 +0000"
			}
		}
		assert.Equal(t, want, dues(utc(t, expr), at(t, "2024-01-01T00:00:00Z"), len(want)), expr)
	}
}

// The 29th of February on a given weekday is the rarest date: the horizon must reach over 2100.
func TestTheRarestDateIsFound(t *testing.T) {
	for weekday := range 7 {
		s := utc(t, "0 0 29 2 "+string(rune('0'+weekday)))
		for last := at(t, "2000-01-01T00:00:00Z"); last.Year() < 2400; {
			next := s.Next(last)
			if !assert.False(t, next.IsZero(), "after %s", last) {
				return
			}
			assert.Equal(t, time.Weekday(weekday), next.Weekday())
			assert.LessOrEqual(t, next.Year()-last.Year(), 40)
			last = next
		}
	}
}

func TestZeroScheduleIsNeverDue(t *testing.T) {
	assert.True(t, Schedule{}.Next(time.Now()).IsZero())
	assert.Empty(t, Schedule{}.String())
}

func TestNextIsAfterAndWhole(t *testing.T) {
	s := utc(t, "* * * * * *")
	for given, want := range map[string]string{
		"2024-01-01T00:00:00Z":           "Mon 2024-01-01 00:00:01 +0000",
		"2024-01-01T00:00:00.000000001Z": "Mon 2024-01-01 00:00:01 +0000",
		"2024-01-01T00:00:00.999999999Z": "Mon 2024-01-01 00:00:01 +0000",
		"2023-12-31T23:59:59.5Z":         "Mon 2024-01-01 00:00:00 +0000",
		"1969-12-31T23:59:58.5Z":         "Wed 1969-12-31 23:59:59 +0000",
	} {
		assert.Equal(t, []string{want}, dues(s, at(t, given), 1), given)
	}
}

func BenchmarkNext(b *testing.B) {
	for _, expr := range []string{"*/10 * * * * *", "0 3 * * *", "0 0 29 2 5", "0 0 30 2 *"} {
		s, err := Parse("TZ=Europe/Berlin " + expr)
		if err != nil {
			b.Skip(err)
		}
		now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Next(now)
			}
		})
	}
}
