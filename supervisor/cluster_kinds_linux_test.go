package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// site is where the workers of a test listen.
type site struct {
	dir         string
	port, other int
	n           atomic.Int64
}

// asked asks over a connection of its own and returns what comes until the end of it.
func asked(network, address string) (string, error) {
	c, err := net.DialTimeout(network, address, 30*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	text, err := io.ReadAll(c)
	if err == nil && len(text) == 0 {
		err = errors.New("no answer")
	}
	return string(text), err
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// servers are the ways in which Node programs listen. Each answers with the pid of the worker that was reached.
var servers = []struct {
	name, program, policy string
	ask                   func(*site) (string, error)
}{
	{
		name:    "net",
		program: `require('net').createServer(s => s.end('' + process.pid)).listen(+process.env.PORT, '127.0.0.1')`,
		ask:     func(s *site) (string, error) { return asked("tcp", local(s.port)) },
	},
	{
		name:    "all addresses",
		program: `require('net').createServer(s => s.end('' + process.pid)).listen({port: +process.env.PORT})`,
		ask:     func(s *site) (string, error) { return asked("tcp", local(s.port)) },
	},
	{
		name:    "several ports",
		program: `for (const p of [process.env.PORT, process.env.OTHER]) require('net').createServer(s => s.end('' + process.pid)).listen(+p, '127.0.0.1')`,
		ask: func(s *site) (string, error) {
			if s.n.Add(1)%2 == 0 {
				return asked("tcp", local(s.other))
			}
			return asked("tcp", local(s.port))
		},
	},
	{
		name:    "http2",
		program: `require('http2').createServer((q, s) => s.end('' + process.pid)).listen(+process.env.PORT, '127.0.0.1')`,
		ask: func(s *site) (string, error) {
			t := &http.Transport{DisableKeepAlives: true, Protocols: new(http.Protocols)}
			t.Protocols.SetUnencryptedHTTP2(true)
			defer t.CloseIdleConnections()
			return fetch(&http.Client{Transport: t, Timeout: 30 * time.Second}, s.port)
		},
	},
	{
		name:    "a path",
		program: `require('http').createServer((q, s) => s.end('' + process.pid)).listen('web.sock')`,
		ask: func(s *site) (string, error) {
			return fetch(&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
				DisableKeepAlives: true,
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					return net.Dial("unix", filepath.Join(s.dir, "web.sock"))
				},
			}}, 1)
		},
	},
	{
		name: "a path, rr", policy: "rr",
		program: `require('net').createServer(s => s.end('' + process.pid)).listen({path: 'web.sock'})`,
		ask:     func(s *site) (string, error) { return asked("unix", filepath.Join(s.dir, "web.sock")) },
	},
	{
		name:    "a name that is no file's",
		program: `require('net').createServer(s => s.end('' + process.pid)).listen('\0weaver-' + process.env.PORT)`,
		ask:     func(s *site) (string, error) { return asked("unix", "@weaver-"+strconv.Itoa(s.port)) },
	},
	{
		name:    "any port", // the same for all of them
		program: `const a = require('net').createServer(s => s.end('' + process.pid)).listen(0, '127.0.0.1', () => { require('fs').writeFileSync('port.tmp', '' + a.address().port); require('fs').renameSync('port.tmp', 'port') })`,
		ask: func(s *site) (string, error) {
			text, err := os.ReadFile(filepath.Join(s.dir, "port"))
			if err != nil || len(text) == 0 {
				return "", errors.New("no port yet")
			}
			return asked("tcp", "127.0.0.1:"+string(text))
		},
	},
	{
		name: "datagrams",
		program: `const d = require('dgram').createSocket('udp4')
			d.on('message', (m, from) => d.send('' + process.pid, from.port, from.address)).bind(+process.env.PORT, '127.0.0.1')`,
		ask: func(s *site) (string, error) {
			c, err := net.Dial("udp", local(s.port))
			if err != nil {
				return "", err
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(30 * time.Second))
			if _, err := c.Write([]byte("who")); err != nil {
				return "", err
			}
			b := make([]byte, 100)
			n, err := c.Read(b)
			return string(b[:n]), err
		},
	},
}

