package main

import (
	"fmt"
	"strconv"
)

// unit says how a cost is kept and how people read it.
type unit string

const (
	seconds  unit = "s"    // shown in ms
	perGB    unit = "s/GB" // shown as MB/s
	cpuPerGB unit = "CPU s/GB"
	memory   unit = "B" // shown in MB
	threads  unit = "threads"
	percent  unit = "% of one core"

	perRequest unit = "s/request" // shown as requests a second
	perMessage unit = "s/message" // likewise
	failed     unit = "failed"
)

// show renders a cost for people.
func (u unit) show(cost float64) string {
	switch u {
	case seconds:
		return figure(cost*1e3) + " ms"
	case perGB:
		return figure(ratio(1e3, cost)) + " MB/s"
	case memory:
		return figure(cost/1e6) + " MB"
	case perRequest:
		return figure(ratio(1, cost)) + " req/s"
	case perMessage:
		return figure(ratio(1, cost)) + " messages/s"
	case percent:
		return figure(cost) + " %"
	}
	return figure(cost) + " " + string(u)
}

// times renders a ratio.
func times(x float64) string { return figure(x) + " ×" }

// figure renders three digits that mean something: 0.0123, 1.23, 12.3, 123, 12,345.
func figure(x float64) string {
	abs := x
	if abs < 0 {
		abs = -abs
	}
	switch {
	case abs == 0:
		return "0"
	case abs < 0.1:
		return strconv.FormatFloat(x, 'g', 2, 64)
	case abs < 10:
		return trimZeros(fmt.Sprintf("%.2f", x))
	case abs < 100:
		return trimZeros(fmt.Sprintf("%.1f", x))
	}
	return thousands(fmt.Sprintf("%.0f", x))
}

// trimZeros drops a fraction of zeros only, so that counts look like counts.
func trimZeros(s string) string {
	for i := len(s) - 1; i > 0; i-- {
		switch s[i] {
		case '0':
			continue
		case '.':
			return s[:i]
		}
		break
	}
	return s
}

// thousands puts a comma after each three digits from the right.
func thousands(s string) string {
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
