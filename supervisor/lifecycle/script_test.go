package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var t0 = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// defaults is PM2's policy for a process started without any option.
func defaults() Policy {
	return Policy{
		AutoRestart: true, MinUptime: time.Second, MaxRestarts: 16, BackoffReset: 30 * time.Second,
		KillTimeout: 1600 * time.Millisecond, ListenTimeout: 3 * time.Second, TreeKill: true,
	}
}

// script drives one State by hand.
type script struct {
	t   *testing.T
	p   Policy
	s   State
	now time.Time
}

func newScript(t *testing.T, change ...func(*Policy)) *script {
	t.Helper()
	sc := &script{t: t, p: defaults(), now: t0}
	for _, f := range change {
		f(&sc.p)
	}
	return sc
}

// do feeds inputs and returns the effects of the last one, as words.
func (sc *script) do(ins ...Input) string {
	var out []Effect
	for _, in := range ins {
		sc.s, out = Step(sc.p, sc.s, sc.now, in)
	}
	return words(out)
}

// after lets time pass and feeds inputs.
func (sc *script) after(d time.Duration, ins ...Input) string {
	sc.now = sc.now.Add(d)
	return sc.do(ins...)
}

// alarm goes to the deadline, which must be d from now, and ticks.
func (sc *script) alarm(d time.Duration) string {
	sc.t.Helper()
	at := sc.s.Deadline(sc.p)
	require.False(sc.t, at.IsZero(), "no deadline")
	require.Equal(sc.t, d, at.Sub(sc.now), "time to the deadline")
	return sc.after(d, Tick{})
}

// quiet requires that no Tick is due.
func (sc *script) quiet() {
	sc.t.Helper()
	require.True(sc.t, sc.s.Deadline(sc.p).IsZero(), "deadline %v", sc.s.Deadline(sc.p))
}

func (sc *script) status(want string) {
	sc.t.Helper()
	require.Equal(sc.t, want, sc.s.Status())
}

// words renders effects like "exited 1, restarting 1 in 100ms, starting 2, spawn 2".
func words(out []Effect) string {
	var all []string
	for _, e := range out {
		switch e := e.(type) {
		case Spawn:
			all = append(all, fmt.Sprint("spawn ", e.Gen))
		case Await:
			all = append(all, "await")
		case Drain:
			all = append(all, fmt.Sprint("drain ", e.Gen))
		case Term:
			all = append(all, fmt.Sprint("term ", e.Gen))
		case Kill:
			all = append(all, fmt.Sprint("kill ", e.Gen))
		case Emit:
			w := fmt.Sprint(e.What, " ", e.Gen)
			if e.What == WhatRestarting {
				w += fmt.Sprint(" in ", e.Delay)
			}
			all = append(all, w)
		}
	}
	return strings.Join(all, ", ")
}

func overlap(p *Policy)   { p.Overlap = true }
func drains(p *Policy)    { p.DrainTimeout = 8 * time.Second }
func waitReady(p *Policy) { p.WaitReady = true }
func noTree(p *Policy)    { p.TreeKill = false }
func gated(p *Policy)     { p.Gated = true }
