package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// element is a part of a field, and what it means, written down apart from the parser.
type element struct {
	text string
	has  func(n int, day time.Time) bool // n is the value of the field
}

func number(f field, n int) *rapid.Generator[string] {
	return rapid.Custom(func(r *rapid.T) string {
		if f.names != "" && n-f.min < len(f.names)/3 && rapid.Bool().Draw(r, "named") {
			name := f.names[3*(n-f.min):][:3]
			if rapid.Bool().Draw(r, "small") {
				return strings.ToLower(name)
			}
			return name
		}
		return fmt.Sprintf("%0*d", rapid.IntRange(1, 2).Draw(r, "width"), n)
	})
}

func elementOf(f field) *rapid.Generator[element] {
	return rapid.Custom(func(r *rapid.T) element {
		low := rapid.IntRange(f.min, f.max).Draw(r, "low")
		high := rapid.IntRange(low, f.max).Draw(r, "high")
		step := rapid.IntRange(1, f.steps).Draw(r, "step")
		from, to := number(f, low).Draw(r, "from"), number(f, high).Draw(r, "to")
		within := func(low, high, step int) func(int, time.Time) bool {
			return func(n int, _ time.Time) bool {
				if f.name == dayOfWeek && n == 0 && low <= 7 && 7 <= high && (7-low)%step == 0 {
					return true
				}
				return low <= n && n <= high && (n-low)%step == 0
			}
		}
		kinds := 7
		switch f.name {
		case dayOfMonth:
			kinds = 9
		case dayOfWeek:
			kinds = 10
		}
		switch rapid.IntRange(0, kinds-1).Draw(r, "kind") {
		case 1:
			return element{from, within(low, low, 1)}
		case 2:
			return element{from + "-" + to, within(low, high, 1)}
		case 3:
			return element{fmt.Sprintf("%s-%s/%d", from, to, step), within(low, high, step)}
		case 4:
			return element{fmt.Sprintf("*/%d", step), within(f.min, f.max, step)}
		case 5:
			return element{fmt.Sprintf("%s/%d", from, step), within(low, f.max, step)}
		case 7:
			if f.name == dayOfMonth {
				return element{"L", func(_ int, day time.Time) bool { return day.AddDate(0, 0, 1).Day() == 1 }}
			}
			return element{from + "L", func(n int, day time.Time) bool {
				return n == low%7 && day.AddDate(0, 0, 7).Month() != day.Month()
			}}
		case 8:
			if f.name == dayOfMonth {
				return element{"LW", lastWorkday}
			}
			nth := rapid.IntRange(1, 5).Draw(r, "nth")
			return element{fmt.Sprintf("%s#%d", from, nth), func(n int, day time.Time) bool {
				before := day.AddDate(0, 0, -7*(nth-1))
				return n == low%7 && before.Month() == day.Month() && before.AddDate(0, 0, -7).Month() != day.Month()
			}}
		case 9:
			return element{from + "#l", func(n int, day time.Time) bool {
				return n == low%7 && day.AddDate(0, 0, 7).Month() != day.Month()
			}}
		}
		return element{"*", within(f.min, f.max, 1)}
	})
}

func lastWorkday(_ int, day time.Time) bool {
	for d := day.AddDate(0, 0, 1); d.Month() == day.Month(); d = d.AddDate(0, 0, 1) {
		if d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
			return false
		}
	}
	return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
}

// model is an expression, and whether it means what a clock on the wall shows.
type model struct {
	expr      string
	seconds   bool // it has six fields
	everyHour bool
	shows     func(wall time.Time) bool
}