func fetch(c *http.Client, port int) (string, error) {
	res, err := c.Get("http://127.0.0.1:" + strconv.Itoa(port) + "/")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// TestKindsOfServers: whatever it is that workers listen with, everybody who asks is answered, also while they are
// replaced, and by the new ones then.
func TestKindsOfServers(t *testing.T) {
	for i, k := range servers {
		t.Run(k.name, func(t *testing.T) {
			if testing.Short() && i%3 > 0 {
				t.Skip("one of three will do")
			}
			r := newReal(t)
			s := &site{dir: r.dir, port: aPort(t), other: aPort(t)}
			spec := r.cluster("web", k.program, 2, s.port)
			spec.Env.Set("OTHER", strconv.Itoa(s.other))
			spec.ClusterPolicy = k.policy
			r.up(spec)
			r.await("it answers", func() bool { _, err := k.ask(s); return err == nil })
			before := r.pids(0, 1)
			l := newLoad(4, func() error { _, err := k.ask(s); return err })
			assert.Empty(t, r.do(app.VerbReload, "web"))
			done, failed := l.stop()
			assert.Empty(t, failed)
			assert.Positive(t, done)
			pid, err := k.ask(s)
			require.NoError(t, err)
			assert.Contains(t, r.pids(0, 1), pid)
			assert.NotContains(t, before, pid)
		})
	}
}

// numbered tells each worker its number.
func numbered(s *app.Spec) {
	s.IncrementVar = "I"
	s.Env.Set("I", "0")
}

// TestExclusiveServers: what a worker does not want to share it has alone, as under Node's own primary.
func TestExclusiveServers(t *testing.T) {
	r, port := newReal(t), aPort(t)
	spec := r.cluster("alone", `
		const note = (what, x) => require('fs').writeFileSync(what + process.env.I, '' + x)
		const net = require('net'), me = s => s.end('' + process.pid)
		const a = net.createServer(me).listen({port: 0, host: '127.0.0.1', exclusive: true}, () => note('any', a.address().port))
		const b = net.createServer(me).listen({port: +process.env.PORT, host: '127.0.0.1', exclusive: true}, () => note('named', 'has it'))
		b.on('error', e => note('named', e.code))
		setInterval(() => {}, 1e6)
	`, 2, port)
	numbered(&spec)
	r.up(spec)
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(r.dir, name))
		return string(text)
	}
	r.await("all is told", func() bool {
		return read("any0") != "" && read("any1") != "" && read("named0") != "" && read("named1") != ""
	})
	assert.ElementsMatch(t, []string{"has it", "EADDRINUSE"}, []string{read("named0"), read("named1")})
	for i, pid := range r.pids(0, 1) {
		got, err := asked("tcp", "127.0.0.1:"+read("any"+strconv.Itoa(i)))
		require.NoError(t, err)
		assert.Equal(t, pid, got)
	}
}

