//go:build unix

package hot

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/lock"
)

const resolved = "HTTP/1.1 200 OK\r\nWeaver-Exit: 0\r\nWeaver-Err: 0\r\nContent-Length: 8\r\n\r\nweb\napi\n"

func TestActLocksTheAppsAndSendsTheLocks(t *testing.T) {
	dir := shortDir(t)
	s := script(t, dir, resolved, answer("1", "4", "bad\ntable\n"))
	got := call(t, dir, nil, "restart", "web", "api", "-m")
	assert.Equal(t, outcome{"table\n", "bad\n", 1, true}, got)
	asked := s.requests()
	require.Len(t, asked, 2)
	assert.True(t, strings.HasPrefix(asked[0], "GET /v1/hot/resolve?a=web&a=api HTTP/1.1\r\n"), asked[0])
	assert.True(t, strings.HasPrefix(anonymous(asked[1]), "POST /v1/hot/restart?a=web&a=api&w=0&c=0&p=weaver&f=mini-list HTTP/1.1\r\n"), asked[1])
	assert.Contains(t, asked[1], "Content-Length: 0\r\n")
	assert.Equal(t, 2, s.fds)
	for _, name := range []string{"api", "web"} {
		l, err := lock.Try(filepath.Join(dir, "locks", name+".lock"), lock.Holder{})
		require.NoError(t, err, "the lock is free again")
		require.NoError(t, l.Release())
	}
	info, err := os.Stat(filepath.Join(dir, "locks"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

// anonymous is a request without the id of its operation, which is another one each time.
func anonymous(asked string) string {
	return regexp.MustCompile(`&o=[0-9a-z-]+`).ReplaceAllString(asked, "")
}

// madeLocks leaves the files of locks as earlier commands do.
func madeLocks(t *testing.T, dir string, apps ...string) {
	require.NoError(t, os.Mkdir(filepath.Join(dir, "locks"), 0o700))
	for _, a := range apps {
		l, err := lock.Try(filepath.Join(dir, "locks", LockName(a)+".lock"), lock.Holder{})
		require.NoError(t, err)
		require.NoError(t, l.Release())
	}
}

// One request is all that the usual case costs.
func TestNamesThatHadLocksBeforeAreLockedAndSentAtOnce(t *testing.T) {
	dir := shortDir(t)
	madeLocks(t, dir, "web", "api")
	s := script(t, dir, answer("0", "0", "done\n"))
	assert.Equal(t, outcome{"done\n", "", 0, true}, call(t, dir, nil, "restart", "web", "api", "web"))
	asked := s.requests()
	require.Len(t, asked, 1)
	assert.True(t, strings.HasPrefix(anonymous(asked[0]), "POST /v1/hot/restart?a=web&a=api&a=web&w=0&c=0&p=weaver&l=1 HTTP/1.1\r\n"), asked[0])
	assert.Equal(t, 2, s.fds)
}

func TestArgumentsThatMeanOtherAppsAreResolvedAndLockedAnew(t *testing.T) {
	dir := shortDir(t)
	madeLocks(t, dir, "group")
	s := script(t, dir, "HTTP/1.1 409 not hot\r\nContent-Length: 0\r\n\r\n", resolved, answer("0", "0", "done\n"))
	assert.Equal(t, outcome{"done\n", "", 0, true}, call(t, dir, nil, "stop", "group"))
	asked := s.requests()
	require.Len(t, asked, 3)
	assert.True(t, strings.HasPrefix(asked[1], "GET /v1/hot/resolve?a=group HTTP/1.1\r\n"), asked[1])
	assert.True(t, strings.HasPrefix(anonymous(asked[2]), "POST /v1/hot/stop?a=group&w=0&c=0&p=weaver HTTP/1.1\r\n"), asked[2])
	assert.Equal(t, 3, s.fds, "group; web and api")
}

func TestHeldLockIsWaitedForOnlyOnceItIsKnownToBeTheRightOne(t *testing.T) {
	dir := shortDir(t)
	madeLocks(t, dir, "web")
	l, err := lock.Try(filepath.Join(dir, "locks", "web.lock"), lock.Holder{})
	require.NoError(t, err)
	s := &scripted{}
	serve(t, dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("l"))
		s.mu.Unlock()
		w.Header().Set("Weaver-Exit", "0")
		if r.Method == http.MethodGet {
			w.Write([]byte("web\n"))
			require.NoError(t, l.Release())
		}
	}))
	assert.Equal(t, outcome{"", "", 0, true}, call(t, dir, nil, "stop", "web"))
	assert.Equal(t, []string{"GET /v1/hot/resolve ", "POST /v1/hot/stop "}, s.requests())
}

