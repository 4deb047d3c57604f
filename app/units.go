package app

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes is an amount of memory or disk. Its text form is PM2's: a whole number with an optional suffix K, M or G,
// each 1024 times the one before ("150M").
type Bytes int64

// ParseBytes reads PM2's text form, in either case and with an optional trailing B ("150M", "1g", "512KB", "4096").
func ParseBytes(s string) (Bytes, error) {
	digits := strings.TrimRight(strings.ToUpper(strings.TrimSpace(s)), "B")
	shift := 0
	if n := len(digits); n > 0 {
		switch digits[n-1] {
		case 'K':
			shift = 10
		case 'M':
			shift = 20
		case 'G':
			shift = 30
		case 'T':
			shift = 40
		}
		if shift > 0 {
			digits = digits[:n-1]
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("size %q: want a whole number with an optional K, M or G", s)
	}
	return Bytes(n << shift), nil
}

// String gives the number of bytes and the largest suffix that divides it.
func (b Bytes) String() string {
	n, suffix := int64(b), ""
	for _, s := range []string{"K", "M", "G"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, suffix = n/1024, s
	}
	return strconv.FormatInt(n, 10) + suffix
}

// UnmarshalJSON accepts a number of bytes or the text form.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var n float64
	if json.Unmarshal(data, &n) == nil {
		*b = Bytes(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("size %.40s: %w", data, err)
	}
	v, err := ParseBytes(s)
	*b = v
	return err
}

// Duration is a time span whose JSON form is a number of milliseconds, PM2's unit; it also reads "500ms", "5s", "2m",
// "1h" and digits in a string.
type Duration time.Duration

// Milliseconds returns d in PM2's unit.
func (d Duration) Milliseconds() int64 { return time.Duration(d).Milliseconds() }

// D returns d as Go's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// ParseDuration reads digits (milliseconds) or a Go duration ("1.5s", "2h").
func ParseDuration(s string) (Duration, error) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
		return Duration(n * float64(time.Millisecond)), nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("duration %q: want milliseconds, or a number with ms, s, m or h", s)
	}
	return Duration(v), nil
}

// MarshalJSON writes whole milliseconds.
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, d.Milliseconds(), 10), nil
}

// UnmarshalJSON reads what ParseDuration reads, or a number of milliseconds.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		s = string(data)
	}
	v, err := ParseDuration(s)
	*d = v
	return err
}
