//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// served are the programs that are reloaded under load.
var served = []struct {
	name   string
	short  bool           // of the quick form too
	needs  []string       // npm packages
	script string         // or a program
	app    map[string]any // what its ecosystem file says beside the script
	closes bool           // connections that look idle to it, when it ends: what every client of HTTP must be ready for
	loses  bool           // by its nature: what it lost is told
	pm2    bool           // by the npm PM2, to compare
}{
	{name: "node http", short: true, script: "http.js", app: workers(nil)},
	{name: "PM2, node http", closes: true, loses: true, pm2: true, script: "http.js", app: workers(nil)},
	{name: "node https", script: "https.js", app: workers(nil)},
	{name: "node http2", script: "http2.js", app: workers(nil)},
	{name: "node http, rr", script: "http.js", app: workers(map[string]any{"cluster_policy": "rr"})},
	{name: "express", script: "express.js", needs: []string{"express"}, app: workers(nil)},
	{name: "fastify", script: "fastify.js", needs: []string{"fastify"}, app: workers(nil)},
	{name: "koa", script: "koa.js", needs: []string{"koa"}, app: workers(nil)},
	{name: "next start", script: "next", needs: []string{"react", "react-dom", "next@npm:next@15"}, app: workers(map[string]any{
		"script": "{modules}/next/dist/bin/next", "args": "start -p {port}",
	})},
	{name: "node ESM", script: "esm.mjs", app: workers(nil)},
	{name: "TypeScript, tsx", needs: []string{"tsx"}, script: "typed.ts", app: workers(map[string]any{
		"interpreter": "node", "node_args": "--import {modules}/tsx/dist/loader.mjs",
	})},
	{name: "TypeScript, ts-node", needs: []string{"typescript@5", "ts-node"}, script: "typed.ts", app: workers(map[string]any{
		"interpreter": "node", "node_args": "--require {modules}/ts-node/register/transpile-only",
		"env": map[string]any{"TS_NODE_COMPILER_OPTIONS": `{"module": "commonjs", "esModuleInterop": true}`},
	})},
	{name: "node 16", short: true, needs: []string{nodeOf(16)}, script: "http.js", app: workers(nil)},
	{name: "node 18", needs: []string{nodeOf(18)}, script: "http.js", app: workers(nil)},
	{name: "node 22", needs: []string{nodeOf(22)}, script: "http.js", app: workers(nil)},
	{name: "node 24", short: true, needs: []string{nodeOf(24)}, script: "http.js", app: workers(nil)},
	{name: "bun", script: "bun.js", needs: []string{"bun"}, app: map[string]any{"interpreter": "bun", "kill_timeout": 5000}},
	{name: "python", script: "held.py", app: map[string]any{"interpreter": "python3", "kill_timeout": 5000}},
	{name: "gunicorn", script: "gunicorn", app: map[string]any{
		"interpreter": "none", "args": "wsgi:app --workers 2 --chdir {apps}", "listen": []string{"127.0.0.1:{port}"},
		"kill_signal": "SIGTERM", "kill_timeout": 20000,
	}},
	{name: "uvicorn", closes: true, script: "uvicorn", app: map[string]any{
		"interpreter": "none", "args": "asgi:app --fd 3 --no-access-log --app-dir {apps}", "listen": []string{"127.0.0.1:{port}"},
		"kill_timeout": 20000,
	}},
	{name: "puma", closes: true, script: "puma", app: map[string]any{
		"interpreter": "none", "args": "--bind tcp://127.0.0.1:{port} --quiet {apps}/config.ru", "listen": []string{"127.0.0.1:{port}"},
		"kill_signal": "SIGTERM", "kill_timeout": 20000,
	}},
	{name: "Bun.serve", closes: true, needs: []string{"bun"}, script: "bunserve.js", app: map[string]any{
		"interpreter": "bun", "overlap": true, "kill_timeout": 5000,
	}},
	{name: "deno", closes: true, needs: []string{"deno"}, script: "deno.js", app: map[string]any{
		"interpreter": "deno", "node_args": "run --allow-all --unstable-net", "overlap": true, "kill_timeout": 5000,
	}},
	{name: "go", short: true, script: "held.go", app: map[string]any{"interpreter": "none", "kill_timeout": 5000}},
}

// workers says that an app is two workers of a cluster.
func workers(more map[string]any) map[string]any {
	app := map[string]any{"instances": 2, "exec_mode": "cluster"}
	maps.Copy(app, more)
	return app
}

