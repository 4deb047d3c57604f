package schedule

import (
	"math/bits"
	"time"
)

// The longest that a date can be away is 40 years: the 29th of February on a given day of the week, around a year like
// 2100 that is no leap year.
const horizon = 41

// match finds the first time from wall on that the fields describe; false if there is none. Here times are what a clock
// on the wall shows, as seconds since it showed 1970: a calendar without time zones.
func (s *Schedule) match(wall int64) (int64, bool) {
	t := time.Unix(wall, 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	for last := year + horizon; year <= last; {
		if s.months&(1<<month) != 0 {
			for set := s.daysOf(year, month) >> day << day; set != 0; set &= set - 1 {
				d := bits.TrailingZeros64(set)
				if d > day {
					hour, minute, second = 0, 0, 0
				}
				if h, m, sec, ok := s.clock(hour, minute, second); ok {
					return time.Date(year, month, d, h, m, sec, 0, time.UTC).Unix(), true
				}
			}
		}
		day, hour, minute, second = 1, 0, 0, 0
		if month++; month > time.December {
			month, year = time.January, year+1
		}
	}
	return 0, false
}

// clock finds the first time of day from the given one on; false if it is on another day.
func (s *Schedule) clock(hour, minute, second int) (int, int, int, bool) {
	if s.hours&(1<<hour) != 0 {
		if s.minutes&(1<<minute) != 0 {
			if sec, ok := from(s.seconds, second); ok {
				return hour, minute, sec, true
			}
		}
		if m, ok := from(s.minutes, minute+1); ok {
			sec, ok := from(s.seconds, 0)
			return hour, m, sec, ok
		}
	}
	h, ok := from(s.hours, hour+1)
	m, okm := from(s.minutes, 0)
	sec, oks := from(s.seconds, 0)
	return h, m, sec, ok && okm && oks
}

// from is the first number in set that is at least n.
func from(set uint64, n int) (int, bool) {
	set = set >> n << n
	return bits.TrailingZeros64(set), set != 0
}

// daysOf is the set of days on which the schedule is due in a month: those which satisfy both day fields.
func (s *Schedule) daysOf(year int, month time.Month) uint64 {
	end := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
	last := end.Day()
	first := (int(end.Weekday()) - (last - 1) + 35) % 7 // the weekday of the 1st

	numbered := s.days & (1<<(last+1) - 1)
	if s.lastDay {
		numbered |= 1 << last
	}
	if s.lastWorkday {
		pastFriday := (int(end.Weekday())+6)%7 - 4 // days; negative before
		numbered |= 1 << (last - max(0, pastFriday))
	}
	var named uint64
	for d := 1; d <= last; d++ {
		weekday := (first + d - 1) % 7
		wanted := s.weekdays&(1<<weekday) != 0 || s.ordinals&(1<<(8*weekday+(d+6)/7)) != 0
		if d > last-7 {
			wanted = wanted || s.ordinals&(1<<(8*weekday)) != 0
		}
		if wanted {
			named |= 1 << d
		}
	}
	return numbered & named
}
