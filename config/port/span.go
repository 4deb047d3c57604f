package port

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

func parseUint(digits string, base int) (uint64, error) {
	if base == 0 {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(digits, base, 32)
}

var errSpan = errors.New("no span of time")

// longest is the longest span that is taken; weaver's configs take no more than ten years.
const longest = 10 * 365 * 24 * time.Hour

// span reads numbers with units, one after the other: "1min 30s", "1m30s", "500ms". A number alone is seconds. infinite is
// systemd's word for no end.
func span(s string) (d time.Duration, infinite bool, err error) {
	rest := strings.TrimSpace(s)
	if rest == "infinity" {
		return 0, true, nil
	}
	if rest == "" {
		return 0, false, errSpan
	}
	for rest != "" {
		end := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		if end < 0 {
			end = len(rest)
		}
		n, err := strconv.ParseFloat(rest[:end], 64)
		if err != nil {
			return 0, false, errSpan
		}
		rest = strings.TrimLeft(rest[end:], " \t")
		end = strings.IndexFunc(rest, func(r rune) bool { return r < 'A' || r > 'z' })
		if end < 0 {
			end = len(rest)
		}
		scale, ok := scaleOf(rest[:end])
		if !ok {
			return 0, false, errSpan
		}
		if n *= float64(scale); n+float64(d) > float64(longest) {
			return longest, false, nil
		}
		d += time.Duration(math.Round(n))
		rest = strings.TrimLeft(rest[end:], " \t")
	}
	return d, false, nil
}

func scaleOf(unit string) (time.Duration, bool) {
	switch unit {
	case "ns":
		return time.Nanosecond, true
	case "us", "usec":
		return time.Microsecond, true
	case "ms", "msec":
		return time.Millisecond, true
	case "", "s", "sec", "second", "seconds":
		return time.Second, true
	case "m", "min", "minute", "minutes":
		return time.Minute, true
	case "h", "hr", "hour", "hours":
		return time.Hour, true
	case "d", "day", "days":
		return 24 * time.Hour, true
	case "w", "week", "weeks":
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}

// millis are whole milliseconds, and one at least of what is not nothing.
func millis(d time.Duration) int {
	if d > 0 && d < time.Millisecond {
		return 1
	}
	return int(d / time.Millisecond)
}

// size reads an amount of memory with a suffix of K, M, G or T, each 1024 times the one before, and an optional B or iB.
func size(s string) (int64, error) {
	word := strings.ToUpper(strings.TrimSpace(s))
	word = strings.TrimSuffix(strings.TrimSuffix(word, "B"), "I")
	shift := 0
	if n := len(word); n > 0 {
		if i := strings.IndexByte("KMGT", word[n-1]); i >= 0 {
			shift, word = 10*(i+1), strings.TrimSpace(word[:n-1])
		}
	}
	n, err := strconv.ParseFloat(word, 64)
	if err != nil || !(n >= 0) || n > math.MaxInt64/float64(int64(1)<<shift)/2 {
		return 0, errors.New("no size")
	}
	return int64(n * float64(int64(1)<<shift)), nil
}