func TestUnknownNamesLeaveNoLocksBehind(t *testing.T) {
	dir := shortDir(t)
	madeLocks(t, dir)
	script(t, dir, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	assert.Equal(t, unhandled, call(t, dir, nil, "stop", "typo"))
	entries, err := os.ReadDir(filepath.Join(dir, "locks"))
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// The daemon keeps what it was sent: the lock must not be free because the front end is done with it.
func TestReleaseLeavesTheDaemonsCopyLocked(t *testing.T) {
	dir := shortDir(t)
	tr := try{home: homeAt(dir), argv: []string{"weaver", "stop", "web"}}
	held, err := tr.lock([]string{"web"}, time.Minute)
	require.NoError(t, err)
	copied := dup(t, held[0].FD())
	release(held)
	path := filepath.Join(dir, "locks", "web.lock")
	_, err = lock.Try(path, lock.Holder{})
	require.ErrorIs(t, err, lock.ErrHeld)
	closeFD(t, copied)
	l, err := lock.Try(path, lock.Holder{})
	require.NoError(t, err)
	require.NoError(t, l.Release())
}

func TestHeldLockNamesTheHolder(t *testing.T) {
	dir := shortDir(t)
	script(t, dir, resolved)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "locks"), 0o700))
	l, err := lock.Acquire(context.Background(), filepath.Join(dir, "locks", "web.lock"),
		lock.Holder{PID: 4711, Command: "weaver reload web", Since: time.Now()})
	require.NoError(t, err)
	defer l.Release()
	got := call(t, dir, []string{"WEAVER_LOCK_TIMEOUT=1"}, "stop", "web")
	assert.True(t, got.handled)
	assert.Equal(t, 1, got.code)
	assert.Empty(t, got.out)
	assert.Contains(t, got.err, "weaver: cannot lock web: held by pid 4711 (weaver reload web) since ")
	assert.Contains(t, got.err, "; waited 1ms\nhint: ")
	free, err := lock.Try(filepath.Join(dir, "locks", "api.lock"), lock.Holder{})
	require.NoError(t, err, "the lock that it got before is free again")
	require.NoError(t, free.Release())
}

func TestNoLockAsksAtOnce(t *testing.T) {
	dir := shortDir(t)
	s := script(t, dir, answer("0", "0", "done\n"))
	assert.Equal(t, outcome{"done\n", "", 0, true}, call(t, dir, nil, "stop", "web", "--no-lock"))
	assert.Len(t, s.requests(), 1)
	assert.Zero(t, s.fds)
}

// A daemon that dies is asked again under the same id, when another one answers. If none does the full front end goes on.
func TestOperationIsAskedForAgainUnderTheSameId(t *testing.T) {
	for name, first := range map[string]string{
		"no answer":   "",
		"half a head": "HTTP/1.1 200 OK\r\nWeaver-",
		"half a body": strings.TrimSuffix(answer("0", "0", "done\n"), "e\n"),
	} {
		t.Run(name, func(t *testing.T) {
			id := func(text string) string {
				_, rest, _ := strings.Cut(text, "&o=")
				id, _, _ := strings.Cut(strings.ReplaceAll(rest, "&", " "), " ")
				return id
			}
			dir := shortDir(t)
			s := scripts(t, dir, []string{resolved, first}, []string{answer("0", "0", "pong\n"), answer("0", "0", "done\n")})
			assert.Equal(t, outcome{"done\n", "", 0, true}, call(t, dir, nil, "stop", "web"))
			asked := s.requests()
			require.Len(t, asked, 4)
			assert.NotEmpty(t, id(asked[1]))
			assert.Equal(t, id(asked[1]), id(asked[3]))

			dir = shortDir(t)
			s = scripts(t, dir, []string{resolved, first})
			code, handled, rest := Try("", []string{"weaver", "stop", "web"}, []string{"WEAVER_HOME=" + dir})
			assert.Zero(t, code)
			assert.False(t, handled)
			assert.Equal(t, []string{"WEAVER_HOME=" + dir, OpEnv + "=" + id(s.requests()[1])}, rest)
		})
	}
}

