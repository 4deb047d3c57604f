//go:build linux

package daemon

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/app"
	"weaver/config"
)

// Groups that nobody has.
const (
	readers   = 47101
	operators = 47102
	admins    = 47103
	others    = 47104
)

// guest is another user, of some groups.
type guest struct {
	t      *testing.T
	exe    string
	socket string
	groups []uint32
	in     io.WriteCloser // of the process that asks
	out    *bufio.Reader
}

// guests returns a way to make some at a daemon's socket.
func guests(t *testing.T, socket string) func(groups ...uint32) *guest {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "wg")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	exe := filepath.Join(dir, "test")
	require.NoError(t, os.WriteFile(exe, self, 0o755))
	all := map[string]*guest{}
	return func(groups ...uint32) *guest {
		g := all[fmt.Sprint(groups)]
		if g == nil {
			g = &guest{t: t, exe: exe, socket: socket, groups: groups}
			all[fmt.Sprint(groups)] = g
		}
		return g
	}
}

// command is the test binary as the guest, in one of its ways.
func (g *guest) command(way string) *exec.Cmd {
	cmd := exec.Command(g.exe)
	cmd.Env, cmd.Dir = append(os.Environ(), way+"="+g.socket), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 47000, Groups: g.groups}}
	return cmd
}

// say sends a request and returns the status, 0 if there is no answer, and the body.
func (g *guest) say(method, path, body string) (int, string) {
	g.t.Helper()
	if g.in == nil {
		cmd := g.command(askAs)
		in, err := cmd.StdinPipe()
		require.NoError(g.t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(g.t, err)
		require.NoError(g.t, cmd.Start())
		g.in, g.out = in, bufio.NewReader(out)
		g.t.Cleanup(func() {
			in.Close()
			assert.NoError(g.t, cmd.Wait())
		})
	}
	request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: weaver\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
	if method == "GET" { // as the thin front end words it
		request = method + " " + path + " HTTP/1.1\r\nHost: weaver\r\n\r\n"
	}
	_, err := fmt.Fprintf(g.in, "%d\n%s", len(request), request)
	require.NoError(g.t, err)
	out, err := framed(g.out)
	require.NoError(g.t, err)
	if len(out) == 0 {
		return 0, ""
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(out)), nil)
	require.NoError(g.t, err, string(out))
	text, err := io.ReadAll(resp.Body)
	require.NoError(g.t, err, string(out))
	return resp.StatusCode, string(text)
}

