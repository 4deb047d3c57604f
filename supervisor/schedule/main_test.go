package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// utc parses an expression that is about UTC, whatever the machine's zone is.
func utc(t testing.TB, expr string) Schedule {
	t.Helper()
	s, err := Parse("TZ=UTC " + expr)
	require.NoError(t, err)
	return s
}

// in parses an expression about a zone that the machine may not know.
func in(t *testing.T, zone, expr string) Schedule {
	t.Helper()
	if _, err := time.LoadLocation(zone); err != nil {
		t.Skipf("this machine has no time zones: %v", err)
	}
	s, err := Parse("TZ=" + zone + " " + expr)
	require.NoError(t, err)
	return s
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return when
}

// dues lists the next n times, as the clock of the schedule's zone shows them.
func dues(s Schedule, after time.Time, n int) []string {
	const form = "Mon 2006-01-02 15:04:05 -0700"
	var list []string
	for range n {
		if after = s.Next(after); after.IsZero() {
			return append(list, "never")
		}
		list = append(list, after.Format(form))
	}
	return list
}
