package daemon

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weaver/api"
	"weaver/app"
	"weaver/config/home"
)

// connectAs makes the test binary connect to a socket and say what it hears.
const connectAs = "WEAVER_TEST_CONNECT"

// sayAs makes the test binary write standard input to a socket and print what comes back.
const sayAs = "WEAVER_TEST_SAY"

// askAs makes the test binary ask a socket each of the requests on its standard input, over a connection of its own, and print the
// answers. Both are told with their length in a line before them.
const askAs = "WEAVER_TEST_ASK"

func TestMain(m *testing.M) {
	if path := os.Getenv(connectAs); path != "" {
		c, err := net.Dial("unix", path)
		if err == nil {
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: weaver\r\n\r\n", api.PathPing)
			line, _ := bufio.NewReader(c).ReadString('\n')
			fmt.Printf("heard %q\n", line)
		} else {
			fmt.Println("refused:", err)
		}
		os.Exit(0)
	}
	if path := os.Getenv(sayAs); path != "" { // as another user: see roles_test.go
		if c, err := net.Dial("unix", path); err == nil {
			go io.Copy(c, os.Stdin)
			resp := bufio.NewReader(c)
			if head, err := http.ReadResponse(resp, nil); err == nil {
				head.Write(os.Stdout)
			}
		}
		os.Exit(0)
	}
	if path := os.Getenv(askAs); path != "" { // likewise
		askAll(path)
		os.Exit(0)
	}
	// lumberjack's goroutine lives as long as its process, in which there is otherwise one daemon.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
}

// framed reads what is told with its length.
func framed(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// askAll is the process of a guest.
func askAll(socket string) {
	for in := bufio.NewReader(os.Stdin); ; {
		request, err := framed(in)
		if err != nil {
			return
		}
		var answer bytes.Buffer
		if c, err := net.Dial("unix", socket); err == nil {
			c.Write(request)
			if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				resp.Write(&answer)
			}
			c.Close()
		}
		fmt.Printf("%d\n%s", answer.Len(), answer.Bytes())
	}
}

// serve runs a daemon of its own for the test, without an anchor, and returns its home and a client.
func serve(t *testing.T) (home.Home, *api.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "wd") // short: a socket's path has little room
	require.NoError(t, err)
	h := home.Home{Dir: dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return h, restart(t, h)
}

// restart runs a daemon in a home that may have had one.
func restart(t *testing.T, h home.Home) *api.Client {
	t.Helper()
	return restartWith(t, Options{Home: h, Version: "test"})
}

func restartWith(t *testing.T, o Options) *api.Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() { ended <- Run(ctx, o) }() // ends with ctx
	c := &api.Client{Socket: o.Home.Socket()}
	t.Cleanup(func() {
		c.Close()
		cancel()
		assert.Zero(t, <-ended, "exit code of the daemon")
	})
	require.Eventually(t, func() bool {
		p, err := c.Ping(t.Context())
		return err == nil && p.PID == os.Getpid()
	}, 60*time.Second, time.Millisecond)
	return c
}

func sleeper(name string) app.Spec {
	return app.Spec{
		Name: name, Script: "/bin/sleep", Args: []string{"1000"}, Interpreter: "none", Mode: app.Fork, Cwd: "/",
		OutFile: os.DevNull, ErrorFile: os.DevNull, MergeLogs: true,
	}
}

func start(t *testing.T, c *api.Client, specs ...app.Spec) {
	t.Helper()
	require.NoError(t, c.Start(t.Context(), api.StartRequest{Specs: specs}, nil, func(p app.Progress) {
		require.NotEqual(t, app.StepFailed, p.Step, p.Message)
	}))
}

func list(t *testing.T, c *api.Client) []app.Process {
	t.Helper()
	l, err := c.List(t.Context(), true, "")
	require.NoError(t, err)
	return l
}

func request(t *testing.T, h home.Home, method, path string, body io.Reader, change func(*http.Request)) *http.Response {
	t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.Socket())
	}}
	t.Cleanup(tr.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), method, "http://weaver"+path, body)
	require.NoError(t, err)
	if change != nil {
		change(req)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestNobodyElseGetsIn(t *testing.T) {
	h, _ := serve(t)
	for _, f := range []struct {
		path string
		mode os.FileMode
	}{{h.Socket(), 0o600}, {h.PM2Socket(), 0o600}, {h.PubSocket(), 0o600}, {h.Logs(), 0o700}, {h.Locks(), 0o700}} {
		info, err := os.Stat(f.path)
		require.NoError(t, err)
		assert.Equal(t, f.mode, info.Mode().Perm(), f.path)
	}
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	// Even with the doors of the file system open, the peer's credentials count.
	for path, mode := range map[string]os.FileMode{h.Dir: 0o755, h.Socket(): 0o666} {
		require.NoError(t, os.Chmod(path, mode))
	}
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	exe := filepath.Join(h.Dir, "test")
	require.NoError(t, os.WriteFile(exe, self, 0o755))
	connect := func(uid uint32) string {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), connectAs+"="+h.Socket())
		cmd.Dir = "/"
		become(cmd, uid)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	assert.Equal(t, "heard \"\"\n", connect(65534))
	assert.Equal(t, "heard \"HTTP/1.1 200 OK\\r\\n\"\n", connect(0))
}

