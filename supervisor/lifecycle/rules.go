package lifecycle

import (
	"slices"
	"time"
)

const (
	killAgain  = 5 * time.Second  // between a Kill that did not help and the next
	backoffMax = 15 * time.Second // PM2's cap of the growing delay
	patience   = 16               // quick exits in a row (PM2's default limit) after which one that goes on for ever, or cannot be spawned, is paced
	pace       = time.Second      // between its restarts then
)

// crash decides what follows the end of Cur, which nobody asked to die.
func (m *machine) crash(c Child) {
	s := &m.s
	if s.ReloadDue { // the operator asked for a newer child than this
		s.Restarts++
		s.RestartAt, s.ReloadDue = m.now, false
		return
	}
	if !m.p.AutoRestart || m.meantToStop() {
		return
	}
	if m.tooMany(c) {
		s.GaveUp, s.Born = true, time.Time{}
		s.Unstable, s.RowSince = 0, time.Time{}
		return
	}
	delay := m.delay(c)
	s.RestartAt, s.Auto = m.now.Add(delay), true
	m.do(Emit{What: WhatRestarting, Gen: c.Gen, Delay: delay})
}

// meantToStop reports whether the last exit has one of the codes that mean the work is done. A death by signal has no
// code, so it is never one (PM2 reads it as 0).
func (m *machine) meantToStop() bool {
	e := m.s.Exit
	return e.Signal == 0 && e.Err == "" && slices.Contains(m.p.StopExitCodes, e.Code)
}

// tooMany counts the exit of c and reports whether it was one too many. A child that never became a process was quick,
// however long the attempt took.
func (m *machine) tooMany(c Child) bool {
	s, limit := &m.s, m.p.MaxRestarts
	if c.PID != 0 && m.now.Sub(c.Since) >= m.p.MinUptime {
		s.Unstable, s.RowSince = 0, time.Time{}
	} else {
		// A row slower than MinUptime a piece is no row: with pauses of that size PM2 never gives up. Dividing cannot overflow.
		if limit > 0 && m.p.MinUptime > 0 && m.now.Sub(s.RowSince)/time.Duration(limit) >= m.p.MinUptime {
			s.Unstable = 0
		}
		if s.Unstable == 0 {
			s.RowSince = c.Since
		}
		s.Unstable++
	}
	return limit >= 0 && s.Unstable >= limit
}

// delay returns the pause before the automatic restart that follows the end of c.
func (m *machine) delay(c Child) time.Duration {
	s, p := &m.s, m.p
	delay := max(p.RestartDelay, 0)
	if p.ExpBackoff > 0 {
		if p.BackoffReset > 0 && c.PID != 0 && m.now.Sub(c.Since) >= p.BackoffReset {
			s.Backoff = 0
		}
		s.Backoff = grow(s.Backoff, p.ExpBackoff)
		delay = s.Backoff
	}
	if s.Unstable >= patience && (p.MaxRestarts < 0 || c.PID == 0) {
		delay = max(delay, pace)
	}
	return delay
}

// grow returns the back-off that follows prev: first, then half as much again in whole milliseconds, up to backoffMax.
func grow(prev, first time.Duration) time.Duration {
	switch {
	case prev <= 0:
		return first
	case prev >= backoffMax:
		return backoffMax
	default:
		return min((prev * 3 / 2).Truncate(time.Millisecond), backoffMax)
	}
}

// forgive forgets what went wrong before the operator acted.
func (m *machine) forgive() {
	s := &m.s
	s.Unstable, s.RowSince, s.Backoff = 0, time.Time{}, 0
	s.GaveUp, s.Born = false, m.now
}
