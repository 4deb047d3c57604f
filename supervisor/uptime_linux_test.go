package supervisor

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The kernel's own figure, to a tick of 10 ms, is the judge; a busy machine delays both of us alike.
func TestUptimeIsTheKernels(t *testing.T) {
	r := newReal(t)
	r.up(r.spec("a", "/bin/sh", r.file("a.sh", "exec sleep 100\n")))
	p := r.process(0)
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/stat")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	ticks, err := strconv.ParseInt(strings.Fields(rest)[19], 10, 64)
	require.NoError(t, err)
	var before, after unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &before))
	uptime := time.Since(p.Started)
	require.NoError(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &after))
	started := ticks * int64(10*time.Millisecond)
	assert.GreaterOrEqual(t, uptime, time.Duration(before.Nano()-started)-50*time.Millisecond)
	assert.LessOrEqual(t, uptime, time.Duration(after.Nano()-started)+50*time.Millisecond)
}