func TestSecondSupervisorOfAHomeGivesUp(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper("a"))
	assert.Equal(t, 1, Run(t.Context(), Options{Home: h, Version: "second"}))
	p, err := c.Ping(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "test", p.Version, "the first one goes on")
	assert.Equal(t, 1, p.Processes)
}

func TestPagesOfBrowsersAreRefused(t *testing.T) {
	h, _ := serve(t)
	for name, change := range map[string]func(*http.Request){
		"origin":  func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"referer": func(r *http.Request) { r.Header.Set("Referer", "http://evil.example/x") },
		"host":    func(r *http.Request) { r.Host = "evil.example" },
		"address": func(r *http.Request) { r.Host = "127.0.0.1:80" },
	} {
		assert.Equal(t, http.StatusForbidden, request(t, h, "GET", api.PathPing, nil, change).StatusCode, name)
	}
	for _, host := range []string{"weaver", "localhost"} {
		assert.Equal(t, http.StatusOK, request(t, h, "GET", api.PathPing, nil, func(r *http.Request) { r.Host = host }).StatusCode, host)
	}
}

func TestBadRequestsAreAnswered(t *testing.T) {
	h, c := serve(t)
	for _, r := range []struct {
		path, body string
		status     int
	}{
		{api.PathStart, `{"specs":`, 400},
		{api.PathStart, `[]`, 400},
		{api.PathAct, `{"verb":"stop","targets":[1]}`, 400},
		{api.PathSettings, `{"cache.status_ttl":"soon"}`, 400},
		{api.PathSettings, `{"cache.statusttl":"1s"}`, 400},
		{"/v1/nothing", `{}`, 404},
		{api.PathHot + "explode?a=x", ``, 501},
		{api.PathHot + "stop", ``, 501},
	} {
		assert.Equal(t, r.status, request(t, h, "POST", r.path, strings.NewReader(r.body), nil).StatusCode, "%s %s", r.path, r.body)
	}
	assert.Empty(t, list(t, c))
}

func TestHotDoor(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper("web"), sleeper("db"))
	hot := func(method, query string) (code string, stderr, stdout string) {
		t.Helper()
		resp := request(t, h, method, api.PathHot+query, nil, nil)
		require.Equal(t, 200, resp.StatusCode)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		n, err := strconv.Atoi(resp.Header.Get(api.HeaderErr))
		require.NoError(t, err)
		return resp.Header.Get(api.HeaderExit), string(body[:n]), string(body[n:])
	}
	code, _, out := hot("GET", "list?w=80")
	assert.Equal(t, "0", code)
	assert.Contains(t, out, "web")
	assert.NotContains(t, out, "\x1b")
	_, _, out = hot("GET", "list?c=1&w=200")
	assert.Contains(t, out, "\x1b[")
	_, _, out = hot("GET", "id?a=db")
	assert.Equal(t, "[ 1 ]\n", out)
	_, _, out = hot("GET", "id?a=nope")
	assert.Equal(t, "[]\n", out)
	_, _, out = hot("GET", "resolve?a=all")
	assert.Equal(t, "db\nweb\n", out)
	_, _, out = hot("GET", "ping")
	assert.Regexp(t, `^\{ msg: 'pong' \}\nPID: [1-9]\d*\nVersion: .*\nUptime: \d+\.\d s\n$`, out)

	code, errOut, out := hot("POST", "stop?a=web&a=wbe")
	assert.Equal(t, "1", code)
	assert.Contains(t, errOut, "Process or Namespace wbe not found\nhint: did you mean web?")
	assert.Contains(t, out, "[PM2] [web](0) ✓")
	_, _, out = hot("GET", "pid?a=web")
	assert.Equal(t, "0\n", out, "what is stopped is never shown from before")
	_, _, out = hot("POST", "restart?a=0")
	assert.Contains(t, out, "[PM2] Applying action restartProcessId on app [0](ids: [ '0' ])")
	assert.Contains(t, out, "online")
}

