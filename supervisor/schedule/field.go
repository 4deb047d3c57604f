package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// field is what may stand at one place of an expression.
type field struct {
	name     string
	min, max int
	steps    int    // the largest step
	names    string // three letters each, the first is min
}

var fields = [...]field{
	{"seconds", 0, 59, 60, ""},
	{"minutes", 0, 59, 60, ""},
	{"hours", 0, 23, 24, ""},
	{"day of month", 1, 31, 31, ""},
	{"month", 1, 12, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
	{"day of week", 0, 7, 8, "SUNMONTUEWEDTHUFRISAT"},
}

const (
	dayOfMonth = "day of month"
	dayOfWeek  = "day of week"
)

// field reads the list at one place of an expression, where the clock shows now. Empty elements count for nothing: PM2
// takes "1,2,". What does not fit into a set of numbers goes to the schedule itself.
func (s *Schedule) field(f *field, list string, now int) (uint64, error) {
	var set uint64
	found := false
	for part := range strings.SplitSeq(list, ",") {
		if part == "" {
			continue
		}
		found = true
		if s.special(f, strings.ToUpper(part)) {
			continue
		}
		more, err := f.numbers(part, now)
		if err != nil {
			return 0, err
		}
		set |= more
	}
	if !found {
		return 0, errors.New("has no value")
	}
	if f.name == dayOfWeek {
		set |= set >> 7 // Sunday is 7 and 0
	}
	return set, nil
}

// numbers reads one element: a value, a range, either with a step.
func (f *field) numbers(part string, now int) (uint64, error) {
	body, every, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		n, err := strconv.ParseUint(every, 10, 16)
		if err != nil || n == 0 || int(n) > f.steps {
			return 0, fmt.Errorf("step %q is not in 1-%d", clip(every), f.steps)
		}
		step = int(n)
	}
	low, high, ranged := strings.Cut(body, "-")
	from, err := f.value(low, now)
	if body == "*" {
		from, err, ranged = f.min, nil, true
		high = strconv.Itoa(f.max)
	}
	if err != nil {
		return 0, err
	}
	to := from
	if stepped {
		to = f.max
	}
	if ranged {
		if to, err = f.value(high, now); err != nil {
			return 0, err
		}
	}
	if from > to {
		return 0, fmt.Errorf("range %q runs backwards", clip(body))
	}
	var set uint64
	for n := from; n <= to; n += step {
		set |= 1 << n
	}
	return set, nil
}

func (f *field) value(word string, now int) (int, error) {
	if word == "?" {
		return now, nil
	}
	if len(word) == 3 && f.names != "" {
		if at := strings.Index(f.names, strings.ToUpper(word)); at >= 0 && at%3 == 0 {
			return f.min + at/3, nil
		}
	}
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("cannot be %q", clip(word))
	}
	if int(n) < f.min || int(n) > f.max {
		return 0, fmt.Errorf("value out of range: '%d'", n)
	}
	return int(n), nil
}

// special takes the elements that depend on the month: L, LW, 5L, 5#L, 5#2. It reports false for all others.
func (s *Schedule) special(f *field, part string) bool {
	switch {
	case f.name == dayOfMonth && part == "L":
		s.lastDay = true
	case f.name == dayOfMonth && part == "LW":
		s.lastWorkday = true
	case f.name == dayOfWeek:
		day, nth, ok := strings.Cut(part, "#")
		if !ok {
			day, ok = strings.CutSuffix(part, "L")
			nth = "L"
		}
		if !ok || day == "?" || len(nth) != 1 || !strings.Contains("L12345", nth) {
			return false
		}
		n, err := f.value(day, 0)
		if err != nil {
			return false
		}
		s.ordinals |= 1 << (8*(n%7) + strings.Index("L12345", nth))
	default:
		return false
	}
	return true
}
