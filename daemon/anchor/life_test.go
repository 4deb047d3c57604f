package anchor

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// deaths lets supervisors live for the given times, one after the other, all of them ready, and returns the pauses.
func deaths(t *testing.T, l *life, lives ...time.Duration) []time.Duration {
	now := epoch
	var pauses []time.Duration
	for _, lived := range lives {
		l.started(now)
		l.becameReady()
		now = now.Add(lived)
		require.Equal(t, verdictAgain, l.died(now, false, false))
		pauses = append(pauses, l.startAt.Sub(now))
		now = l.startAt
	}
	return pauses
}

func TestPausesGrowAndStartAgainAfterASteadyLife(t *testing.T) {
	ms := time.Millisecond
	var l life
	assert.Equal(t, []time.Duration{0, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5 * time.Second, 5 * time.Second},
		deaths(t, &l, ms, ms, ms, ms, ms, ms, ms, ms, steady-1))
	assert.Equal(t, 9, l.restarts)
	assert.Equal(t, []time.Duration{0, 100 * ms}, deaths(t, &l, steady, 0))
	assert.Equal(t, []time.Duration{0}, deaths(t, &l, time.Hour))
	assert.Equal(t, 5*time.Second, pause(1_000_000))
}

// Who kills a supervisor again and again is to find the next one at once; what dies of itself, or right away, is not hurried.
func TestOneThatIsKilledHasASuccessorAtOnce(t *testing.T) {
	for _, c := range []struct {
		name        string
		ready, shot bool
		lived       time.Duration
		want        time.Duration
	}{
		{"killed", true, true, time.Second, 0},
		{"killed before it was ready", false, true, time.Second, 400 * time.Millisecond},
		{"killed at once", true, true, time.Millisecond, 400 * time.Millisecond},
		{"crashed", true, false, time.Second, 400 * time.Millisecond},
	} {
		l := life{everReady: true}
		now := epoch
		for range 4 {
			l.started(now)
			if c.ready {
				l.becameReady()
			}
			if c.shot {
				l.wasShot()
			}
			now = now.Add(c.lived)
			l.died(now, false, false)
		}
		assert.Equal(t, c.want, l.startAt.Sub(now), c.name)
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name        string
		ready, bye  bool
		told, asked bool
		earlier     int // deaths before
		want        verdict
	}{
		{name: "first crash at the first start", want: verdictAgain},
		{name: "third crash at the first start", earlier: 2, want: verdictGiveUp},
		{name: "it said why it cannot start", told: true, want: verdictGiveUp},
		{name: "asked to end before it was ready", asked: true, want: verdictEnd},
		{name: "bye before it was ready", bye: true, want: verdictEnd},
		{name: "bye", ready: true, bye: true, want: verdictEnd},
		{name: "bye when asked", ready: true, bye: true, asked: true, want: verdictEnd},
		{name: "crash", ready: true, want: verdictAgain},
		{name: "tenth crash", ready: true, earlier: 9, want: verdictAgain},
		{name: "a later one says why it cannot start", ready: true, told: true, earlier: 9, want: verdictAgain},
		{name: "crash when asked to end", ready: true, asked: true, want: verdictAgain},
	} {
		l := life{everReady: c.ready, bye: c.bye, deaths: c.earlier, born: epoch}
		assert.Equal(t, c.want, l.died(epoch.Add(time.Second), c.told, c.asked), c.name)
	}
}

func TestWhoIsAskedToEndAndDiesOtherwiseIsAbandoned(t *testing.T) {
	l := life{everReady: true}
	for range maxTries - 1 {
		assert.Equal(t, verdictAgain, l.died(epoch, false, true))
	}
	assert.Equal(t, verdictAbandon, l.died(epoch, false, true))
}

// One that could not even be run has not lived, however long ago its predecessor was born.
func TestOneThatCouldNotBeRunHasNotLived(t *testing.T) {
	var l life
	deaths(t, &l, 0, 0, 0)
	l.died(epoch.Add(time.Hour), true, false)
	assert.Equal(t, 4, l.deaths)
}

func TestByeIsOfOneLifeOnly(t *testing.T) {
	l := life{everReady: true, bye: true, ready: true}
	l.started(epoch)
	assert.False(t, l.bye || l.ready)
	assert.True(t, l.everReady)
}

func TestPlanOfWhoDoesNotGetReady(t *testing.T) {
	l := life{everReady: true}
	var plans []plan
	for range 2*maxTries + 1 {
		plans = append(plans, l.plan())
		l.started(epoch)
		l.died(epoch, false, false)
	}
	newest, previous, without := plan{}, plan{previous: true, suspect: true}, plan{previous: true, suspect: true, skipTail: true}
	assert.Equal(t, []plan{newest, newest, newest, previous, previous, previous, without}, plans)
	l.started(epoch)
	l.becameReady()
	l.died(epoch, false, false)
	assert.Equal(t, newest, l.plan(), "one that was ready ends the row")
	for range 3 * maxTries {
		l.started(epoch)
		l.wasShot()
		l.died(epoch, false, false)
	}
	assert.Equal(t, plan{previous: true}, l.plan(), "what somebody outside does is no reason to leave anything out")
}

func TestOrphansAreToldUntilTheyAreAcknowledged(t *testing.T) {
	var o orphans
	var got []string
	room := 1
	send := func(text string) error {
		if room == 0 {
			return errors.New("full")
		}
		room--
		got = append(got, text)
		return nil
	}
	assert.False(t, o.waiting())
	for pid := 1; pid <= 3; pid++ {
		assert.True(t, o.add(Orphan{pid, 256, 9}))
	}
	o.flush(send)
	assert.Equal(t, []string{"orphan 1 256 9"}, got)
	assert.True(t, o.isTold(1))
	assert.False(t, o.isTold(2))
	assert.True(t, o.waiting())
	room = 9
	o.flush(send)
	assert.Equal(t, []string{"orphan 1 256 9", "orphan 2 256 9", "orphan 3 256 9"}, got)
	assert.False(t, o.waiting())

	assert.True(t, o.acknowledge(2))
	assert.False(t, o.acknowledge(2), "there is nothing to reap any more")
	assert.True(t, o.known(1))
	got = nil
	o.again()
	o.flush(send)
	assert.ElementsMatch(t, []string{"orphan 1 256 9", "orphan 3 256 9"}, got, "the next one is told")
	o.add(Orphan{4, 0, 9})
	assert.True(t, o.acknowledge(4), "before it was told: by the last one")
	o.flush(send)
	assert.Len(t, got, 2)
	assert.True(t, o.acknowledge(1) && o.acknowledge(3))
	assert.Equal(t, orphans{}, o, "nothing is left")
}

func TestOrphansAreBounded(t *testing.T) {
	var o orphans
	for pid := 1; pid <= maxDead; pid++ {
		require.True(t, o.add(Orphan{pid, 0, 1}))
	}
	assert.False(t, o.add(Orphan{maxDead + 1, 0, 1}), "it is reaped at once")
	assert.False(t, o.known(maxDead+1))
	last := ""
	o.flush(func(text string) error { last = text; return nil })
	assert.Equal(t, "missed 1", last)
	assert.False(t, o.waiting())
	assert.True(t, o.acknowledge(7))
	assert.True(t, o.add(Orphan{maxDead + 2, 0, 1}))
}
