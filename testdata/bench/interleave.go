//go:build linux

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// subject is one of those that are measured against each other.
type subject struct {
	name string
	// every lets slow ones take part in each n-th round only; 0 is every round.
	every int
	// prepare brings about what measure needs, untimed. May be nil.
	prepare func() error
	// measure does the thing once and returns its cost.
	measure func() (float64, error)
}

// warmRounds is from how many rounds on a first one, to fill caches, is worth its time and goes unrecorded.
const warmRounds = 50

// interleave measures all subjects in turn, so that what disturbs the machine disturbs all of them alike. After budget it
// stops early, but not before all had three turns. A subject that fails is left out from there on, with its error.
func interleave(rounds int, budget time.Duration, subjects ...*subject) *row {
	costs := make([]series, len(subjects))
	errs := make([]error, len(subjects))
	// A collection in the middle of a fork would be charged to whoever is measured.
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	slowest := 1
	for _, s := range subjects {
		slowest = max(slowest, s.every)
	}
	if rounds >= warmRounds {
		for i, s := range subjects {
			_, errs[i] = s.turn()
		}
	}
	start := time.Now()
	for round := range rounds {
		if round >= 3*slowest && time.Since(start) > budget {
			break
		}
		for i := range subjects {
			n := (i + round) % len(subjects) // nobody always comes first
			s := subjects[n]
			if errs[n] != nil || s.every > 1 && round%s.every != 0 {
				continue
			}
			cost, err := s.turn()
			if err != nil {
				errs[n] = err
				continue
			}
			costs[n] = append(costs[n], cost)
		}
	}
	r := &row{}
	for i, s := range subjects {
		r.add(s.name, costs[i], errs[i])
	}
	return r
}

func (s *subject) turn() (float64, error) {
	if s.prepare != nil {
		if err := s.prepare(); err != nil {
			return 0, fmt.Errorf("prepare: %w", err)
		}
	}
	return s.measure()
}
