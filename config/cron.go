package config

import (
	"fmt"
	"strconv"
	"strings"
)

// cronField is what one field of a schedule may hold.
type cronField struct {
	name     string
	min, max int
	names    string // three letters each, the first of value min
}

var (
	cronMonths = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"
	cronDays   = "SUNMONTUEWEDTHUFRISAT"
	cronFields = [...]cronField{
		{"seconds", 0, 59, ""},
		{"minutes", 0, 59, ""},
		{"hours", 0, 23, ""},
		{"day of month", 1, 31, ""},
		{"month", 1, 12, cronMonths},
		{"day of week", 0, 7, cronDays},
	}
)

// CheckCron says what is wrong with a schedule of five fields, or six with seconds first. A field is "*", a value, a
// range "a-b", a step "*/n" or "a-b/n", or a list of these; months and days of the week have names; the last day of
// the month is "L", the last Friday of it "5L" or "FRI#L", the second "5#2", and "?" is "*".
func CheckCron(expr string) error {
	fields := strings.Fields(expr)
	switch {
	case strings.HasPrefix(expr, "@"):
		return fmt.Errorf("%q: names like @daily are not supported, write five or six fields", clip(expr))
	case len(fields) == 5:
		fields = append([]string{"0"}, fields...)
	case len(fields) != 6:
		return fmt.Errorf("%q has %d fields, want five or six", clip(expr), len(fields))
	}
	for i := range cronFields {
		for part := range strings.SplitSeq(fields[i], ",") {
			if err := cronFields[i].check(part); err != nil {
				return fmt.Errorf("%q: %s %w", clip(expr), cronFields[i].name, err)
			}
		}
	}
	return nil
}

func (f *cronField) check(part string) error {
	body, step, stepped := strings.Cut(part, "/")
	if stepped {
		n, err := strconv.ParseUint(step, 10, 16)
		if err != nil || n == 0 || int(n) > f.max {
			return fmt.Errorf("step %q is not in 1-%d", clip(step), f.max)
		}
	}
	if body == "*" || body == "?" {
		return nil
	}
	if f.last(body) && !stepped {
		return nil
	}
	low, high, ranged := strings.Cut(body, "-")
	if stepped && !ranged {
		return fmt.Errorf("step in %q needs a range or *", clip(part))
	}
	from, err := f.value(low)
	if err != nil || !ranged {
		return err
	}
	to, err := f.value(high)
	if err != nil {
		return err
	}
	if from > to {
		return fmt.Errorf("range %q runs backwards", clip(body))
	}
	return nil
}

// last reports the forms with L and #, for days only.
func (f *cronField) last(body string) bool {
	switch f.name {
	case "day of month":
		return body == "L" || body == "LW"
	case "day of week":
		day, nth, ok := strings.Cut(body, "#")
		if !ok {
			day, ok = strings.CutSuffix(body, "L")
			nth = "L"
		}
		if _, err := f.value(day); !ok || err != nil {
			return false
		}
		return nth == "L" || len(nth) == 1 && nth[0] >= '1' && nth[0] <= '5'
	}
	return false
}

func (f *cronField) value(word string) (int, error) {
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
