package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"* * * * *", "*/5 1-2/3 L JAN-MAR FRI#2", "0 0 ? * 5L", "TZ=Europe/Berlin 30 2 * * *", "CRON_TZ=UTC ?/7 5/9 LW 2 0-7", "59 59 23 29 2 mon",
	} {
		f.Add(seed, int64(1_711_846_799))
	}
	f.Fuzz(func(t *testing.T, expr string, second int64) {
		second %= 1 << 33 // up to the year 2242, and back to 1697
		s, err := ParseAt(expr, time.Unix(second, 0))
		if err != nil {
			require.Less(t, len(err.Error()), 700)
			return
		}
		again, err := ParseAt(s.String(), time.Unix(second, 0))
		require.NoError(t, err)
		require.Equal(t, s, again)

		after := time.Unix(second, 0)
		for range 3 {
			due := s.Next(after)
			if due.IsZero() {
				return
			}
			require.True(t, due.After(after), "%s is not after %s", due, after)
			require.Zero(t, due.Nanosecond())
			// Nothing may lie between a time and what is due after it.
			require.True(t, due.Equal(s.Next(due.Add(-time.Second))))
			require.True(t, due.Equal(s.Next(after.Add(due.Sub(after)/2))))
			after = due
		}
	})
}
