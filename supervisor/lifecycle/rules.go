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
	firstDelay = time.Second      // of Growth without a RestartDelay
	backoffCap = time.Minute      // of Growth without a BackoffCap
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
		m.count(c)
		return
	}
	if m.tooMany(c) {
		s.GaveUp, s.Born = true, time.Time{}
		s.Unstable, s.RowSince = 0, time.Time{}
		s.Open, s.InWindow, s.WindowSince = false, 0, time.Time{}
		return
	}
	delay := m.delay(c)
	if m.trips() {
		delay = max(delay, m.p.OpenFor)
	}
	s.RestartAt, s.Auto = m.now.Add(delay), true
	m.do(Emit{What: WhatRestarting, Gen: c.Gen, Delay: delay})
}

// meantToStop reports whether the last exit has one of the codes that mean the work is done. A death by signal has no
// code, so it is never one (PM2 reads it as 0).
func (m *machine) meantToStop() bool {
	e := m.s.Exit
	return e.Signal == 0 && e.Err == "" && slices.Contains(m.p.StopExitCodes, e.Code)
}

// count counts the exit of c. A child that never became a process was quick, however long the attempt took.
func (m *machine) count(c Child) {
	s, limit := &m.s, m.p.MaxRestarts
	if c.PID != 0 && m.now.Sub(c.Since) >= m.p.MinUptime {
		s.Unstable, s.RowSince = 0, time.Time{}
	} else {
		// A row slower than MinUptime a piece is no row: with pauses of that size PM2 never gives up. Dividing cannot overflow.
		// Delays that grow, and a circuit, are chosen by those who want the row counted however long it lasts.
		if limit > 0 && m.p.Growth == PM2s && m.p.Breaker == 0 && m.p.MinUptime > 0 && m.now.Sub(s.RowSince)/time.Duration(limit) >= m.p.MinUptime {
			s.Unstable = 0
		}
		if s.Unstable == 0 {
			s.RowSince = c.Since
		}
		s.Unstable++
	}
}

// tooMany counts the exit of c and reports whether it was one too many.
func (m *machine) tooMany(c Child) bool {
	m.count(c)
	if m.p.Window > 0 {
		return m.tooManyInWindow()
	}
	return m.p.MaxRestarts >= 0 && m.s.Unstable >= m.p.MaxRestarts
}

// tooManyInWindow counts the restart that is due and reports whether it is one too many for its window, which begins with
// the first restart after the last one has passed.
func (m *machine) tooManyInWindow() bool {
	s := &m.s
	if s.WindowSince.IsZero() || m.now.Sub(s.WindowSince) >= m.p.Window {
		s.WindowSince, s.InWindow = m.now, 0
	}
	s.InWindow++
	return m.p.MaxRestarts >= 0 && s.InWindow > m.p.MaxRestarts
}

// trips opens the circuit after as many quick exits in a row as the policy allows, again after a trial that failed, and
// reports whether it is open. The exit of a child that lasted has closed it.
func (m *machine) trips() bool {
	s := &m.s
	if m.p.Breaker <= 0 || s.Unstable == 0 || !s.Open && s.Unstable < m.p.Breaker {
		s.Open = false
		return false
	}
	if !s.Open {
		m.do(Emit{What: WhatOpened, Gen: s.Exit.Gen})
	}
	s.Open = true
	return true
}

// lasted reports when a trial has shown that the circuit may close, or zero.
func (s State) lasted(p Policy) time.Time {
	if !s.Open || !s.Cur.serving() || !s.Cur.Ready || s.Cur.PID == 0 {
		return time.Time{}
	}
	return s.Cur.Since.Add(p.MinUptime)
}

// delay returns the pause before the automatic restart that follows the end of c.
func (m *machine) delay(c Child) time.Duration {
	s, p := &m.s, m.p
	delay := max(p.RestartDelay, 0)
	if p.Growth != PM2s {
		delay = m.grown()
	} else if p.ExpBackoff > 0 {
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

// grown returns the pause by Growth: Unstable says which restart in a row it is.
func (m *machine) grown() time.Duration {
	first, most := m.p.RestartDelay, m.p.BackoffCap
	if first <= 0 {
		first = firstDelay
	}
	if most <= 0 {
		most = backoffCap
	}
	n := max(m.s.Unstable, 1)
	delay := most
	switch {
	case m.p.Growth == Linear && first <= most/time.Duration(n):
		delay = first * time.Duration(n)
	case m.p.Growth == Doubling && n == 1:
		delay = 0
	case m.p.Growth == Doubling && n-2 < 62 && first <= most>>(n-2):
		delay = first << (n - 2)
	}
	if j := min(m.p.Jitter, 1); j > 0 {
		delay -= time.Duration(float64(delay) * j * chance(m.s.LastGen, m.s.Born))
	}
	return delay
}

// chance is a number from 0 to 1 that looks like chance and is the same for the same incarnation: the machine is pure.
func chance(gen uint64, born time.Time) float64 {
	z := gen*0x9e3779b97f4a7c15 + uint64(born.UnixNano())
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) / (1 << 53)
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
	s.Open, s.InWindow, s.WindowSince = false, 0, time.Time{}
}