func models(r *rapid.T) model {
	m := model{seconds: rapid.Bool().Draw(r, "six fields"), everyHour: true}
	var words []string
	var wants [6][]element
	for i, f := range fields {
		if i == 0 && !m.seconds {
			wants[0] = []element{{"0", func(n int, _ time.Time) bool { return n == 0 }}}
			continue
		}
		if i > 2 && rapid.Bool().Draw(r, "any") { // few would be due soon if all had to meet
			wants[i] = []element{{"*", func(int, time.Time) bool { return true }}}
		} else {
			wants[i] = rapid.SliceOfN(elementOf(f), 1, 3).Draw(r, f.name)
		}
		var parts []string
		for _, e := range wants[i] {
			parts = append(parts, e.text)
		}
		words = append(words, strings.Join(parts, ","))
	}
	has := func(i, n int, day time.Time) bool {
		for _, e := range wants[i] {
			if e.has(n, day) {
				return true
			}
		}
		return false
	}
	for h := range 24 {
		m.everyHour = m.everyHour && has(2, h, time.Time{})
	}
	m.expr = strings.Join(words, " ")
	m.shows = func(w time.Time) bool {
		day := time.Date(w.Year(), w.Month(), w.Day(), 12, 0, 0, 0, time.UTC)
		return has(0, w.Second(), day) && has(1, w.Minute(), day) && has(2, w.Hour(), day) &&
			has(3, w.Day(), day) && has(4, int(w.Month()), day) && has(5, int(w.Weekday()), day)
	}
	return m
}

// walk looks at the clock on the wall at each step after a time, and says when the model is due within so many steps.
func walk(m model, zone *time.Location, after time.Time, step time.Duration, steps int) (time.Time, bool) {
	wall := func(t time.Time) time.Time {
		_, offset := t.In(zone).Zone()
		return t.UTC().Add(time.Duration(offset) * time.Second)
	}
	t := after.Truncate(step).Add(-3 * time.Hour) // long enough ago to know which hour is a second pass
	newest, previous := wall(t), wall(t)
	for end := after.Add(time.Duration(steps) * step); ; {
		t = t.Add(step)
		now := wall(t)
		due := m.shows(now)
		if !m.everyHour {
			due = due && now.After(newest)
			for leapt := previous.Add(step); leapt.Before(now); leapt = leapt.Add(step) {
				due = due || m.shows(leapt)
			}
		}
		if t.After(end) {
			return time.Time{}, false
		}
		if due && t.After(after) {
			return t, true
		}
		if previous = now; now.After(newest) {
			newest = now
		}
	}
}

func TestNextIsWhatAPatientWatcherSees(t *testing.T) {
	var zones []*time.Location
	for _, name := range []string{"UTC", berlin, newYork, "Australia/Lord_Howe", "Africa/Cairo", "America/Sao_Paulo", "Asia/Kathmandu"} {
		if zone, err := time.LoadLocation(name); err == nil {
			zones = append(zones, zone)
		}
	}
	found := 0
	rapid.Check(t, func(r *rapid.T) {
		m := models(r)
		zone := rapid.SampledFrom(zones).Draw(r, "zone")
		// Anywhere in a few years, or shortly before the clocks change, or before a month ends.
		after := time.Unix(rapid.Int64Range(1_400_000_000, 1_900_000_000).Draw(r, "second"), rapid.Int64Range(0, 999_999_999).Draw(r, "fraction"))
		switch rapid.IntRange(0, 2).Draw(r, "place") {
		case 0:
			if _, change := after.In(zone).ZoneBounds(); !change.IsZero() {
				after = change.Add(time.Duration(rapid.IntRange(-9000, 9000).Draw(r, "around")) * time.Second)
			}
		case 1:
			after = time.Date(after.Year(), after.Month()+1, 0, 20, 0, 0, 0, zone)
		}
		s, err := Parse("TZ=" + zone.String() + " " + m.expr)
		require.NoError(r, err)

		step, steps := time.Minute, 2*24*60
		if m.seconds {
			step, steps = time.Second, 5000
		}
		want, ok := walk(m, zone, after, step, steps)
		got := s.Next(after)
		if !ok {
			require.True(r, got.IsZero() || got.After(after.Add(time.Duration(steps)*step)), "%q after %s: %s is not due", m.expr, after.In(zone), got)
			return
		}
		found++
		require.True(r, want.Equal(got), "%q after %s: due %s, want %s", m.expr, after.In(zone), got, want.In(zone))
	})
	t.Logf("%d of the schedules were due within reach of the watcher", found)
}