// nodeOf is the npm package of a version of Node, under a name of its own.
func nodeOf(major int) string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return fmt.Sprintf("node-%d@npm:node-linux-%s@%d", major, arch, major)
}

// TestReloadProof reloads programs under load and counts what fails. WEAVER_RELOAD_PROOF makes it the whole proof, as `make
// reload-proof` does, of so many reloads of every program, and 2,000 requests for each.
func TestReloadProof(t *testing.T) {
	t.Parallel()
	reloads, requests := 5, int64(10_000)
	whole := os.Getenv("WEAVER_RELOAD_PROOF") != ""
	if whole {
		var err error
		reloads, err = strconv.Atoi(os.Getenv("WEAVER_RELOAD_PROOF"))
		require.NoError(t, err, "WEAVER_RELOAD_PROOF is how many reloads")
		requests = 2000 * int64(reloads)
	}
	only := os.Getenv("WEAVER_RELOAD_ONLY")
	for i, s := range served {
		if only == "" && !whole && !s.short || only != "" && only != s.name { // those that are named are run in any form
			continue
		}
		if testing.Short() && i > 0 && only == "" {
			break
		}
		t.Run(s.name, func(t *testing.T) {
			program := filepath.Join(bin, "weaver")
			if s.pm2 {
				if program = os.Getenv("WEAVER_TEST_PM2"); program == "" {
					t.Skip("WEAVER_TEST_PM2 does not say where PM2 is")
				}
			}
			a := serveBy(t, program, s.script, s.needs, s.app)
			l := press(a, 64)
			begin := time.Now()
			for n := range reloads {
				out, err := a.weaver("reload", "web")
				require.NoError(t, err, "reload %d: %s", n, out)
			}
			took := time.Since(begin)
			last := begin.Add(20 * time.Minute)
			if d, ok := t.Deadline(); ok && d.Before(last) {
				last = d.Add(-20 * time.Second) // what came of it is told, however slow the machine
			}
			for l.done.Load() < requests && (l.failures() == 0 || s.loses) && time.Now().Before(last) {
				time.Sleep(10 * time.Millisecond)
			}
			l.stop()
			t.Logf("%-14s %d reloads in %v, %d requests, %d failed, %d idle connections closed, by %d processes", s.name, reloads,
				took.Round(time.Second), l.done.Load(), l.failures(), l.idle.Load(), len(l.pids))
			if !s.loses {
				require.Empty(t, l.failed)
			}
			if !s.closes {
				require.Zero(t, l.idle.Load(), "a request on its way over a connection that was kept was lost")
			}
			require.GreaterOrEqual(t, l.done.Load(), requests)
			require.Greater(t, len(l.pids), reloads, "each reload brought new processes, and they served")
		})
	}
}

// target is an app that runs under a weaver of its own.
type target struct {
	by   string // the program that runs it
	env  []string
	home string
	port int
	tls  *tls.Config
	h2   bool
}

