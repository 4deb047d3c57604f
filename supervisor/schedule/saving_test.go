package schedule

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	berlin  = "Europe/Berlin"
	newYork = "America/New_York"
)

// In Berlin clocks leapt from 02:00 to 03:00 on 2024-03-31, in New York on 2024-03-10.
func TestAnHourThatClocksLeapOver(t *testing.T) {
	for _, tc := range []struct {
		zone, expr, after string
		want              []string
	}{
		{berlin, "30 2 * * *", "2024-03-30T12:00:00Z", []string{"Sun 2024-03-31 03:00:00 +0200", "Mon 2024-04-01 02:30:00 +0200"}},
		{berlin, "30 2 31 3 *", "2024-03-30T12:00:00Z", []string{"Sun 2024-03-31 03:00:00 +0200", "Mon 2025-03-31 02:30:00 +0200"}},
		{berlin, "0 3 * * *", "2024-03-30T12:00:00Z", []string{"Sun 2024-03-31 03:00:00 +0200", "Mon 2024-04-01 03:00:00 +0200"}},
		{berlin, "0,30 2 * * *", "2024-03-30T12:00:00Z", []string{"Sun 2024-03-31 03:00:00 +0200", "Mon 2024-04-01 02:00:00 +0200"}},
		{berlin, "30 2-3 * * *", "2024-03-30T12:00:00Z", []string{"Sun 2024-03-31 03:00:00 +0200", "Sun 2024-03-31 03:30:00 +0200", "Mon 2024-04-01 02:30:00 +0200"}},
		{berlin, "30 1,4 * * *", "2024-03-30T12:00:00Z", []string{"Sun 2024-03-31 01:30:00 +0100", "Sun 2024-03-31 04:30:00 +0200"}},
		{berlin, "59 59 1 * * *", "2024-03-30T12:00:00Z", []string{"Sun 2024-03-31 01:59:59 +0100", "Mon 2024-04-01 01:59:59 +0200"}},
		{berlin, "30 * * * *", "2024-03-31T00:00:00Z", []string{"Sun 2024-03-31 01:30:00 +0100", "Sun 2024-03-31 03:30:00 +0200"}},
		{berlin, "*/20 * * * *", "2024-03-31T00:30:00Z", []string{"Sun 2024-03-31 01:40:00 +0100", "Sun 2024-03-31 03:00:00 +0200", "Sun 2024-03-31 03:20:00 +0200"}},
		{berlin, "30 2 * * *", "2024-03-31T01:00:00Z", []string{"Mon 2024-04-01 02:30:00 +0200"}}, // what was due when they leapt has been
		{newYork, "30 2 * * *", "2024-03-10T00:00:00Z", []string{"Sun 2024-03-10 03:00:00 -0400", "Mon 2024-03-11 02:30:00 -0400"}},
		{newYork, "15 * * * *", "2024-03-10T06:00:00Z", []string{"Sun 2024-03-10 01:15:00 -0500", "Sun 2024-03-10 03:15:00 -0400"}},
		{"Africa/Cairo", "0 0 * * *", "2024-04-25T12:00:00Z", []string{"Fri 2024-04-26 01:00:00 +0300", "Sat 2024-04-27 00:00:00 +0300"}},
		{"Australia/Lord_Howe", "15 2 * * *", "2024-10-05T12:00:00Z", []string{"Sun 2024-10-06 02:30:00 +1100", "Mon 2024-10-07 02:15:00 +1100"}},
		// Samoa had no 30th of December in 2011.
		{"Pacific/Apia", "0 12 30 12 *", "2011-12-29T12:00:00Z", []string{"Sat 2011-12-31 00:00:00 +1400", "Sun 2012-12-30 12:00:00 +1400"}},
	} {
		t.Run(tc.zone+" "+tc.expr, func(t *testing.T) {
			assert.Equal(t, tc.want, dues(in(t, tc.zone, tc.expr), at(t, tc.after), len(tc.want)))
		})
	}
}

// In Berlin clocks went back from 03:00 to 02:00 on 2024-10-27, in New York from 02:00 to 01:00 on 2024-11-03.
func TestAnHourThatComesTwice(t *testing.T) {
	for _, tc := range []struct {
		zone, expr, after string
		want              []string
	}{
		{berlin, "30 2 * * *", "2024-10-26T12:00:00Z", []string{"Sun 2024-10-27 02:30:00 +0200", "Mon 2024-10-28 02:30:00 +0100"}},
		{berlin, "30 2 * * *", "2024-10-27T01:15:00Z", []string{"Mon 2024-10-28 02:30:00 +0100"}}, // asked in the second pass
		{berlin, "0 2 * * *", "2024-10-26T12:00:00Z", []string{"Sun 2024-10-27 02:00:00 +0200", "Mon 2024-10-28 02:00:00 +0100"}},
		{berlin, "0 3 * * *", "2024-10-26T12:00:00Z", []string{"Sun 2024-10-27 03:00:00 +0100", "Mon 2024-10-28 03:00:00 +0100"}},
		{berlin, "*/30 2 * * *", "2024-10-26T12:00:00Z", []string{"Sun 2024-10-27 02:00:00 +0200", "Sun 2024-10-27 02:30:00 +0200", "Mon 2024-10-28 02:00:00 +0100"}},
		{berlin, "0 */2 * * *", "2024-10-26T23:00:00Z", []string{"Sun 2024-10-27 02:00:00 +0200", "Sun 2024-10-27 04:00:00 +0100"}},
		{berlin, "*/30 * * * *", "2024-10-27T00:00:00Z", []string{"Sun 2024-10-27 02:30:00 +0200", "Sun 2024-10-27 02:00:00 +0100", "Sun 2024-10-27 02:30:00 +0100", "Sun 2024-10-27 03:00:00 +0100"}},
		{newYork, "30 1 * * *", "2024-11-03T00:00:00Z", []string{"Sun 2024-11-03 01:30:00 -0400", "Mon 2024-11-04 01:30:00 -0500"}},
		{newYork, "30 0-23 * * *", "2024-11-03T05:00:00Z", []string{"Sun 2024-11-03 01:30:00 -0400", "Sun 2024-11-03 01:30:00 -0500", "Sun 2024-11-03 02:30:00 -0500"}},
		{"Australia/Lord_Howe", "45 1 * * *", "2024-04-06T00:00:00Z", []string{"Sun 2024-04-07 01:45:00 +1100", "Mon 2024-04-08 01:45:00 +1030"}},
	} {
		t.Run(tc.zone+" "+tc.expr, func(t *testing.T) {
			assert.Equal(t, tc.want, dues(in(t, tc.zone, tc.expr), at(t, tc.after), len(tc.want)))
		})
	}
}
