package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The way to what is due leads over the last day of a leap year.
func TestLeapYearsEnd(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for expr, want := range map[string]string{
		"TZ=Europe/Berlin 0 0 1 1 0":     "2034-01-01 00:00",
		"TZ=Europe/Berlin 0 0 1 1 *":     "2029-01-01 00:00",
		"TZ=Europe/Berlin 30 23 31 12 *": "2028-12-31 23:30",
	} {
		s, err := Parse(expr)
		require.NoError(t, err)
		for _, from := range []string{"2028-11-05 10:00", "2028-12-30 23:59", "2028-12-31 00:00", "2028-12-31 12:00"} {
			after, err := time.ParseInLocation("2006-01-02 15:04", from, zone)
			require.NoError(t, err)
			assert.Equal(t, want, s.Next(after).Format("2006-01-02 15:04"), "%s after %s", expr, from)
		}
	}
}
