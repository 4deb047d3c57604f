package procstat

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const line = "4242 (node (v) R 1 ) S 17 4242 4242 0 -1 4194304 100 200 3 4 150 25 30 5 20 0 11 0 77609 3133440 413 " +
	"18446744073709551615 94275563495424 94275563515305 140731848481184 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 4 5 6 7 0\n"

func TestStatLine(t *testing.T) {
	var s stat
	require.NoError(t, s.parse([]byte(line)))
	require.Equal(t, stat{ppid: 17, state: 'S', self: 175, reaped: 35, start: 77609, rss: 413, count: 11}, s)
}

func TestStatLineOfThisProcess(t *testing.T) {
	data, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	var s stat
	require.NoError(t, s.parse(data))
	require.EqualValues(t, os.Getppid(), s.ppid)
	require.False(t, s.thread)
	require.Positive(t, s.count)
	require.Positive(t, s.rss)
	require.Positive(t, s.start)
	require.False(t, s.zombie())

	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, task := range tasks {
		data, err := os.ReadFile("/proc/" + task.Name() + "/stat")
		if err != nil {
			continue // The thread has ended.
		}
		require.NoError(t, s.parse(data))
		require.Equal(t, task.Name() != strconv.Itoa(os.Getpid()), s.thread, task.Name())
	}
}

func TestZombieIsOneOnlyWithoutOtherThreads(t *testing.T) {
	cmd := exec.Command("true")
	require.NoError(t, cmd.Start())
	pid := cmd.Process.Pid
	var info unix.Siginfo
	require.NoError(t, unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil))
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	require.NoError(t, err)
	require.NoError(t, cmd.Wait())
	var s stat
	require.NoError(t, s.parse(data))
	require.True(t, s.zombie())
	s.count = 2
	require.False(t, s.zombie())
}

func TestBrokenStatLines(t *testing.T) {
	var s stat
	for _, bad := range []string{
		"", "1", "1 (", "1 (a)", "1 (a) ", "1 (a) S", "1 (a) S 1", "1 (a) S 1 2 3 4 5", "1 (a) S x 1 1 0 -1 4194304",
		line[:60], "1 (a)xSx1 2 3",
	} {
		require.ErrorIs(t, s.parse([]byte(bad)), errStat, bad)
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte(line))
	f.Add([]byte("1 (a) S 1 2 3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s stat
		if s.parse(data) == nil {
			require.Contains(t, string(data), ") ")
		}
		for fl := (fields{rest: data}); len(fl.rest) > 0; { // always comes to an end
			before := len(fl.rest)
			fl.next()
			if len(fl.rest) == before {
				require.True(t, fl.bad)
				break
			}
		}
	})
}