func perm(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

// shareWith gives the three groups their roles.
func shareWith(t *testing.T, c *api.Client) {
	t.Helper()
	_, err := c.Settings(t.Context(), map[string]string{
		"socket.read": fmt.Sprint(readers), "socket.operate": fmt.Sprint(operators), "socket.admin": fmt.Sprint(admins),
	})
	require.NoError(t, err)
}

func TestEveryRequestHasARole(t *testing.T) {
	for _, r := range (&daemon{}).routes() {
		assert.NotEqual(t, stranger, r.least, "%s: nobody has said who may ask", r.pattern)
	}
	for verb := range hotVerbs {
		assert.Contains(t, hotRoles, verb)
		assert.GreaterOrEqual(t, hotRoles[verb], operator, verb)
	}
	for verb := range serviceReads {
		assert.Contains(t, hotRoles, verb)
	}
	for verb := range serviceVerbs {
		assert.Contains(t, hotRoles, verb)
		assert.GreaterOrEqual(t, hotRoles[verb], operator, verb)
	}
	for verb, least := range hotRoles {
		assert.NotEqual(t, stranger, least, verb)
	}
	assert.Equal(t, administrator, needOfAct(&api.ActRequest{Verb: app.VerbDelete}))
	assert.Equal(t, administrator, needOfAct(&api.ActRequest{Verb: app.VerbRestart, Specs: map[app.ID]app.Spec{0: {}}}))
	assert.Equal(t, administrator, needOfAct(&api.ActRequest{Verb: "new"}))
	assert.Equal(t, administrator, needOfService(api.HotServiceRestart, hotQuery{flags: []string{"state-file=/etc/x"}}))
}

func TestRolesDecideWhatOthersMay(t *testing.T) {
	h, c := serve(t)
	as := guests(t, h.Socket())
	web := sleeper("web")
	web.Env = app.Env{{Name: "API_TOKEN", Value: "hush"}, {Name: "URL", Value: "redis://u:hush@h/"}, {Name: "PLAIN", Value: "yes"}}
	web.Script, web.Args = "/bin/sh", []string{"-c", "exec sleep 1000", "--password", "hush"}
	start(t, c, web, sleeper("other"))
	code, _ := as(readers, operators, admins).say("GET", "/v1/hot/list", "")
	assert.Zero(t, code, "by default nobody else gets in")
	shareWith(t, c)

	spec := `{"specs":[{"name":"evil","script":"/bin/sleep","args":["998"],"interpreter":"none","out_file":"/dev/null","error_file":"/dev/null"}]}`
	for _, ask := range []struct {
		method, path, body string
		least              role
	}{
		{"GET", "/v1/ping", "", reader},
		{"GET", "/v1/processes?spec=1", "", reader},
		{"GET", "/v1/describe", "", reader},
		{"GET", "/v1/recent?id=0", "", reader},
		{"GET", "/metrics", "", reader},
		{"GET", "/v1/hot/list", "", reader},
		{"GET", "/v1/hot/jlist", "", reader},
		{"GET", "/v1/hot/service-health?a=web", "", reader},
		{"POST", "/v1/hot/restart?a=web", "", operator},
		{"POST", "/v1/act", `{"verb":"reset","targets":["web"]}`, operator},
		{"POST", "/v1/flush", `{}`, operator},
		{"POST", "/v1/act", `{"verb":"restart","targets":["other"],"specs":{"1":{"name":"other","script":"/bin/sleep","args":["999"],"interpreter":"none"}}}`, administrator},
		{"POST", "/v1/hot/delete?a=nobody", "", administrator},
		{"POST", "/v1/act", `{"verb":"delete","targets":["nobody"]}`, administrator},
		{"POST", "/v1/hot/service-restart?a=nobody&f=state-file%3D/tmp/x", "", administrator},
		{"POST", "/v1/trigger", `{"target":"nobody","action":"x","inner":true}`, administrator},
		{"GET", "/v1/settings", "", administrator},
		{"POST", "/v1/settings", `{"log.keep":"29"}`, administrator},
		{"POST", "/v1/save", `{}`, administrator},
		{"POST", "/v1/profile?kind=goroutine&ms=0", `{}`, administrator},
		{"POST", "/v1/start", spec, administrator},
	} {
		for gid, has := range map[uint32]role{others: stranger, readers: reader, operators: operator, admins: administrator} {
			code, text := as(others, gid).say(ask.method, ask.path, ask.body)
			if has < ask.least {
				assert.Equal(t, 403, code, "%s %s %s as %v", ask.method, ask.path, ask.body, has)
				assert.Contains(t, text, "user 65534", ask.path)
				assert.Contains(t, text, "needs ", ask.path)
				if has == operator || ask.least == reader { // others may be told the least that anybody needs who asks such things
					assert.Contains(t, text, "needs "+ask.least.String(), ask.path)
				}
				assert.NotContains(t, text, "hush")
				continue
			}
			assert.NotEqual(t, 403, code, "%s %s %s as %v: %s", ask.method, ask.path, ask.body, has, text)
			assert.NotZero(t, code, ask.path)
			if has < administrator {
				assert.NotContains(t, text, "hush", "%s as %v", ask.path, has)
			}
		}
	}
	_, text := as(readers).say("GET", "/v1/hot/jlist", "")
	assert.Contains(t, text, `"PLAIN":"yes"`)
	assert.Contains(t, text, `"API_TOKEN":"***"`)
	_, text = as(readers).say("GET", "/v1/hot/jlist?f=show-secrets", "")
	assert.NotContains(t, text, "hush")
	_, text = as(admins).say("GET", "/v1/hot/jlist", "")
	assert.NotContains(t, text, "hush", "nobody has asked for it")
	_, text = as(admins).say("GET", "/v1/hot/jlist?f=show-secrets", "")
	assert.Contains(t, text, "hush", "who may start anything could read it anyway")
	assert.Equal(t, "hush", list(t, c)[0].Spec.Env[0].Value, "nothing is struck out of the specs themselves")

	log, err := os.ReadFile(h.Audit())
	require.NoError(t, err)
	assert.Contains(t, string(log), `"act":"delete","targets":["nobody"],"failures":1,"error":"refused: user 65534`)
	assert.Contains(t, string(log), `"uid":65534`)
}

func TestAGroupOpensTheHomeAndNothingInIt(t *testing.T) {
	h, c := serve(t)
	as := guests(t, h.Socket())
	require.NoError(t, os.WriteFile(filepath.Join(h.Dir, "left.log"), []byte("hush"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(h.Dir, "left"), 0o755))
	setting(t, c, "socket.read", fmt.Sprint(readers))
	assert.Equal(t, os.FileMode(0o711), perm(t, h.Dir))
	entries, err := os.ReadDir(h.Dir)
	require.NoError(t, err)
	for _, e := range entries {
		if path := filepath.Join(h.Dir, e.Name()); path != h.Socket() {
			assert.Zero(t, perm(t, path)&0o077, path)
		}
	}
	info, err := os.Stat(h.Socket())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o660), info.Mode().Perm(), "one group: others cannot even connect")
	assert.Equal(t, uint32(readers), info.Sys().(*syscall.Stat_t).Gid)
	code, _ := as(readers).say("GET", "/v1/hot/ping", "")
	assert.Equal(t, 200, code)
	code, _ = as(others).say("GET", "/v1/hot/ping", "")
	assert.Zero(t, code)

	setting(t, c, "socket.operate", fmt.Sprint(operators))
	assert.Equal(t, os.FileMode(0o666), perm(t, h.Socket()), "a socket has one group")
	for _, bad := range []string{"there-is-no-such-group", "65534", "-1"} {
		_, err = c.Settings(t.Context(), map[string]string{"socket.read": bad})
		assert.Error(t, err, bad)
	}
	_, err = c.Settings(t.Context(), map[string]string{"socket.read": "", "socket.operate": ""})
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), perm(t, h.Dir))
	assert.Equal(t, os.FileMode(0o600), perm(t, h.Socket()))
}

