package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/supervisor/nodeipc"
)

// web answers with its slot and pid.
const web = `
require('http').createServer((q, s) => s.end(process.env.NODE_APP_INSTANCE + ' ' + process.pid + '\n')).listen(+process.env.PORT, '127.0.0.1')
`

// aPort returns a port that was free just now.
func aPort(t *testing.T) int {
	t.Helper()
	port, err := freePort()
	require.NoError(t, err)
	return port
}

// cluster is the spec of n workers of a program.
func (r *real) cluster(name, text string, n, port int) app.Spec {
	s := r.script(name, text)
	s.Mode, s.Instances = app.Cluster, n
	s.Env.Set("PORT", strconv.Itoa(port))
	return s
}

// get asks over a connection of its own.
func get(port int) (string, error) {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	res, err := c.Get("http://127.0.0.1:" + strconv.Itoa(port) + "/")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return strings.TrimSpace(string(text)), err
}

// reached counts the answers of each process to n requests, all of which must be answered.
func (r *real) reached(port, n int) map[string]int {
	r.t.Helper()
	got := map[string]int{}
	for range n {
		text, err := get(port)
		require.NoError(r.t, err)
		_, pid, _ := strings.Cut(text, " ")
		got[pid]++
	}
	return got
}

func (r *real) pids(ids ...app.ID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, strconv.Itoa(r.process(id).PID))
	}
	return out
}