func TestTableIsNeverStale(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper("a"))
	table := func() string {
		resp := request(t, h, "GET", api.PathHot+"list", nil, nil)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(body)
	}
	for range 20 {
		for verb, word := range map[app.Verb]string{app.VerbStop: "stopped", app.VerbRestart: "online"} {
			require.NoError(t, c.Act(t.Context(), api.ActRequest{Verb: verb, Targets: []app.Selector{"a"}}, nil, func(app.Progress) {}))
			assert.Contains(t, table(), word)
		}
	}
	s, err := c.Cache(t.Context(), false)
	require.NoError(t, err)
	assert.True(t, s.Enabled)
	assert.NotZero(t, s.Caches["status"].Misses)
}

func TestListComesBackAfterADeath(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper("a"), sleeper("b"))
	require.NoError(t, c.Act(t.Context(), api.ActRequest{Verb: app.VerbStop, Targets: []app.Selector{"b"}}, nil, func(app.Progress) {}))

	// Another daemon of a home with the same state, as after a power cut.
	other, err := os.MkdirTemp("", "wd")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(other) })
	h2 := home.Home{Dir: other}
	require.NoError(t, os.CopyFS(h2.Journal(), os.DirFS(h.Journal())))
	c2 := restart(t, h2)
	require.Eventually(t, func() bool { return list(t, c2)[0].Status == app.Online }, 60*time.Second, time.Millisecond)
	l := list(t, c2)
	assert.Equal(t, []string{"a", "b"}, []string{l[0].Name, l[1].Name})
	assert.Equal(t, app.Stopped, l[1].Status, "what was stopped stays stopped")
}

func TestSaveAndResurrect(t *testing.T) {
	h, c := serve(t)
	res, err := c.Save(t.Context(), false)
	require.NoError(t, err)
	assert.True(t, res.Skipped)
	start(t, c, sleeper("a"), sleeper("b"))
	_, err = c.Save(t.Context(), false)
	require.NoError(t, err)
	start(t, c, sleeper("c"))
	_, err = c.Save(t.Context(), false)
	require.NoError(t, err)
	deleteAll := func() {
		require.NoError(t, c.Act(t.Context(), api.ActRequest{Verb: app.VerbDelete, Targets: []app.Selector{"all"}}, nil, func(app.Progress) {}))
	}
	deleteAll()
	res, err = c.Save(t.Context(), false)
	require.NoError(t, err)
	assert.True(t, res.Skipped, "an empty list never silently replaces a full one")
	resurrect := func() (words string) {
		require.NoError(t, c.Resurrect(t.Context(), func(p app.Progress) { words += p.Message + "\n" }))
		return words
	}
	resurrect()
	assert.Len(t, list(t, c), 3)
	assert.Contains(t, resurrect(), "", "nothing is doubled")
	assert.Len(t, list(t, c), 3)

	deleteAll()
	data, err := os.ReadFile(h.Dump())
	require.NoError(t, err)
	info, err := os.Stat(h.Dump())
	require.NoError(t, err)
	data[len(data)/2] ^= 1 // a bit that went bad on the disk
	require.NoError(t, os.WriteFile(h.Dump(), data, 0o600))
	require.NoError(t, os.Chtimes(h.Dump(), time.Time{}, info.ModTime()))
	words := resurrect()
	assert.Contains(t, words, "corrupt")
	assert.Contains(t, words, h.Dump()+".bak")
	assert.Len(t, list(t, c), 2, "the generation before")
}

func TestEventsAndOutputStream(t *testing.T) {
	h, c := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines, err := c.Follow(ctx, "", "talk")
	require.NoError(t, err)
	got := make(chan app.Line, 100)
	go func() { // ends with ctx
		defer close(got)
		for l, err := range lines {
			if err != nil {
				return
			}
			got <- l
		}
	}()
	talk := sleeper("talk")
	talk.Script, talk.Args = "/bin/sh", []string{"-c", "echo one; echo two >&2; exec sleep 1000"}
	talk.OutFile, talk.ErrorFile = filepath.Join(h.Logs(), "talk-out.log"), filepath.Join(h.Logs(), "talk-error.log")
	start(t, c, sleeper("quiet"), talk)
	texts := map[string]app.Stream{}
	for len(texts) < 2 {
		l := <-got
		texts[l.Text] = l.Stream
		assert.Equal(t, "talk", l.Name)
	}
	assert.Equal(t, map[string]app.Stream{"one": app.Out, "two": app.Err}, texts)

	events, err := c.Events(ctx, 1)
	require.NoError(t, err)
	for e, err := range events {
		require.NoError(t, err)
		assert.Greater(t, e.Seq, uint64(1), "after the one that was asked for")
		break
	}
	cancel()
	for range got { //nolint:revive // until it ends
	}
}