// What is taken back is taken back at once, from who is in already, and holds for the next daemon.
func TestRolesAreTakenBack(t *testing.T) {
	h, c := serve(t)
	g := guests(t, h.Socket())(readers)
	shareWith(t, c)
	cmd := g.command(sayAs)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out := make(chan string, 1)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = io.WriteString(in, "GET /v1/follow HTTP/1.1\r\nHost: weaver\r\n\r\n")
	require.NoError(t, err)
	first := make([]byte, 12)
	_, err = io.ReadFull(stdout, first)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 200", string(first))
	go func() { // ends with the connection
		rest, _ := io.ReadAll(stdout)
		out <- string(rest)
	}()
	setting(t, c, "socket.read", "")
	select {
	case <-out:
	case <-time.After(60 * time.Second):
		t.Error("who has lost the role reads on")
		cmd.Process.Kill()
	}
	in.Close()
	require.NoError(t, cmd.Wait())
	code, _ := g.say("GET", "/v1/ping", "")
	assert.Equal(t, 403, code)
	s, err := config.LoadSettings(h)
	require.NoError(t, err)
	groups, err := groupsIn(&s)
	require.NoError(t, err)
	assert.Equal(t, map[int]role{operators: operator, admins: administrator}, groups)
}

func TestRefusalsDoNotFillTheAuditLog(t *testing.T) {
	var g gate
	now, noted := time.Now(), 0
	for range 500 {
		if _, ok := g.noteRefusal(now); ok {
			noted++
		}
	}
	assert.Equal(t, refusalsNoted, noted)
	missed, ok := g.noteRefusal(now.Add(time.Minute))
	assert.True(t, ok)
	assert.Equal(t, 500-refusalsNoted, missed)
}
