package cli

import (
	"fmt"
	"strings"
	"time"

	"weaver/app"
)

// maxSearchedLines bounds how far back --since and --grep look in each file.
const maxSearchedLines = 100_000

// parseSince reads a point in time: how long ago, a clock time of today, or a date.
func parseSince(word string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(word); err == nil {
		return now.Add(-max(d, -d)), nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.ParseInLocation(layout, word, now.Location()); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	if t, ok := parseDate(word); ok {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("time %q is none that weaver knows", word)
}

// dateLayouts are the forms of time at the start of a line that are understood, PM2's --time first.
var dateLayouts = []string{
	"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00",
	"2006-01-02 15:04:05 -0700", "2006-01-02-15:04:05", "2006/01/02 15:04:05", "2006-01-02",
}

func parseDate(s string) (time.Time, bool) {
	for _, layout := range dateLayouts {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// lineTime finds the time that a stored line begins with, or that its JSON tells.
func lineTime(line string) (time.Time, bool) {
	if strings.HasPrefix(line, "{") {
		if _, rest, ok := strings.Cut(line, `"timestamp":"`); ok {
			value, _, _ := strings.Cut(rest, `"`)
			return parseDate(value)
		}
		return time.Time{}, false
	}
	date, _, ok := strings.Cut(line, ": ")
	if ok {
		if t, ok := parseDate(date); ok {
			return t, true
		}
	}
	// A program's own date: as many words as a date may have.
	for n, i := 0, 0; n < 3; n++ {
		j := strings.IndexByte(line[i:], ' ')
		if j < 0 {
			return parseDate(line)
		}
		if t, ok := parseDate(line[:i+j]); ok && strings.ContainsRune(line[:i+j], ':') {
			return t, true
		}
		i += j + 1
	}
	return time.Time{}, false
}

func hasTime(line string) bool {
	_, ok := lineTime(line)
	return ok
}

// wanted drops the lines that --since and --grep do not want. A line without a time is as old as the one before it.
func (v *logView) wanted(lines []string) []string {
	if !v.choosy() {
		return lines
	}
	out := lines[:0]
	recent := v.since.IsZero()
	for _, l := range lines {
		if !v.since.IsZero() {
			if t, ok := lineTime(l); ok {
				recent = !t.Before(v.since)
			}
		}
		if recent && v.matches(l) {
			out = append(out, l)
		}
	}
	return out
}

// choosy reports that not every line is wanted.
func (v *logView) choosy() bool { return v.grep != nil || v.level != 0 || !v.since.IsZero() }

func (v *logView) matches(text string) bool {
	return (v.grep == nil || v.grep.MatchString(text)) && (v.level == 0 || levelOf(text) >= v.level)
}

// Colours of labels, PM2's.
const (
	grey    = "\x1b[90m"
	green   = "\x1b[32m"
	red     = "\x1b[31m"
	blue    = "\x1b[34m"
	noColor = "\x1b[39m"
)

func streamColor(f logFile) string {
	switch {
	case f.id < 0:
		return blue
	case f.stream == app.Err:
		return red
	}
	return green
}

func (v *logView) paint(color, text string) string {
	if !v.c.out.color {
		return text
	}
	return color + text + noColor
}

// marked puts a background behind the first occurrence of the word to highlight.
func (v *logView) marked(text string) string {
	if v.mark == "" || !v.c.out.color {
		return text
	}
	before, after, ok := strings.Cut(text, v.mark)
	if !ok {
		return text
	}
	return before + "\x1b[7m" + v.mark + "\x1b[27m" + after
}

func blanks(n int) string { return strings.Repeat(" ", max(n, 0)) }
