package procstat

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInspectThisProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()

	d, err := Inspect(os.Getpid())
	require.NoError(t, err)
	cwd, err := os.Getwd()
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), d.PID)
	require.Equal(t, os.Getppid(), d.Parent)
	require.Equal(t, os.Args, d.Cmdline)
	require.Equal(t, exe, d.Exe)
	require.NotEmpty(t, d.Name)
	require.NotEmpty(t, d.User)
	require.WithinDuration(t, time.Now(), d.Created, time.Hour)
	if runtime.GOOS != "linux" {
		return // The rest is not told everywhere.
	}
	require.Equal(t, cwd, d.Cwd)
	require.Empty(t, d.Missing)
	require.Contains(t, d.Listening, "tcp "+l.Addr().String())
	require.GreaterOrEqual(t, d.Connections, 1)
	require.GreaterOrEqual(t, d.OpenFiles, 5)
	require.Positive(t, d.Switches.Voluntary+d.Switches.Involuntary)
}

func TestInspectNobody(t *testing.T) {
	cmd := exec.Command("true")
	require.NoError(t, cmd.Run())
	_, err := Inspect(cmd.Process.Pid)
	require.ErrorContains(t, err, "inspect process")
}

func TestHost(t *testing.T) {
	var m HostMeter
	first, err := m.Read()
	require.NoError(t, err)
	require.Zero(t, first.Window)
	require.Zero(t, first.NetRecv)
	require.Equal(t, runtime.NumCPU(), first.Cores)
	require.Positive(t, first.MemTotal)
	require.Positive(t, first.MemUsed)
	require.Less(t, first.MemUsed, first.MemTotal)
	require.Positive(t, first.Uptime)
	require.GreaterOrEqual(t, first.CPU, 0.)

	again, err := m.Read()
	require.NoError(t, err)
	require.Equal(t, first, again, "rates over a moment say nothing")

	m.last.At = m.last.At.Add(-10 * time.Second)
	then, err := m.Read()
	require.NoError(t, err)
	require.Greater(t, then.Window, 10*time.Second)
	require.LessOrEqual(t, then.CPU, 100.)

	_, err = Host()
	require.NoError(t, err)
}

func TestHostRates(t *testing.T) {
	was := counters{busy: 100, all: 1000, recv: 5000, sent: 100, read: 4096, write: 10}
	is := counters{busy: 105, all: 1020, recv: 25_000, sent: 50, read: 4096, write: 4010}
	s := HostStats{Window: 2 * time.Second}
	s.rate(was, is)
	require.Equal(t, HostStats{Window: 2 * time.Second, CPU: 25, NetRecv: 10_000, NetSent: 0, DiskRead: 0, DiskWrite: 2000}, s)
	s = HostStats{}
	s.rate(counters{}, is)
	require.InDelta(t, 100.*105/1020, s.CPU, 1e-9)
	require.Zero(t, s.NetRecv)
}