func (a *target) weaver(args ...string) (string, error) {
	cmd := exec.Command(a.by, args...)
	cmd.Env = a.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// serve starts a program and returns when it answers.
func serve(t *testing.T, script string, needs []string, more map[string]any) *target {
	t.Helper()
	return serveBy(t, filepath.Join(bin, "weaver"), script, needs, more)
}

// serveBy is serve by weaver or PM2.
func serveBy(t *testing.T, by, script string, needs []string, more map[string]any) *target {
	t.Helper()
	dir := t.TempDir()
	apps, err := filepath.Abs(filepath.Join("..", "..", "testdata", "apps", "served"))
	require.NoError(t, err)
	a := &target{by: by, port: reserve(t)}
	path := os.Getenv("PATH")
	program := filepath.Join(apps, script)
	switch {
	case script == "next":
		need(t, "node")
	case filepath.Ext(script) == "":
		need(t, script)
		program, err = exec.LookPath(script)
		require.NoError(t, err)
	}
	spec := map[string]any{"name": "web", "script": program, "cwd": dir, "listen_timeout": 60000}
	modules := ""
	env := map[string]any{"PORT": strconv.Itoa(a.port)}
	switch filepath.Ext(script) {
	case ".js", ".mjs", ".ts":
		need(t, "node")
	case ".py":
		need(t, "python3")
		spec["listen"] = []int{a.port}
	case ".go":
		program := filepath.Join(dir, "served")
		out, err := exec.Command("go", "build", "-o", program, filepath.Join(apps, script)).CombinedOutput()
		require.NoError(t, err, string(out))
		spec["script"], spec["listen"] = program, []int{a.port}
	}
	if script == "bun.js" {
		spec["listen"] = []int{a.port}
	}
	if len(needs) > 0 {
		modules = npm(t, needs...)
		env["NODE_PATH"] = modules
		path += string(os.PathListSeparator) + filepath.Join(modules, ".bin") // last: there may be some node in it
		if name, _, isAlias := strings.Cut(needs[0], "@npm:"); isAlias {      // a Node of its own
			spec["interpreter"] = filepath.Join(modules, name, "bin", "node")
		}
	}
	if script == "next" {
		spec["cwd"] = built(t, modules, filepath.Join(apps, "next"))
	}
	if a.h2 = script == "http2.js"; a.h2 || script == "https.js" {
		a.tls = &tls.Config{InsecureSkipVerify: true} // its own
		env["TLS_KEY"], env["TLS_CERT"] = selfSigned(t, dir)
	}
	env["PATH"] = path
	for k, v := range more {
		if k == "env" {
			maps.Copy(env, v.(map[string]any))
			continue
		}
		spec[k] = v
	}
	spec["env"] = env
	text, err := json.Marshal(map[string]any{"apps": []any{spec}})
	require.NoError(t, err)
	text = []byte(strings.NewReplacer("{port}", strconv.Itoa(a.port), "{apps}", apps, "{modules}", modules).Replace(string(text)))
	file := filepath.Join(dir, "eco.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	a.home = filepath.Join(dir, "h")
	variable := "WEAVER_HOME"
	if filepath.Base(by) != "weaver" {
		variable = "PM2_HOME"
	}
	a.env = append(os.Environ(), variable+"="+a.home, "PATH="+path)
	t.Cleanup(func() {
		if out, err := a.weaver("kill"); err != nil {
			t.Errorf("kill: %v\n%s", err, out)
		}
	})
	out, err := a.weaver("start", file)
	require.NoError(t, err, out)
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		c, err := a.client()
		if err == nil {
			_, err = c.ask()
			c.Close()
		}
		if err == nil || err == errLast {
			return a
		}
		if time.Since(begin) > time.Minute {
			out, _ := a.weaver("logs", "--nostream")
			t.Fatalf("it does not answer: %v\n%s", err, out)
		}
	}
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
}

// npm returns a node_modules with the packages in it, kept between runs.
func npm(t *testing.T, packages ...string) string {
	t.Helper()
	need(t, "npm")
	dir := filepath.Join(os.TempDir(), "weaver-test-npm")
	modules := filepath.Join(dir, "node_modules")
	for _, p := range packages {
		name, _, _ := strings.Cut(p, "@")
		if _, err := os.Stat(filepath.Join(modules, name, "package.json")); err == nil {
			continue
		}
		require.NoError(t, os.MkdirAll(dir, 0o755))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--silent", p)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("npm cannot install %s: %v %s", p, err, out)
		}
	}
	return modules
}

// built returns a copy of the Next.js program in dir that is built, kept between runs.
func built(t *testing.T, modules, dir string) string {
	t.Helper()
	out := filepath.Join(filepath.Dir(modules), "next-app")
	if _, err := os.Stat(filepath.Join(out, ".next", "BUILD_ID")); err == nil {
		return out
	}
	require.NoError(t, os.RemoveAll(out))
	require.NoError(t, os.CopyFS(out, os.DirFS(dir)))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join(modules, "next", "dist", "bin", "next"), "build")
	cmd.Dir, cmd.Env = out, append(os.Environ(), "NEXT_TELEMETRY_DISABLED=1")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("next cannot build: %v %s", err, text)
	}
	return out
}

func reserve(t *testing.T) int {
	t.Helper()
	for {
		port := 10000 + mathrand.IntN(20000)
		if l, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}

func selfSigned(t *testing.T, dir string) (key, cert string) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	require.NoError(t, err)
	text, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	key, cert = filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600))
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return key, cert
}

// asker is one that asks, over one connection at a time.
type asker interface {
	ask() (string, error)
	Close() error
}

func (a *target) client() (asker, error) {
	if a.h2 {
		return newSession(a), nil
	}
	return a.dial()
}

// session asks over HTTP/2, whose clients do again what a server that leaves says it has not begun.
type session struct {
	url       string
	transport *http.Transport
}

