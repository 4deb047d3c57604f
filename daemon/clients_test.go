//go:build linux

package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/app"
	"weaver/config/home"
)

// client runs npm's clients of PM2 against a daemon of the test's own.
type client struct {
	t    *testing.T
	home home.Home
	dir  string // of the apps
}

// npmClients finds npm's PM2, and starts a daemon. WEAVER_TEST_PM2 is the path of PM2's executable.
func npmClients(t *testing.T) (*client, *api.Client) {
	t.Helper()
	if testing.Short() {
		t.Skip("many starts of Node")
	}
	if os.Getenv("WEAVER_TEST_PM2") == "" {
		t.Skip("WEAVER_TEST_PM2 names no PM2 to be served")
	}
	h, c := serve(t)
	require.NoError(t, os.WriteFile(filepath.Join(h.Dir, "touch"), nil, 0o600)) // no banner
	return &client{t: t, home: h, dir: t.TempDir()}, c
}

// modules is where npm put a package that tests use besides PM2 itself; they are skipped without.
func modules(t *testing.T, name string) string {
	t.Helper()
	bin := os.Getenv("WEAVER_TEST_PM2")
	dir := filepath.Join(filepath.Dir(bin), "..", "..", "clients", "node_modules", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("not installed: ", name)
	}
	return dir
}

// pm2Module is npm's pm2, for require.
func pm2Module() string {
	return filepath.Join(filepath.Dir(os.Getenv("WEAVER_TEST_PM2")), "..", "pm2")
}

