package procstat

import (
	"net"
	"os"
	"slices"
	"testing"

	"github.com/shirou/gopsutil/v3/process"
	"github.com/stretchr/testify/require"
)

// What the kernel says over netlink is what its tables say.
func TestSocketsAreThoseOfTheTables(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue // no IPv6 here
		}
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		s, err := l.Accept()
		require.NoError(t, err)
		defer s.Close()
	}
	p, err := process.NewProcess(int32(os.Getpid()))
	require.NoError(t, err)
	asked, tabled := Details{PID: os.Getpid()}, Details{PID: os.Getpid()}
	require.NoError(t, asked.connections(p))
	require.NoError(t, tabled.tabled(p))
	slices.Sort(asked.Listening)
	slices.Sort(tabled.Listening)
	require.NotEmpty(t, asked.Listening)
	require.Equal(t, tabled.Listening, asked.Listening)
	require.Equal(t, tabled.Connections, asked.Connections)
	if _, err := tcpSockets(tcpListen); err != nil {
		t.Skip("no netlink here: ", err)
	}
	listening := listenersBeside(os.Getpid())
	for inode, l := range listenSockets("/proc/net/") {
		if slices.Contains(socketsOf(os.Getpid()), inode) {
			require.Equal(t, l, listening[inode])
		}
	}
}

func FuzzDiag(f *testing.F) {
	f.Add(make([]byte, 72))
	f.Add(append([]byte{2, 10}, make([]byte, 70)...))
	f.Add(append([]byte{10, 1}, make([]byte, 80)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseDiag(b); ok && (!s.local.IsValid() || s.inode == "") {
			t.Fatalf("%x: %+v", b, s)
		}
	})
}