func TestOddAnswerToAChangeIsNoSuccess(t *testing.T) {
	for name, second := range map[string]string{
		"nonsense":       "what?\r\n\r\n",
		"no exit code":   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"errors too big": strings.Replace(answer("0", "0", "done\n"), "Err: 0", "Err: 9", 1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			s := script(t, dir, resolved, second)
			got := call(t, dir, nil, "stop", "web")
			assert.True(t, got.handled)
			assert.Equal(t, 1, got.code)
			assert.Contains(t, got.err, "the connection to the daemon broke\nhint: ")
			assert.Len(t, s.requests(), 2)
		})
	}
}

// What changes something may take as long as it takes: stopping a service can.
func TestSlowOperationIsWaitedFor(t *testing.T) {
	dir := shortDir(t)
	const patience = time.Second
	serve(t, dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			<-time.After(patience + patience/4)
		}
		w.Header().Set("Weaver-Exit", "0")
		w.Header().Set("Content-Length", "0")
	}))
	assert.Equal(t, outcome{"", "", 0, true}, callWith(t, patience, "weaver", dir, nil, "stop", "web"))
}

func TestWhatIsNotHotForTheDaemonIsNotHandled(t *testing.T) {
	no := "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n"
	for name, answers := range map[string][]string{
		"cannot resolve":      {no},
		"resolve with errors": {strings.Replace(resolved, "Exit: 0", "Exit: 1", 1)},
		"resolve and close":   {strings.Replace(resolved, "Weaver-Err: 0", "Connection: close", 1)},
		"more than asked for": {resolved + answer("0", "0", "forged"), answer("0", "0", "")},
		"cannot act":          {resolved, no},
		"too many apps":       {manyApps(maxRights + 1)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			script(t, dir, answers...)
			assert.Equal(t, unhandled, call(t, dir, nil, "stop", "web"))
		})
	}
}

func TestAsManyLocksAsOneMessageTakes(t *testing.T) {
	dir := shortDir(t)
	s := script(t, dir, manyApps(maxRights), answer("0", "0", ""))
	assert.Equal(t, outcome{"", "", 0, true}, call(t, dir, nil, "stop", "all"))
	assert.Equal(t, maxRights, s.fds)
}

func manyApps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("app" + strconv.Itoa(i) + "\n")
	}
	return answer("0", "0", b.String())
}

func TestLockSettingsAreForTheFullFrontEnd(t *testing.T) {
	for _, c := range []struct{ settings, env string }{
		{`{"lock.enabled":"false"}`, ""},
		{strings.Repeat(" ", 5000), ""},
		{"", "WEAVER_LOCK_TIMEOUT=soon"},
		{"", "WEAVER_LOCK_TIMEOUT=-1"},
	} {
		dir := shortDir(t)
		script(t, dir, resolved, answer("0", "0", ""))
		if c.settings != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "settings.json"), []byte(c.settings), 0o600))
		}
		assert.Equal(t, unhandled, call(t, dir, []string{c.env}, "stop", "web"), "%.30q", c)
	}
	dir := shortDir(t)
	script(t, dir, resolved, answer("0", "0", ""))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "settings.json"), []byte(`{"logs.max-size":"1M"}`), 0o600))
	assert.True(t, call(t, dir, nil, "stop", "web").handled, "other settings don't matter")
}

func TestLocksThatCannotBeMadeAreForTheFullFrontEnd(t *testing.T) {
	dir := shortDir(t)
	script(t, dir, resolved)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "locks"), nil, 0o600))
	assert.Equal(t, unhandled, call(t, dir, nil, "stop", "web"))
}

func TestNames(t *testing.T) {
	assert.Equal(t, []string{"a", "b"}, names("b\na\n\nb"))
	assert.Empty(t, names("\n"))
}