func (c *client) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	require.NoError(c.t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func (c *client) command(name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	c.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PM2_HOME=" + c.home.Dir, "HOME=" + c.dir, "PATH=" + os.Getenv("PATH"), "PM2_NO_INTERACTION=true", "LANG=C.UTF-8"}
	return cmd
}

// pm2 runs the command line and returns what it says on stdout, stderr after it, and its exit code.
func (c *client) pm2(args ...string) (string, int) {
	c.t.Helper()
	cmd := c.command(os.Getenv("WEAVER_TEST_PM2"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code tells
	require.True(c.t, cmd.ProcessState != nil && cmd.ProcessState.Exited(), "pm2 %v: %v", args, cmd.ProcessState)
	return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
}

// ok runs the command line and wants it to succeed.
func (c *client) ok(args ...string) string {
	c.t.Helper()
	out, code := c.pm2(args...)
	require.Zero(c.t, code, "pm2 %v: %s", args, out)
	return out
}

// node runs a script and decodes the JSON on its last line.
func (c *client) node(script string, into any) {
	c.t.Helper()
	c.run(into, c.write("client.js", script))
}

// run runs Node and decodes the JSON on the last line.
func (c *client) run(into any, args ...string) {
	c.t.Helper()
	cmd := c.command("node", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(c.t, err, "%s%s", out, stderr.String())
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.NoError(c.t, json.Unmarshal([]byte(lines[len(lines)-1]), into), "%s%s", out, stderr.String())
}

// noGod checks that none of PM2's own daemons was started in our home.
func (c *client) noGod() {
	c.t.Helper()
	for _, f := range []string{"pm2.pid", "pm2.log"} {
		assert.NoFileExists(c.t, filepath.Join(c.home.Dir, f), "PM2 started a daemon of its own")
	}
}

const speaker = `
process.on('message', (m) => { console.log('got ' + JSON.stringify(m)); process.send({ type: 'echo', data: m }); });
process.stdin.on('data', (d) => console.log('read ' + d));
process.send({ type: 'axm:action', data: { action_name: 'greet', action_type: 'custom', arity: 1 } });
process.on('message', (m) => { if (m === 'greet' || m.msg === 'greet') process.send({ type: 'axm:reply', data: { action_name: 'greet', return: { hello: m.opts || 'you' } } }); });
require('http').createServer((q, s) => s.end('ok')).listen(0, '127.0.0.1', function () { console.log('listening'); });
setInterval(() => {}, 1000);
`

func TestPM2sCommandLineIsServed(t *testing.T) {
	c, ours := npmClients(t)
	script := c.write("app.js", speaker)
	assert.Contains(t, c.ok("ping"), "pong")
	out := c.ok("start", script, "--name", "web", "--", "x", "y")
	assert.Contains(t, out, "Done.")
	assert.Contains(t, out, "online")
	list := list(t, ours)
	require.Len(t, list, 1)
	assert.Equal(t, []string{"x", "y"}, list[0].Spec.Args)
	require.Eventually(t, func() bool {
		p := listed(t, ours)[0]
		return p.Reported != nil && len(p.Reported.Metrics) > 5 && p.Reported.NodeVersion != ""
	}, 30*time.Second, 10*time.Millisecond, "the figures of the app")

	var jlist []struct {
		Name string
		Env  struct {
			Status  string                     `json:"status"`
			Monitor map[string]json.RawMessage `json:"axm_monitor"`
			Actions []map[string]any           `json:"axm_actions"`
		} `json:"pm2_env"`
	}
	require.NoError(t, json.Unmarshal([]byte(c.ok("jlist")), &jlist))
	assert.Equal(t, "online", jlist[0].Env.Status)
	for _, metric := range []string{"Heap Size", "Heap Usage", "Used Heap Size", "Active handles", "Active requests", "Event Loop Latency", "Event Loop Latency p95"} {
		assert.Contains(t, jlist[0].Env.Monitor, metric)
	}
	assert.Len(t, jlist[0].Env.Actions, 6)
	out = c.ok("describe", "web")
	assert.Contains(t, out, "Code metrics value")
	assert.Contains(t, out, "km:heapdump")
	out = c.ok("trigger", "web", "greet")
	assert.Contains(t, out, `[web:0:default]={"hello":"you"}`)
	out, code := c.pm2("trigger", "web", "nope")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "Not any process has received a command")
	c.ok("send", "0", "a line")
	require.Eventually(t, func() bool {
		data, _ := os.ReadFile(list[0].OutPath)
		return strings.Contains(string(data), "read a line")
	}, 60*time.Second, 10*time.Millisecond)
	c.ok("scale", "web", "2")
	require.Len(t, listed(t, ours), 2)
	c.ok("restart", "web", "--update-env")
	c.ok("reload", "web")
	for _, p := range listed(t, ours) {
		assert.Equal(t, app.Online, p.Status)
		assert.Positive(t, p.Restarts)
	}
	c.ok("stop", "1")
	assert.Equal(t, app.Stopped, listed(t, ours)[1].Status)
	c.ok("save")
	data, err := os.ReadFile(c.home.Dump())
	require.NoError(t, err)
	assert.Equal(t, 2, bytes.Count(data, []byte(`"pm_exec_path"`)))
	assert.Contains(t, c.ok("logs", "--nostream", "--lines", "5"), "listening")
	assert.Contains(t, c.ok("prettylist"), "axm_monitor: {")
	assert.NotEmpty(t, c.ok("pid", "web"))
	c.ok("delete", "0")
	require.Len(t, listed(t, ours), 1)
	c.noGod()
	begun := time.Now()
	assert.Contains(t, c.ok("kill"), "PM2 Daemon Stopped")
	t.Log("kill took", time.Since(begun))
	c.noGod()
	assert.NoFileExists(t, c.home.PM2Socket())
	assert.NoFileExists(t, c.home.PubSocket())
}

// listed is list, for conditions that are awaited.
func listed(t *testing.T, c *api.Client) []app.Process {
	t.Helper()
	l, err := c.List(t.Context(), false, "")
	require.NoError(t, err)
	return l
}

const session = `
const pm2 = require(%q), app = %q;
const call = (name, ...args) => new Promise((done, fail) => pm2[name](...args, (err, r) => err ? fail(Array.isArray(err) ? err[0] : err) : done(r)));
const until = async (what, test) => { for (let i = 0; i < 1500 && !test(); i++) await new Promise((r) => setTimeout(r, 20)); if (!test()) throw new Error('not seen: ' + what + ' in ' + JSON.stringify(seen)); };
const seen = [], out = {};
(async () => {
  await call('connect');
  const bus = await call('launchBus');
  bus.on('*', (topic, packet) => { seen.push(topic + (topic === 'process:event' ? ' ' + packet.event + ' ' + packet.manually : topic === 'echo' ? ' ' + JSON.stringify(packet.data) : '')); });
  await new Promise((r) => setTimeout(r, 300));
  const started = await call('start', { script: app, name: 'lib', env: { A: '1' } });
  out.started = started.length;
  await until('listening', () => seen.includes('log:out'));
  const list = await call('list');
  out.list = list.map((p) => [p.name, p.pm_id, p.pm2_env.status, p.pid > 0, p.monit && typeof p.monit.memory, p.pm2_env.version]);
  out.described = (await call('describe', 'lib'))[0].pm2_env.A;
  out.sent = (await call('sendDataToProcessId', { id: 0, type: 'process:msg', topic: 't', data: { some: 'data' } })).success;
  await until('echo', () => seen.some((s) => s.startsWith('echo {"id":0')));
  await call('restart', 'lib');
  await call('reload', 'lib');
  await call('stop', 'lib');
  out.stopped = (await call('list'))[0].pm2_env.status;
  await call('dump');
  await call('delete', 'lib');
  out.left = (await call('list')).length;
  await until('stop', () => seen.includes('process:event stop true'));
  out.events = seen.filter((s) => s.startsWith('process:event'));
  out.exception = seen.includes('process:exception');
  try { await call('restart', 'nope'); } catch (err) { out.error = err.message || String(err); }
  pm2.disconnect();
  bus.close && bus.close();
  console.log(JSON.stringify(out));
  process.exit();
})().catch((err) => { console.error(err); process.exit(1); });
`

type sessionResult struct {
	Started          int
	List             [][]any
	Described        string
	Sent             bool
	Stopped          string
	Left             int
	Events           []string
	Error            string
	Seen             []string
	Bus              bool
	Version, Message string
}

func TestRequirePM2IsServed(t *testing.T) {
	c, _ := npmClients(t)
	script := c.write("app.js", speaker)
	c.write("package.json", `{"version": "4.2.1"}`)
	var r sessionResult
	c.node(fmt.Sprintf(session, pm2Module(), script), &r)
	assert.Equal(t, 1, r.Started)
	assert.Equal(t, [][]any{{"lib", 0.0, "online", true, "number", "4.2.1"}}, r.List)
	assert.Equal(t, "1", r.Described)
	assert.True(t, r.Sent)
	assert.Equal(t, "stopped", r.Stopped)
	assert.Zero(t, r.Left)
	assert.Equal(t, "process or namespace not found", r.Error)
	// What each verb brings, in PM2's order. The daemon tells of the start itself.
	assert.Equal(t, []string{
		"process:event online false", "process:event start true",
		"process:event exit false", "process:event exit false", "process:event online false", "process:event restart true",
		"process:event exit false", "process:event exit false", "process:event online false", "process:event reload true",
		"process:event exit false", "process:event exit false", "process:event stop true",
	}, r.Events)
	c.noGod()
}

const triggers = `
const pm2 = require(%q);
let left = 20;
const next = () => {
  if (left-- === 0) { console.log('{}'); process.exit(); }
  pm2.trigger('io', 'greet', (err, replies) => { if (err) throw err; if (replies.length !== 1) throw new Error(JSON.stringify(replies)); next(); });
};
pm2.connect((err) => { if (err) throw err; next(); });
`

// TestTriggersThroughTheLibraryAreAnswered: one that hears the program before the daemon's answer waits for ever.
func TestTriggersThroughTheLibraryAreAnswered(t *testing.T) {
	c, ours := npmClients(t)
	start(t, ours, app.Spec{
		Name: "io", Script: c.write("app.js", speaker), Interpreter: "node", Mode: app.Fork, Cwd: c.dir, MergeLogs: true,
		OutFile: filepath.Join(c.dir, "out"), ErrorFile: filepath.Join(c.dir, "err"),
		Env: app.Env{{Name: "PATH", Value: os.Getenv("PATH")}, {Name: "HOME", Value: c.dir}},
	})
	require.Eventually(t, func() bool {
		p := listed(t, ours)[0]
		return p.Reported != nil && len(p.Reported.Actions) == 6
	}, 60*time.Second, 20*time.Millisecond)
	var r struct{}
	c.node(fmt.Sprintf(triggers, pm2Module()), &r)
}

const older = `
const pm2 = require(%q);
pm2.connect((err) => {
  if (err) throw err;
  pm2.list((err, list) => {
    if (err) throw err;
    pm2.launchBus((err, bus) => {
      bus.on('process:event', (p) => {
        console.log(JSON.stringify({ list: list.map((p) => [p.name, p.pm2_env.status]), message: p.event }));
        process.exit();
      });
      setTimeout(() => pm2.restart('a', () => {}), 300);
    });
  });
});
`

func TestOlderPM2sAreServed(t *testing.T) {
	for _, name := range []string{"pm2-2", "pm2-4"} {
		t.Run(name, func(t *testing.T) {
			c, ours := npmClients(t)
			dir := modules(t, name)
			start(t, ours, sleeper("a"))
			var r sessionResult
			c.node(fmt.Sprintf(older, dir), &r)
			assert.Equal(t, [][]any{{"a", "online"}}, r.List)
			assert.Equal(t, "exit", r.Message)
			c.noGod()
		})
	}
}

// asking has an exporter listen anywhere, asks it and ends.
const asking = `
const http = require('http'), listen = http.Server.prototype.listen;
http.Server.prototype.listen = function () {
  const server = listen.call(this, 0, '127.0.0.1', () => {
    const ask = (left) => http.get({ port: server.address().port, path: '/metrics' }, (res) => {
      let body = '';
      res.on('data', (d) => body += d);
      res.on('end', () => {
        if (!body.includes('metered') && left > 0) return setTimeout(ask, 100, left - 1);
        console.log(JSON.stringify({ body }));
        process.exit();
      });
    });
    ask(100);
  });
  return server;
};
`

func TestExportersAreServed(t *testing.T) {
	c, ours := npmClients(t)
	start(t, ours, sleeper("metered"))
	for _, name := range []string{"pm2-prometheus-exporter", "pm2-metrics"} {
		t.Run(name, func(t *testing.T) {
			c := &client{t: t, home: c.home, dir: t.TempDir()}
			var r struct{ Body string }
			c.run(&r, "--require", c.write("ask.js", asking), filepath.Join(modules(t, name), "exporter.js"))
			assert.Contains(t, r.Body, "metered")
		})
	}
	c.noGod()
}

// TestPM2IOWorksInAProgram: an app that instruments itself is heard, and triggered over messages.
func TestPM2IOWorksInAProgram(t *testing.T) {
	c, ours := npmClients(t)
	dir := modules(t, "@pm2/io")
	script := c.write("io.js", fmt.Sprintf(`
const io = require(%q);
io.init({ metrics: { http: true, v8: false, eventLoop: false } });
io.metric({ name: 'Users', value: () => 42 });
io.action('greet', (done) => done({ hello: 'you' }));
io.notifyError(new Error('told'));
setInterval(() => {}, 1000);
`, dir))
	start(t, ours, app.Spec{
		Name: "io", Script: script, Interpreter: "node", Mode: app.Fork, Cwd: c.dir, MergeLogs: true,
		OutFile: filepath.Join(c.dir, "out"), ErrorFile: filepath.Join(c.dir, "err"),
		Env: app.Env{{Name: "PATH", Value: os.Getenv("PATH")}, {Name: "HOME", Value: c.dir}},
	})
	require.Eventually(t, func() bool {
		r := listed(t, ours)[0].Reported
		if r == nil {
			return false
		}
		for _, m := range r.Metrics {
			if m.Key == "Users" {
				return strings.Contains(string(m.Value), "42")
			}
		}
		return false
	}, 60*time.Second, 20*time.Millisecond)
	r := listed(t, ours)[0].Reported
	for _, o := range r.Options {
		if o.Key == "metrics" {
			assert.JSONEq(t, `{"http":true,"v8":false,"eventLoop":false}`, string(o.Value), "as the program said")
		}
	}
	for _, m := range r.Metrics {
		assert.NotContains(t, m.Key, "Heap", "the program does not want it told")
	}
	out := c.ok("trigger", "io", "greet")
	assert.Contains(t, out, `[io:0:default]={"hello":"you"}`)
	lines, err := ours.Trigger(t.Context(), api.TriggerRequest{Target: "io", Action: "greet"})
	require.NoError(t, err)
	var said []string
	for l, err := range lines {
		require.NoError(t, err)
		said = append(said, string(l.Return))
	}
	assert.Equal(t, []string{"", `{"hello":"you"}`}, said)
}