func newSession(a *target) *session {
	return &session{fmt.Sprintf("https://127.0.0.1:%d/", a.port), &http.Transport{
		TLSClientConfig: a.tls.Clone(), ForceAttemptHTTP2: true,
	}}
}

func (s *session) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

func (s *session) ask() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return "", err
	}
	res, err := s.transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", fmt.Errorf("read the body of an answer: %w", err)
	}
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		return "", fmt.Errorf("status %s, %s: %.100s", res.Status, res.Proto, text)
	}
	return string(text), nil
}

// client is one connection. It is strict: whatever is wrong with an answer, or the lack of one, is an error.
type client struct {
	net.Conn
	r    *bufio.Reader
	used bool
}

func (a *target) dial() (*client, error) {
	d := net.Dialer{Timeout: 30 * time.Second}
	address := "127.0.0.1:" + strconv.Itoa(a.port)
	var c net.Conn
	var err error
	if a.tls != nil {
		c, err = tls.DialWithDialer(&d, "tcp", address, a.tls)
	} else {
		c, err = d.Dial("tcp", address)
	}
	if err != nil {
		return nil, err
	}
	return &client{Conn: c, r: bufio.NewReader(c)}, nil
}

// errIdle says that a connection that had been idle was closed before anything of an answer came: what every client
// of HTTP must be ready for, and asks again.
var errIdle = errors.New("an idle connection was closed")

// errLast comes with an answer after which the server closes.
var errLast = errors.New("the last answer on this connection")

func (c *client) ask() (string, error) {
	c.SetDeadline(time.Now().Add(60 * time.Second))
	_, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	if err == nil {
		_, err = c.r.Peek(1)
	}
	if err != nil {
		var late net.Error
		if c.used && !(errors.As(err, &late) && late.Timeout()) {
			return "", errIdle
		}
		return "", err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", fmt.Errorf("read an answer: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", fmt.Errorf("read the body of an answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s: %.100s", res.Status, text)
	}
	c.used = true
	if res.Close {
		return string(text), errLast
	}
	return string(text), nil
}

// pressure asks again and again, until it is stopped.
type pressure struct {
	a    *target
	quit chan struct{}
	wg   sync.WaitGroup
	done atomic.Int64
	idle atomic.Int64

	mu     sync.Mutex
	failed []string
	count  int
	pids   map[string]bool
}

// press keeps n connections busy: half of them are kept, half are made anew for each request.
func press(a *target, n int) *pressure {
	p := &pressure{a: a, quit: make(chan struct{}), pids: map[string]bool{}}
	var kept asker
	for i := range n {
		if a.h2 && i%16 == 0 { // for eight
			kept = newSession(a)
		}
		p.wg.Go(func() { p.push(i%2 == 0, kept) })
	}
	return p
}

// push asks over a connection that is kept, over one that others ask over at the same time, or over a new one each time.
func (p *pressure) push(keep bool, c asker) {
	shared := keep && c != nil
	if !shared {
		c = nil
	}
	for {
		select {
		case <-p.quit:
			if c != nil {
				c.Close()
			}
			return
		default:
		}
		var err error
		if c == nil {
			if c, err = p.a.client(); err != nil {
				c = nil
				p.fail(err)
				continue
			}
		}
		text, err := c.ask()
		switch {
		case err == nil || err == errLast:
			p.good(text)
		case err == errIdle:
			p.idle.Add(1)
		default:
			p.fail(err)
		}
		if !shared && (err != nil || !keep) {
			c.Close()
			c = nil
		}
	}
}

func (p *pressure) good(text string) {
	p.done.Add(1)
	_, pid, _ := strings.Cut(strings.TrimSpace(text), " ")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pids[pid] = true
}

func (p *pressure) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count++; len(p.failed) < 5 {
		p.failed = append(p.failed, err.Error())
	}
}

func (p *pressure) failures() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

func (p *pressure) stop() {
	close(p.quit)
	p.wg.Wait()
}

