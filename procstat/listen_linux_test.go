package procstat

import (
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListeningNamesPortsAndOwners(t *testing.T) {
	for _, network := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", network)
		if err != nil {
			continue // no IPv6 here
		}
		defer l.Close()
		addr := l.Addr().(*net.TCPAddr)
		require.Contains(t, Listening([]int{os.Getpid()}), Listener{Host: addr.IP.String(), Port: addr.Port, PID: os.Getpid()})
		pid, name := Owner(addr.Port)
		require.Equal(t, os.Getpid(), pid)
		require.NotEmpty(t, name)
	}
	require.Empty(t, Listening([]int{1 << 30}))
	require.Empty(t, Listening(nil))
}

func FuzzListenLine(f *testing.F) {
	f.Add("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0")
	f.Add("   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7 1")
	f.Fuzz(func(t *testing.T, line string) {
		if inode, l, ok := listenLine(line); ok && (inode == "" || l.Host == "" || l.Port < 0 || l.Port > 65535) {
			t.Fatalf("%q: %q %+v", line, inode, l)
		}
	})
}