func keys(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// twoServe waits until two processes have answered at a port, and returns how often each did.
func (r *real) twoServe(port int) map[string]int {
	got := map[string]int{}
	r.await("both serve", func() bool {
		if text, err := get(port); err == nil {
			_, pid, _ := strings.Cut(text, " ")
			got[pid]++
		}
		return len(got) == 2
	})
	return got
}

func TestClusterSharesPorts(t *testing.T) {
	for _, policy := range []string{"", "rr", "shared"} {
		t.Run(policy, func(t *testing.T) {
			r, port := newReal(t), aPort(t)
			spec := r.cluster("web", web, 2, port)
			spec.ClusterPolicy = policy
			r.up(spec)
			assert.ElementsMatch(t, r.pids(0, 1), keys(r.twoServe(port)))
		})
	}
}

// TestTwoAppsShareAPort as under PM2, whichever comes and goes; each connection is somebody's.
func TestTwoAppsShareAPort(t *testing.T) {
	r, port := newReal(t), aPort(t)
	spec := r.cluster("one", web, 1, port)
	r.up(spec)
	spec.Name = "two"
	r.up(spec)
	r.twoServe(port)
	l := newLoad(4, func() error { _, err := get(port); return err })
	assert.Empty(t, r.do(app.VerbReload, "one"))
	done, failed := l.stop()
	assert.Empty(t, failed)
	assert.Positive(t, done)
	assert.Empty(t, r.do(app.VerbStop, "one"))
	assert.Equal(t, r.pids(1), keys(r.reached(port, 20)))
	assert.Empty(t, r.do(app.VerbStart, "one"))
	r.await("it serves again", func() bool { return len(r.reached(port, 20)) == 2 })
	assert.Empty(t, r.do(app.VerbDelete, "one"))
	assert.Equal(t, r.pids(1), keys(r.reached(port, 20)))
}

// TestHowConnectionsAreHandedOut: as the app's file says, else as its environment tells Node.
func TestHowConnectionsAreHandedOut(t *testing.T) {
	for _, tc := range []struct {
		spec, env string
		want      nodeipc.Policy
	}{
		{"", "", nodeipc.Slots},
		{"", "rr", nodeipc.RoundRobin},
		{"", "none", nodeipc.Shared},
		{"", "what Node does not know", nodeipc.Slots},
		{"sticky", "rr", nodeipc.Sticky},
	} {
		got, err := handOut(&app.Spec{ClusterPolicy: tc.spec}, app.Env{{Name: "NODE_CLUSTER_SCHED_POLICY", Value: tc.env}})
		require.NoError(t, err)
		assert.Equal(t, tc.want, got, tc)
	}
	_, err := handOut(&app.Spec{ClusterPolicy: "x"}, nil)
	assert.Error(t, err)
}

// TestReloadLosesNothing is the short form of `make reload-proof`.
func TestReloadLosesNothing(t *testing.T) {
	for _, policy := range []string{"slots", "rr", "shared"} {
		t.Run(policy, func(t *testing.T) {
			r, port := newReal(t), aPort(t)
			spec := r.cluster("web", web, 2, port)
			spec.ClusterPolicy = policy
			r.up(spec)
			r.await("it serves", func() bool { _, err := get(port); return err == nil })
			l := newLoad(8, func() error { _, err := get(port); return err })
			for range 3 {
				before := r.pids(0, 1)
				assert.Empty(t, r.do(app.VerbReload, "web"))
				for _, pid := range r.pids(0, 1) {
					assert.NotContains(t, before, pid)
				}
			}
			done, failed := l.stop()
			assert.Empty(t, failed)
			assert.Positive(t, done)
		})
	}
}

// TestAReloadThatDoesNotListenKeepsWhatDoes: the old workers serve on, and it is said why.
func TestAReloadThatDoesNotListenKeepsWhatDoes(t *testing.T) {
	r, port := newReal(t), aPort(t)
	spec := r.cluster("web", web, 2, port)
	spec.ListenTimeout = ptr(app.Duration(time.Minute))
	r.up(spec)
	r.await("both listen", func() bool { return listeners(t, port) == 2 })
	r.script("web", "setInterval(() => {}, 1e6)") // the next version
	spec = *r.process(0).Spec
	spec.ListenTimeout = ptr(app.Duration(300 * time.Millisecond))
	require.NoError(t, r.Respec(0, spec))
	require.NoError(t, r.Respec(1, spec))
	before := r.pids(0, 1)
	l := newLoad(4, func() error { _, err := get(port); return err })
	failures := r.do(app.VerbReload, "web")
	require.NotEmpty(t, failures)
	assert.Contains(t, failures[0], "reload of web failed, the process from before goes on: the new process neither listened nor said that it is ready within 300ms (listen_timeout)")
	done, failed := l.stop()
	assert.Empty(t, failed, "of %d", done)
	assert.Equal(t, before, r.pids(0, 1))
	assert.Equal(t, app.Online, r.process(0).Status)
	r.await("the new one is gone", func() bool {
		for _, e := range r.History(0) {
			if e.Kind == app.EventFailed && strings.Contains(e.Message, "neither listened") {
				return len(r.reached(port, 20)) == 2
			}
		}
		return false
	})
}

// load asks again and again, over many connections at a time.
type load struct {
	quit   chan struct{}
	wg     sync.WaitGroup
	done   atomic.Int64
	mu     sync.Mutex
	failed []string
}

func newLoad(clients int, ask func() error) *load {
	l := &load{quit: make(chan struct{})}
	for range clients {
		l.wg.Go(func() {
			for {
				select {
				case <-l.quit:
					return
				default:
				}
				if err := ask(); err != nil {
					l.mu.Lock()
					if len(l.failed) < 5 { // the rest are like them
						l.failed = append(l.failed, err.Error())
					}
					l.mu.Unlock()
				}
				l.done.Add(1)
			}
		})
	}
	return l
}

func (l *load) stop() (int64, []string) {
	close(l.quit)
	l.wg.Wait()
	return l.done.Load(), l.failed
}

// TestASlotWithoutWorkerSwallowsNothing: of four workers one has given up, and one is stopped.
func TestASlotWithoutWorkerSwallowsNothing(t *testing.T) {
	r, port := newReal(t), aPort(t)
	spec := r.cluster("web", `
		require('http').createServer((q, s) => s.end('x ' + process.pid)).listen(+process.env.PORT, '127.0.0.1', () => {
			process.on('message', m => process.exit(1))
			require('fs').existsSync('die-' + process.env.I) && process.exit(1)
		})`, 4, port)
	spec.IncrementVar = "I"
	spec.Env.Set("I", "0")
	spec.MaxRestarts, spec.MinUptime = ptr(2), ptr(app.Duration(time.Hour))
	r.up(spec)
	r.await("it serves", func() bool { _, err := get(port); return err == nil })
	r.await("all serve", func() bool { return len(r.reached(port, 30)) == 4 })
	r.file("die-1", "")
	require.NoError(t, r.Send(1, []byte(`"die"`)))
	// From here on every request is answered: by others while it comes up and dies again, and once it has given up.
	r.await("it has given up", func() bool {
		r.reached(port, 10)
		return r.process(1).Status == app.Errored
	})
	assert.Len(t, r.reached(port, 60), 3)
	assert.Empty(t, r.do(app.VerbStop, "2"))
	got := r.reached(port, 60)
	assert.ElementsMatch(t, r.pids(0, 3), keys(got))

	// Scaled away under load: what is in its queue is served too.
	l := newLoad(8, func() error { _, err := get(port); return err })
	r.run(func(report func(app.Progress)) { r.Scale(context.Background(), "web", 3, false, report) })
	r.run(func(report func(app.Progress)) { r.Scale(context.Background(), "web", 4, false, report) })
	r.run(func(report func(app.Progress)) { r.Scale(context.Background(), "web", 1, false, report) })
	_, failed := l.stop()
	assert.Empty(t, failed)

	assert.Empty(t, r.do(app.VerbStop, "web"))
	r.await("nobody is wanted: whoever comes is refused", func() bool {
		_, err := get(port)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

// TestAWorkerThatHangsSwallowsNothing: others get its connections, those too that wait for it already, until it goes on.
func TestAWorkerThatHangsSwallowsNothing(t *testing.T) {
	r, port := newReal(t), aPort(t)
	r.up(r.cluster("web", web, 3, port))
	r.await("all serve", func() bool {
		_, err := get(port)
		return err == nil && len(r.reached(port, 30)) == 3
	})
	pid, err := strconv.Atoi(r.pids(1)[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGCONT) })
	l := newLoad(16, func() error { _, err := get(port); return err }) // each soon waits for it
	r.await("others serve", func() bool { return len(r.reached(port, 30)) == 2 })
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	r.await("it is back", func() bool { return len(r.reached(port, 30)) == 3 })
	_, failed := l.stop()
	assert.Empty(t, failed)
}

// TestWorkersSeeTheClusterModule: what programs ask of it is as under Node's own primary.
func TestWorkersSeeTheClusterModule(t *testing.T) {
	r, port := newReal(t), aPort(t)
	next := messages(t, r.Supervisor)
	r.up(busyPort(t, r.cluster("seen", `
		const c = require('cluster'), net = require('net'), dgram = require('dgram'), fs = require('fs')
		const tell = (type, data) => process.send({type, data})
		tell('is', [c.isWorker, c.isMaster, c.worker.id, process.env.NODE_UNIQUE_ID || 'unset'].join())
		const port = +process.env.PORT
		const a = net.createServer(s => s.end('a')).listen(0, () => {
			const b = net.createServer(s => s.end('b')).listen(port, '127.0.0.1', () => {
				const twice = net.createServer().listen(port, '127.0.0.1').on('error', e => {
					tell('twice', e.code)
					const u = net.createServer(s => s.end('u')).listen('u.sock', () => {
						const d = dgram.createSocket('udp4').bind(port, '127.0.0.1', () => {
							const busy = net.createServer().listen(+process.env.BUSY, '127.0.0.1').on('error', e => {
								tell('busy', e.code)
								tell('ports', {zero: a.address().port, named: b.address().port, udp: d.address().port, path: u.address()})
							})
						})
						d.on('message', (m, from) => d.send('d' + m, from.port, from.address))
					})
				})
			})
		})
		process.on('message', () => {
			c.worker.on('disconnect', () => fs.writeSync(1, 'gone ' + c.worker.exitedAfterDisconnect + '\n'))
			c.worker.disconnect()
		})
	`, 1, port)))
	assert.Equal(t, `"true,false,1,unset"`, string(next("is").Data))
	assert.Equal(t, `"EADDRINUSE"`, string(next("twice").Data))
	assert.Equal(t, `"EADDRINUSE"`, string(next("busy").Data), "somebody else's port is not shared unasked")
	ports := string(next("ports").Data)
	assert.Contains(t, ports, fmt.Sprintf(`"named":%d,"udp":%d,"path":"u.sock"`, port, port))
	r.await("a path", func() bool { return dialed("unix", r.dir+"/u.sock") == "u" })

	require.NoError(t, r.Send(0, []byte(`"leave"`)))
	r.await("it left by itself and came again", func() bool { return r.process(0).Gen == 2 })
	r.await("what it said last", func() bool { return strings.Contains(r.output("seen"), "gone true") })
	assert.Zero(t, r.process(0).Exit.Code)
	assert.Equal(t, `"true,false,2,unset"`, string(next("is").Data))
}

// TestEachWorkerHasAnInspectorOfItsOwn: the options are the same for all, and only one could listen where they say. The worker that
// a reload brings has one beside that of its predecessor.
func TestEachWorkerHasAnInspectorOfItsOwn(t *testing.T) {
	r, port := newReal(t), aPort(t)
	spec := r.cluster("looked-into", `
		const at = new URL(require('inspector').url() || 'ws://none:1').port
		require('http').createServer((q, res) => res.end(process.env.NODE_APP_INSTANCE + ' ' + at + ' ' + process.debugPort)).listen(+process.env.PORT)
	`, 2, port)
	base := aPort(t)
	spec.InterpreterArgs = []string{"--inspect=" + strconv.Itoa(base)}
	spec.Env.Set("NODE_APP_INSTANCE", "?")
	r.up(spec)
	at := func() map[string]bool {
		seen := map[string]bool{}
		r.await("each has answered", func() bool {
			if text, err := get(port); err == nil {
				seen[text] = true
			}
			return len(seen) == 2
		})
		return seen
	}
	assert.Equal(t, map[string]bool{fmt.Sprintf("? %d %[1]d", base): true, fmt.Sprintf("? %d %[1]d", base+1): true}, at())
	assert.Empty(t, r.do(app.VerbReload, "looked-into"))
	for text := range at() {
		assert.NotContains(t, text, " 1 ", "no inspector")
	}
}

func dialed(network, address string) string {
	c, err := net.Dial(network, address)
	if err != nil {
		return ""
	}
	defer c.Close()
	text, _ := io.ReadAll(c)
	return string(text)
}

// busyPort occupies a port for the test and names it to the program.
func busyPort(t *testing.T, s app.Spec) app.Spec {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	s.Env.Set("BUSY", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	return s
}
