package preload

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
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

// TestAnIdleConnectionHasOneMoreRequest: a request may be on its way over a connection that looks idle to the worker. It is
// answered, and only then the connection ends; one that nothing comes over is closed, and does not keep the worker.
func TestAnIdleConnectionHasOneMoreRequest(t *testing.T) {
	key, certificate := selfSigned(t)
	for _, kind := range []string{"http", "https"} {
		t.Run(kind, func(t *testing.T) {
			p := run(t, ".js", "1", `
				const [key, cert] = [`+"`"+key+"`, `"+certificate+"`"+`]
				const server = require('`+kind+`').createServer({key, cert}, (q, s) => s.end('x'))
				if (server.closeIdleConnections) server.keepAliveTimeout = 0 // for ever; what is older waits for it
				server.listen(0, '127.0.0.1', () => process.send({type: 'at', data: server.address()}))
				server.on('close', () => process.send({type: 'closed', data: {}}))
				process.on('message', () => {})
				process.on('internalMessage', m => { if (m.act === 'disconnect') server.close() }) // as Node does in a worker
			`)
			address := fmt.Sprintf("127.0.0.1:%.0f", p.told("at")["port"])
			var all []net.Conn
			var readers []*bufio.Reader
			for range 3 {
				c, err := net.Dial("tcp", address)
				require.NoError(t, err)
				defer c.Close()
				c.SetDeadline(time.Now().Add(time.Minute))
				if kind == "https" {
					c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				}
				all, readers = append(all, c), append(readers, bufio.NewReader(c))
			}
			ask := func(i int) *http.Response {
				t.Helper()
				_, err := io.WriteString(all[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				require.NoError(t, err)
				res, err := http.ReadResponse(readers[i], nil)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, res.Body)
				require.NoError(t, err)
				return res
			}
			for i := range all {
				require.False(t, ask(i).Close)
			}
			p.send(`{"cmd":"NODE_CLUSTER","act":"disconnect","seq":1}`)
			for { // until its server is closed
				c, err := net.Dial("tcp", address)
				if err != nil {
					break
				}
				c.Close()
			}
			for i := range all[:2] {
				require.True(t, ask(i).Close)
				_, err := readers[i].ReadByte()
				require.Equal(t, io.EOF, err)
			}
			_, err := readers[2].ReadByte()
			require.Equal(t, io.EOF, err)
			p.told("closed")
		})
	}
}

// TestSessionsEndWithTheWorker: a client of HTTP/2 is told to ask elsewhere, and what it asked before is answered.
func TestSessionsEndWithTheWorker(t *testing.T) {
	key, certificate := selfSigned(t)
	p := run(t, ".js", "1", `
		const [key, cert] = [`+"`"+key+"`, `"+certificate+"`"+`]
		const server = require('http2').createSecureServer({key, cert}, (q, s) => {
			if (q.url === '/') return s.end('x')
			s.write('begun ')
			process.on('message', () => s.end('and ended'))
		})
		server.listen(0, '127.0.0.1', () => process.send({type: 'at', data: server.address()}))
		server.on('close', () => process.send({type: 'closed', data: {}}))
		process.on('internalMessage', m => { if (m.act === 'disconnect') server.close() }) // as Node does in a worker
	`)
	url := fmt.Sprintf("https://127.0.0.1:%.0f/", p.told("at")["port"])
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: time.Minute}
	long, err := client.Get(url + "long")
	require.NoError(t, err)
	defer long.Body.Close()
	require.Equal(t, 2, long.ProtoMajor)
	ask := func() error {
		res, err := client.Get(url)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	require.NoError(t, ask())
	p.send(`{"cmd":"NODE_CLUSTER","act":"disconnect","seq":1}`)
	begin := time.Now()
	for err = ask(); err == nil; err = ask() { // until it has been told, and finds nobody elsewhere
		require.Less(t, time.Since(begin), time.Minute, "the client is not told")
	}
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	p.send(`{"go":"on"}`)
	text, err := io.ReadAll(long.Body)
	require.NoError(t, err)
	require.Equal(t, "begun and ended", string(text))
	p.told("closed")
}

func selfSigned(t *testing.T) (key, certificate string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	require.NoError(t, err)
	text, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})),
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestWhoIsEndedByAMessageIsToldWhenAllIsAnswered: the channel over which it would be told ends then.
func TestWhoIsEndedByAMessageIsToldWhenAllIsAnswered(t *testing.T) {
	const program = `
		process.on('message', m => { if (m === 'shutdown') { console.log('told'); setTimeout(() => process.exit(7), 20) } })
		process.on('internalMessage', m => { if (m.act === 'disconnect') setTimeout(() => { console.log('answered'); process.disconnect() }, 50) })
		process.send({type: 'there', data: {}})
		setInterval(() => {}, 1e6)
	`
	p := run(t, ".js", Mode(&app.Spec{ShutdownWithMessage: true}), program)
	p.told("there")
	p.send(`{"cmd":"NODE_CLUSTER","act":"disconnect","seq":1}`)
	require.Error(t, p.end())
	assert.Equal(t, 7, p.cmd.ProcessState.ExitCode(), p.stderr.String())
	assert.Equal(t, "answered\ntold\n", p.stdout.String())
}
