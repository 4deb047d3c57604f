package spawn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// consume plays a tree that would use demand cores, on a machine of some cores, whose clock rings late by up to late, and
// returns which part of a core it used in each window of ten seconds.
func consume(share, demand, cores float64, late time.Duration) (windows []float64, pauses int) {
	m := meter{share: share, cores: cores}
	now, used := time.Unix(1000, 0), time.Duration(0)
	began, before := now, used
	for n := 0; len(windows) < 6; n++ {
		pause, run := m.look(now, used)
		delay := late * time.Duration(n%7) / 6
		if pause > 0 {
			pauses++
			now = now.Add(pause + delay)
		} else {
			now = now.Add(run + delay)
			used += scaled(run+delay, min(demand, cores))
		}
		if d := now.Sub(began); d >= 10*time.Second {
			windows = append(windows, float64(used-before)/float64(d))
			began, before = now, used
		}
	}
	return windows, pauses
}

func TestBusyTreesUseTheirShare(t *testing.T) {
	for _, share := range []float64{0.01, 0.05, 0.5, 0.9, 1.5, 3} {
		for _, late := range []time.Duration{0, 4 * time.Millisecond, 40 * time.Millisecond} {
			windows, _ := consume(share, 5, 4, late)
			for _, got := range windows {
				assert.InDelta(t, share, got, 0.05, "share %v, a clock late by %v", share, late)
			}
		}
	}
}

func TestTreesBelowTheirShareNeverPause(t *testing.T) {
	windows, pauses := consume(0.5, 0.3, 4, 10*time.Millisecond)
	assert.Zero(t, pauses)
	assert.InDelta(t, 0.3, windows[0], 0.001)
}

func TestIdlenessIsNotSavedUp(t *testing.T) {
	m := meter{share: 0.5, cores: 2}
	now := time.Unix(1000, 0)
	m.look(now, 0)
	m.look(now.Add(time.Hour), 0)
	assert.Equal(t, burstTime/2, m.credit)
}

func TestAFigureThatJumpsPausesForABoundedTime(t *testing.T) {
	m := meter{share: 0.5, cores: 2}
	now := time.Unix(1000, 0)
	m.look(now, 0)
	pause, _ := m.look(now.Add(time.Second), time.Hour)
	assert.Equal(t, 8*time.Second, pause) // 2 s on 2 cores, at half a core
	m.forgive()
	pause, _ = m.look(now.Add(time.Second), time.Hour)
	assert.Zero(t, pause)
	_, run := m.look(now.Add(2*time.Second), 0) // a figure that shrinks is no gain
	assert.Positive(t, run)
	assert.LessOrEqual(t, m.credit, m.burst())
}

func TestTimeOfProcessesThatComeAndGoCountsOnce(t *testing.T) {
	const s = time.Second
	main, child, other := processKey{1, 1}, processKey{2, 2}, processKey{3, 3}
	at := time.Unix(1000, 0)
	type list = map[processKey]times
	var a spent
	step := func(l list) time.Duration {
		at = at.Add(100 * time.Millisecond)
		return a.add(at, l)
	}
	require.Zero(t, step(list{main: {own: 100 * s, reaped: 50 * s}}), "what was before does not count")
	assert.Equal(t, 3*s, step(list{main: {own: 101 * s, reaped: 50 * s}, child: {own: 2 * s}}), "a new one counts whole")
	assert.Equal(t, 4*s, step(list{main: {own: 101 * s, reaped: 53 * s}}), "of a child that was waited for, what was not seen")
	assert.Equal(t, 5*s, step(list{main: {own: 101 * s, reaped: 53 * s}, child: {own: 1 * s}}))
	assert.Equal(t, 5*s, step(list{main: {own: 101 * s, reaped: 53 * s}}), "gone: its time is on the way to its parent")
	assert.Equal(t, 5*s, step(list{main: {own: 101 * s, reaped: 54 * s}}), "and arrives")
	assert.Equal(t, 9*s, step(list{main: {own: 101 * s, reaped: 54 * s}, other: {own: 4 * s}}))
	assert.Equal(t, 9*s, step(list{main: {own: 101 * s, reaped: 54 * s}}), "an orphan: its time arrives nowhere")
	at = at.Add(2 * s)
	assert.Equal(t, 10*s, step(list{main: {own: 101 * s, reaped: 55 * s}}), "that of another is not taken for it")
}
