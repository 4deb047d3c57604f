package supervisor

import (
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/procstat"
)

// heldSocket is a socket as weaver holds it, and a gate to it.
func heldSocket(t *testing.T) (gate *os.File, address string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	f, err := l.(*net.TCPListener).File()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	t.Cleanup(func() { f.Close() })
	gates, err := openGates([]int{int(f.Fd())})
	require.NoError(t, err)
	return gates[0], l.Addr().String()
}

// echo serves one connection: what it gets until its end comes back then.
func echo(t *testing.T, l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return // the test is over
	}
	data, err := io.ReadAll(c)
	assert.NoError(t, err)
	c.Write(data)
	c.Close()
}

func TestTheProxyTakesNoConnectionBeforeTheProgramIsThere(t *testing.T) {
	gate, address := heldSocket(t)
	program, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	port := program.Addr().(*net.TCPAddr).Port
	require.NoError(t, program.Close())

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { proxy{gate, port}.run(ctx) }) // ends with its gate
	defer running.Wait()
	defer gate.Close()
	defer cancel()
	client, err := net.Dial("tcp4", address)
	require.NoError(t, err)
	defer client.Close()
	client.Write([]byte("waited"))
	require.NoError(t, client.(*net.TCPConn).CloseWrite())
	time.Sleep(3 * proxyFirst) // it tries meanwhile, in vain
	assert.True(t, gateHasArrived(gate), "it is in the queue, where the death of nobody ends it")

	program, err = net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
	require.NoError(t, err)
	defer program.Close()
	running.Go(func() { echo(t, program) })
	data, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Equal(t, "waited", string(data), "both ways, and each end's end")
}

func TestTheProxyLeavesAProgramAloneThatTakesItsSockets(t *testing.T) {
	gate, address := heldSocket(t)
	defer gate.Close()
	done := make(chan struct{})
	go func() { // ends by itself
		proxy{gate, 1}.run(t.Context())
		close(done)
	}()
	for taken := false; !taken; {
		client, err := net.Dial("tcp4", address)
		require.NoError(t, err)
		c, err := acceptAt(gate) // as the program does
		require.NoError(t, err)
		if c != nil {
			c.Close()
		}
		client.Close()
		select {
		case <-done:
			taken = true
		default:
		}
	}
}

func TestWhoIsConnectedIsCounted(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	spec := &app.Spec{Listen: []string{strconv.Itoa(port)}, Idle: 1}
	assert.False(t, connected(spec), "who listens is nobody who is connected")
	client, err := net.Dial("tcp4", l.Addr().String())
	require.NoError(t, err)
	assert.True(t, connected(spec))
	c, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, client.Close())
	assert.True(t, connected(spec), "what the program still has to answer")
	require.NoError(t, c.Close())
	assert.Eventually(t, func() bool { return !connected(spec) }, 60*time.Second, time.Millisecond)

	path := t.TempDir() + "/s"
	u, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer u.Close()
	n, err := procstat.Connected("unix", 0, path)
	require.NoError(t, err)
	assert.Zero(t, n)
	client, err = net.Dial("unix", path)
	require.NoError(t, err)
	defer client.Close()
	c, err = u.Accept()
	require.NoError(t, err)
	defer c.Close()
	n, err = procstat.Connected("unix", 0, path)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

func TestThePortOfAProgramOnDemandIsItsOwn(t *testing.T) {
	spec := &app.Spec{Name: "a", Listen: []string{"8000", "127.0.0.1:9000", "/run/x"}, Idle: 1}
	for given, want := range map[string]int{"": 0, "8000": 0, "9000": 0, "nonsense": 0, "3000": 3000} {
		env := app.Env{{Name: "PORT", Value: given}}
		port, err := proxyPort(spec, &env)
		require.NoError(t, err)
		text, _ := env.Get("PORT")
		assert.Equal(t, strconv.Itoa(port), text)
		if want != 0 {
			assert.Equal(t, want, port)
		} else {
			assert.NotContains(t, []int{0, 8000, 9000}, port)
		}
	}
	env := app.Env{}
	port, err := proxyPort(&app.Spec{Listen: []string{"8000"}}, &env)
	require.NoError(t, err)
	assert.Zero(t, port, "a socket that is only held is for those who know of it")
	assert.Empty(t, env)
}
