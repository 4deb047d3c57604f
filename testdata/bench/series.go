package main

import (
	"math"
	"slices"
)

// series are repeated measurements of one thing, as costs: less is better. Throughput is kept as seconds per GB, so
// that the low end is the good end everywhere.
type series []float64

// Median is the middle value, 0 of none.
func (s series) Median() float64 { return s.quantile(0.5) }

// P10 is what one in ten measurements beats: the machine at its quietest.
func (s series) P10() float64 { return s.quantile(0.1) }

// quantile interpolates linearly between the two nearest ranks.
func (s series) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	at := q * float64(len(sorted)-1)
	low := math.Floor(at)
	value := sorted[int(low)]
	if int(low)+1 < len(sorted) {
		value += (at - low) * (sorted[int(low)+1] - value)
	}
	return value
}

// ratio is a/b, 0 when there is no b: no ratio is shown for that.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