// TestAnAddressKeepsItsSlot is the policy sticky, with clients at many addresses.
func TestAnAddressKeepsItsSlot(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "::"} {
		t.Run(host, func(t *testing.T) {
			if testing.Short() && host != "::" {
				t.Skip("both families are in one")
			}
			r, port := newReal(t), aPort(t)
			spec := r.cluster("web", `require('net').createServer(s => s.end(process.env.I + ' ' + process.pid)).listen(+process.env.PORT, process.env.HOST)`, 4, port)
			spec.ClusterPolicy = "sticky"
			spec.ListenTimeout = ptr(app.Duration(time.Minute)) // without a worker that listens an address goes elsewhere
			spec.Env.Set("HOST", host)
			numbered(&spec)
			r.up(spec)
			from := func(i int) (slot, pid string, err error) {
				d := net.Dialer{Timeout: 30 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i))}}
				c, err := d.Dial("tcp", local(port))
				if err != nil {
					return "", "", err
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(30 * time.Second))
				text, err := io.ReadAll(c)
				slot, pid, _ = strings.Cut(string(text), " ")
				return slot, pid, err
			}
			r.await("it answers", func() bool { _, _, err := from(1); return err == nil })
			const clients = 32
			slots := func() (slots [clients]string, pids map[string]bool) {
				t.Helper()
				pids = map[string]bool{}
				for i := range clients {
					slot, pid, err := from(i + 1)
					require.NoError(t, err)
					slots[i], pids[pid] = slot, true
				}
				return slots, pids
			}
			r.await("all listen", func() bool { _, pids := slots(); return len(pids) == 4 })
			first, before := slots()
			require.Contains(t, first, "1")
			for range 3 {
				again, _ := slots()
				assert.Equal(t, first, again)
			}

			assert.Empty(t, r.do(app.VerbReload, "web"))
			reloaded, after := slots()
			assert.Equal(t, first, reloaded, "the slot is the replacement's")
			for pid := range after {
				assert.NotContains(t, before, pid)
			}

			assert.Empty(t, r.do(app.VerbStop, "1"))
			lack := func() {
				t.Helper()
				lacking, pids := slots()
				assert.Len(t, pids, 3)
				for i := range first {
					if first[i] == "1" {
						assert.NotEqual(t, "1", lacking[i])
					} else {
						assert.Equal(t, first[i], lacking[i], "another's slot is no concern of it")
					}
				}
			}
			lack()
			if host == "127.0.0.1" {
				r.await("the slot's socket is closed", func() bool { return listeners(t, port) == 3 })
				lack()
			}
			assert.Empty(t, r.do(app.VerbRestart, "1"))
			r.await("everybody is back at its own", func() bool { whole, _ := slots(); return whole == first })
		})
	}
}

// listeners counts the sockets that listen on a port of 127.0.0.1.
func listeners(t *testing.T, port int) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	for _, row := range strings.Split(string(text), "\n") {
		f := strings.Fields(row)
		if len(f) > 3 && f[1] == fmt.Sprintf("0100007F:%04X", port) && f[3] == "0A" {
			n++
		}
	}
	return n
}

// TestScalingLosesNothing: what is in the queue of a slot that is scaled away is served by others, until its socket is closed
// and at that moment.
func TestScalingLosesNothing(t *testing.T) {
	r, port := newReal(t), aPort(t)
	r.up(r.cluster("web", web, 4, port))
	r.await("all listen", func() bool { return listeners(t, port) == 4 })
	l := newLoad(8, func() error { _, err := get(port); return err })
	scale := func(n int) {
		r.run(func(report func(app.Progress)) { r.Scale(context.Background(), "web", n, false, report) })
		r.await("as many sockets as workers", func() bool { return listeners(t, port) == n })
	}
	scale(1)
	scale(3)
	done, failed := l.stop()
	assert.Empty(t, failed, "of %d", done)
}

// TestWorkersOnDemand: a cluster sleeps until somebody connects to what is held for it, whether its program listens where it is
// told to, takes descriptor 3, or has that address written into it.
func TestWorkersOnDemand(t *testing.T) {
	for how, where := range map[string]string{"PORT": "+process.env.PORT", "a number": "+process.env.HELD", "a descriptor": "{fd: 3}"} {
		t.Run(how, func(t *testing.T) {
			r, port := newReal(t), aPort(t)
			spec := r.script("web", `require('http').createServer((q, s) => s.end('x ' + process.pid)).listen(`+where+`)`)
			spec.Mode, spec.Instances = app.Cluster, 2
			spec.Env.Set("HELD", strconv.Itoa(port))
			spec.Listen, spec.Idle = []string{strconv.Itoa(port)}, app.Duration(500*time.Millisecond)
			r.up(spec)
			for range 2 {
				assert.Equal(t, []string{"0", "0"}, r.pids(0, 1), "nobody needs them")
				r.reached(port, 10)
				r.await("they sleep again", func() bool {
					return r.process(0).OnDemand && r.process(1).OnDemand && r.process(0).PID+r.process(1).PID == 0
				})
			}
			assert.Zero(t, r.process(0).Restarts+r.process(1).Restarts)
		})
	}
}
