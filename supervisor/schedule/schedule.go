// Package schedule says when a cron expression is due, and waits for it.
//
// The syntax is that of croner 4, which PM2 uses, and of weaver's own check in config: five fields (minute, hour, day of
// month, month, day of week) or six with seconds first. A field is a list, separated by commas, of
//
//   - a  a-b  */n  a-b/n  a/n     a/n is from a to the end of the field
//     JAN-DEC, SUN-SAT               in any case; Sunday is 0 and 7
//     ?                              what the clock showed at that field when the expression was parsed, as in croner
//     L, LW                          the last day, the last weekday (Monday to Friday) of the month
//     5L, FRI#L, 5#2                 the last Friday, the second Friday of the month
//
// A day must satisfy both day fields, as in croner: "0 0 13 * FRI" is due on Fridays the 13th only, where Vixie's cron
// would add all Fridays. An expression may begin with TZ=Area/City or CRON_TZ=Area/City; without it, it is about local
// time.
//
// # Daylight saving
//
// A schedule of every hour counts real time: it is due in both passes of an hour that the clocks show twice, and an hour
// that they leap over does not exist. Any other is meant to be due once for each time that it names: in the first pass
// only of an hour that comes twice; and what falls into an hour that the clocks leap over is due when they have leapt.
// croner differs: it skips the latter, so that "0 0 * * *" in Cairo loses a day each year, and it skips the second pass
// of the former, so that "*/10 * * * *" pauses for 70 minutes.
package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Schedule is a parsed expression. The zero value is never due. It is safe for concurrent use.
type Schedule struct {
	expr                    string
	zone                    *time.Location
	seconds, minutes, hours uint64 // bit n: n is in
	days, months, weekdays  uint64
	lastDay, lastWorkday    bool   // L, LW
	ordinals                uint64 // bit 8*weekday+n: the nth such day of the month; n = 0 is the last
}

// Parse reads an expression; a "?" in it stands for the time of the call.
func Parse(expr string) (Schedule, error) { return ParseAt(expr, time.Now()) }

// ParseAt is Parse at another time: with a "?" in it, an expression means the same again only if it is parsed at the same
// time again.
func ParseAt(expr string, now time.Time) (Schedule, error) {
	s := Schedule{expr: strings.Join(strings.Fields(expr), " "), zone: time.Local}
	words := strings.Fields(expr)
	if len(words) > 0 {
		name, ok := strings.CutPrefix(strings.TrimPrefix(words[0], "CRON_"), "TZ=")
		if ok {
			zone, err := location(name)
			if err != nil {
				return Schedule{}, fmt.Errorf("schedule %q: %w", clip(expr), err)
			}
			s.zone, words = zone, words[1:]
		}
	}
	switch {
	case len(words) > 0 && strings.HasPrefix(words[0], "@"):
		return Schedule{}, fmt.Errorf("schedule %q: names like @daily are not supported, write five or six fields", clip(expr))
	case len(words) == 5:
		words = append([]string{"0"}, words...)
	case len(words) != 6:
		return Schedule{}, fmt.Errorf("schedule %q has %d fields, want five or six", clip(expr), len(words))
	}
	now = now.In(s.zone)
	shown := [...]int{now.Second(), now.Minute(), now.Hour(), now.Day(), int(now.Month()), int(now.Weekday())}
	for i, into := range []*uint64{&s.seconds, &s.minutes, &s.hours, &s.days, &s.months, &s.weekdays} {
		set, err := s.field(&fields[i], words[i], shown[i])
		if err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: %s %w", clip(expr), fields[i].name, err)
		}
		*into = set
	}
	return s, nil
}

func location(name string) (*time.Location, error) {
	if name == "" {
		return nil, errors.New("time zone without a name")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errors.New(clip(err.Error()))
	}
	return zone, nil
}

// String is the expression, with single blanks.
func (s Schedule) String() string { return s.expr }

// everyHour reports that the schedule counts real time, see Daylight saving above.
func (s *Schedule) everyHour() bool { return bits.OnesCount64(s.hours) == 24 }

// clip keeps a mistake that somebody pasted from filling the log.
func clip(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}
