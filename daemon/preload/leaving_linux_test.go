package preload

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKeptConnectionsEndWithTheWorker: a server that closes keeps the connections that are busy at that moment. When a worker
// leaves, each is told that the next answer is its last.
func TestKeptConnectionsEndWithTheWorker(t *testing.T) {
	p := run(t, ".js", "1", `
		const server = require('http').createServer((q, s) => s.end('x'))
		server.listen(0, '127.0.0.1', () => process.send({type: 'at', data: server.address()}))
		process.on('message', () => {})
	`)
	address := fmt.Sprintf("127.0.0.1:%.0f", p.told("at")["port"])
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(c)
	ask := func() (last bool) {
		t.Helper()
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		res, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		return res.Close
	}
	for range 3 {
		assert.False(t, ask())
	}
	p.send(`{"cmd":"NODE_CLUSTER","act":"disconnect","seq":1}`)
	for !ask() { // until it has read that
	}
	_, err = r.ReadByte()
	assert.Equal(t, io.EOF, err)
}
