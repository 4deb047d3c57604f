package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestAServiceIsWhatItsMostImportantInstanceIs(t *testing.T) {
	for _, c := range []struct {
		statuses []app.Status
		want     State
	}{
		{[]app.Status{app.Errored, app.Online, app.Stopped}, Running},
		{[]app.Status{app.Errored, app.Launching}, Starting},
		{[]app.Status{app.WaitingRestart, app.Stopping}, Starting},
		{[]app.Status{app.Stopped, app.Stopping}, Stopping},
		{[]app.Status{app.Stopped, app.Errored}, Errored},
		{[]app.Status{app.Stopped}, Stopped},
	} {
		s := Service{Name: "x"}
		for _, st := range c.statuses {
			s.Instances = append(s.Instances, app.Process{Status: st})
		}
		require.Equal(t, c.want, s.Status(now).State, "%v", c.statuses)
	}
}

func TestStatusSumsInstancesUp(t *testing.T) {
	list := []app.Process{
		{Name: "web", Status: app.Online, PID: 7, Started: now.Add(-3 * time.Second), Restarts: 2, Usage: app.Usage{CPU: 12.34, Memory: 3 << 20, Threads: 4}},
		{Name: "db", Status: app.Stopped},
		{Name: "web", Status: app.Errored, Restarts: 1, Reason: "exited with code 3"},
	}
	groups := Group(list)
	require.Len(t, groups, 2)
	require.Equal(t, "web", groups[0].Name)
	st := groups[0].Status(now)
	require.Equal(t, `Name: web
Status: RUNNING (online)
Uptime: 3.0 s
Restarts: 3
Instances: 2 (1 running)
PID: 7
CPU: 12.3%
Memory: 3.0 MB
Threads: 4
Reason: exited with code 3
`, string(AppendStatus(nil, &st)))
	_, ok := Find(list, "nope")
	require.False(t, ok)
}

func TestSpans(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0.0 s", 0.25: "0.2 s", 59.94: "59.9 s", 61: "61.0 s (1m 1s)", 3600: "3600.0 s (1h)", 93784: "93784.0 s (1d 2h)",
	} {
		require.Equal(t, want, seconds(n))
	}
}

func TestSortPutsTheLargestFirst(t *testing.T) {
	list := []Status{{Name: "a", CPU: 1, Memory: 9}, {Name: "b", CPU: 2, Memory: 3}}
	require.True(t, Sort(list, "cpu"))
	require.Equal(t, "b", list[0].Name)
	require.True(t, Sort(list, "memory"))
	require.Equal(t, "a", list[0].Name)
	require.False(t, Sort(list, "colour"))
}