// TestAClusterOutlivesTheSupervisor kills the supervisor under load: the workers go on, what they listen on is kept, and a
// reload by the next supervisor loses nothing either.
func TestAClusterOutlivesTheSupervisor(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"slots", "shared"} { // under rr a connection that is in its hands goes with it
		t.Run(policy, func(t *testing.T) {
			a := serve(t, "http.js", nil, map[string]any{"instances": 2, "exec_mode": "cluster", "cluster_policy": policy})
			before := a.pids(t)
			require.Len(t, before, 2)
			l := press(a, 16)
			for range 2 {
				a.killSupervisor(t)
				require.Equal(t, before, a.pids(t))
			}
			for range 2 {
				a.killBoth(t)
				require.Equal(t, before, a.pids(t), "nobody kept their channels and sockets but they")
			}
			out, err := a.weaver("reload", "web")
			require.NoError(t, err, out)
			after := a.pids(t)
			require.Len(t, after, 2)
			for _, pid := range before {
				require.NotContains(t, after, pid)
			}
			out, err = a.weaver("scale", "web", "3")
			require.NoError(t, err, out)
			out, err = a.weaver("scale", "web", "1")
			require.NoError(t, err, out)
			// The sockets of the two slots that are gone are closed a second later; those who ask then notice nothing either.
			if policy == "slots" {
				require.Eventually(t, func() bool { return listeners(t, a.port) == 1 }, time.Minute, 10*time.Millisecond)
			}
			l.stop()
			require.Zero(t, l.failures(), "of %d: %v", l.done.Load(), l.failed)
		})
	}
}

// What only the supervisor has, the socket of a round robin, is there again after both died; what a program was given it keeps.
func TestSocketsOutliveSupervisorAndAnchor(t *testing.T) {
	t.Parallel()
	for name, app := range map[string]map[string]any{
		"http.js": {"instances": 3, "exec_mode": "cluster", "cluster_policy": "rr"},
		"held.py": {},
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, name, nil, app)
			before := a.pids(t)
			answers := func() {
				t.Helper()
				require.Eventually(t, func() bool {
					resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", a.port))
					if err != nil {
						return false
					}
					return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
				}, time.Minute, 10*time.Millisecond)
			}
			answers()
			for range 2 {
				a.killBoth(t)
				require.Equal(t, before, a.pids(t))
				answers()
			}
			if len(before) > 1 { // in turn means in turn
				client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				turns := map[string]int{}
				for range 4 * len(before) {
					resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", a.port))
					require.NoError(t, err)
					who, err := io.ReadAll(resp.Body)
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
					turns[string(who)]++
				}
				for who, n := range turns {
					require.InDelta(t, 4, n, 1, "%s of %v", who, turns)
				}
				require.Len(t, turns, len(before), "%v", turns)
			}
			l := press(a, 4)
			out, err := a.weaver("reload", "web")
			l.stop()
			require.NoError(t, err, out)
			require.NotEqual(t, before, a.pids(t))
			require.Zero(t, l.failures(), "of %d: %v", l.done.Load(), l.failed)
		})
	}
}

// killBoth kills supervisor and anchor, and has a command start others.
func (a *target) killBoth(t *testing.T) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "weaver"), "ping", "--json")
	cmd.Env = a.env
	out, err := cmd.Output()
	require.NoError(t, err)
	var p pong
	require.NoError(t, json.Unmarshal(out, &p), string(out))
	require.NoError(t, syscall.Kill(p.Anchor, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return !exists(p.PID) && !exists(p.Anchor) }, time.Minute, time.Millisecond)
	text, err := a.weaver("ping")
	require.NoError(t, err, text)
}

// listeners counts the sockets that listen on a port of all addresses.
func listeners(t *testing.T, port int) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp6")
	require.NoError(t, err)
	for _, row := range strings.Split(string(text), "\n") {
		f := strings.Fields(row)
		if len(f) > 3 && f[1] == fmt.Sprintf("%032X:%04X", 0, port) && f[3] == "0A" {
			n++
		}
	}
	return n
}

// pids are those of the app's processes.
func (a *target) pids(t *testing.T) []int {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "weaver"), "jlist")
	cmd.Env = a.env
	out, err := cmd.Output()
	require.NoError(t, err)
	var list []struct {
		PID int `json:"pid"`
	}
	require.NoError(t, json.Unmarshal(out, &list), string(out))
	pids := make([]int, len(list))
	for i := range list {
		pids[i] = list[i].PID
	}
	return pids
}

// killSupervisor kills it, and returns when another answers.
func (a *target) killSupervisor(t *testing.T) {
	t.Helper()
	file := filepath.Join(a.home, "weaver.pid")
	read := func() int {
		text, _ := os.ReadFile(file)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return pid
	}
	old := read()
	require.Positive(t, old, file)
	require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		if pid := read(); pid == 0 || pid == old {
			return false
		}
		_, err := a.weaver("ping")
		return err == nil
	}, time.Minute, 10*time.Millisecond)
}
