//go:build unix

package hot

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func itoa(n int) string { return strconv.Itoa(n) }

var unhandled = outcome{}

func TestListPrintsWhatTheDaemonRendered(t *testing.T) {
	dir := shortDir(t)
	var asked string
	serve(t, dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.Host + " " + r.URL.String()
		w.Header().Set("Weaver-Exit", "3")
		w.Header().Set("Weaver-Err", "5")
		w.Header().Set("Content-Length", "11")
		w.Write([]byte("oops\ntable\n"))
	}))
	got := call(t, dir, nil, "ls", "-m", "--no-cache")
	assert.Equal(t, outcome{"table\n", "oops\n", 3, true}, got)
	assert.Equal(t, "GET weaver /v1/hot/list?w=0&c=0&p=weaver&f=mini-list", asked)
}

// A daemon of another version says which in its answers, and then one line is added, whatever is asked.
func TestAnotherVersionIsTold(t *testing.T) {
	for version, told := range map[string]string{"1.2.3": "", "1.2.4": "weaver: the supervisor is weaver 1.2.4 and this is 1.2.3: `weaver update` brings them together\n"} {
		dir := shortDir(t)
		serve(t, dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Weaver-Version", version)
			w.Header().Set("Weaver-Exit", "0")
			w.Header().Set("Content-Length", "6")
			w.Write([]byte("table\n"))
		}))
		for _, words := range [][]string{{"list"}, {"restart", "web"}} {
			assert.Equal(t, outcome{"table\n", told, 0, true}, call(t, dir, nil, words...))
		}
	}
}

func TestArgumentsAreEscapedAndPersonaIsSent(t *testing.T) {
	dir := shortDir(t)
	var args []string
	var persona string
	serve(t, dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		args, persona = r.URL.Query()["a"], r.URL.Query().Get("p")
		w.Header().Set("Weaver-Exit", "0")
		w.Header().Set("Content-Length", "0")
	}))
	got := callAs(t, "/usr/bin/pm2", dir, nil, "id", "a&b=c%20d é+#?")
	assert.Equal(t, outcome{"", "", 0, true}, got)
	assert.Equal(t, []string{"a&b=c%20d é+#?"}, args)
	assert.Equal(t, "pm2", persona)
}

func TestVersionAndHelpNeedNoDaemon(t *testing.T) {
	for _, word := range []string{"-v", "-V", "--version"} {
		assert.Equal(t, outcome{"1.2.3\n", "", 0, true}, call(t, "/nowhere", nil, word))
		assert.Equal(t, outcome{"7.0.4\n", "", 0, true}, callAs(t, "pm2", "/nowhere", nil, word), "the PM2 that it stands in for")
		assert.Equal(t, unhandled, callAs(t, "pm2-runtime", "/nowhere", nil, word))
	}
	for _, word := range []string{"-h", "--help", "help"} {
		got := call(t, "/nowhere", nil, word)
		assert.True(t, got.handled)
		assert.Equal(t, help, got.out)
		assert.Contains(t, got.out, "Usage: weaver")
	}
}

func TestColour(t *testing.T) {
	for _, c := range []struct {
		env     string
		tty, no bool
		want    bool
	}{
		{"", true, false, true},
		{"", false, false, false},
		{"", true, true, false},
		{"NO_COLOR=1", true, false, false},
		{"NO_COLOR=", true, false, true},
		{"TERM=dumb", true, false, false},
		{"CLICOLOR=0", true, false, false},
		{"FORCE_COLOR=1", false, false, true},
		{"FORCE_COLOR=0", true, false, false},
		{"FORCE_COLOR=false", true, false, false},
		{"FORCE_COLOR=1", false, true, false},
		{"CLICOLOR_FORCE=1", false, false, true},
		{"CLICOLOR_FORCE=0", false, false, false},
	} {
		tr := try{env: []string{c.env}}
		assert.Equal(t, c.want, tr.colour(c.tty, c.no), "%+v", c)
	}
}

func TestLastValueOfAVariableCounts(t *testing.T) {
	tr := try{env: []string{"A=1", "AB=2", "A=3", "A"}}
	assert.Equal(t, "3", tr.getenv("A"))
	assert.Equal(t, "", tr.getenv("B"))
}

// Whatever is odd before anything was printed is for the full front end.
func TestOddAnswersAreNotHandled(t *testing.T) {
	good := answer("0", "0", "table\n")
	require.True(t, func() bool {
		dir := shortDir(t)
		script(t, dir, good)
		return call(t, dir, nil, "list").handled
	}(), "the good answer must be one")
	for name, text := range map[string]string{
		"nothing":               "",
		"not a status line":     "SSH-2.0-OpenSSH\r\n\r\n",
		"another status":        strings.Replace(good, "200", "501", 1),
		"informational":         "HTTP/1.1 100 Continue\r\n\r\n" + good,
		"no exit code":          strings.Replace(good, "Weaver-Exit", "X-Exit", 1),
		"exit code too big":     strings.Replace(good, "Exit: 0", "Exit: 256", 1),
		"negative exit code":    strings.Replace(good, "Exit: 0", "Exit: -1", 1),
		"two exit codes":        strings.Replace(good, "Weaver-Err: 0", "Weaver-Exit: 0", 1),
		"two lengths":           strings.Replace(good, "Weaver-Err: 0", "Content-Length: 6", 1),
		"no length":             strings.Replace(good, "Content-Length", "X-Length", 1),
		"length beyond 64 bits": strings.Replace(good, "Length: 6", "Length: 99999999999999999999", 1),
		"length beyond reason":  strings.Replace(good, "Length: 6", "Length: 9999999999", 1),
		"more errors than body": strings.Replace(good, "Err: 0", "Err: 7", 1),
		"chunked":               strings.Replace(good, "Weaver-Err: 0", "Transfer-Encoding: chunked", 1),
		"compressed":            strings.Replace(good, "Weaver-Err: 0", "Content-Encoding: gzip", 1),
		"short body":            good[:len(good)-1],
		"short head":            good[:30],
		"bare line feeds":       strings.ReplaceAll(good, "\r\n", "\n"),
		"folded header":         strings.Replace(good, "Weaver-Err: 0", " Weaver-Err: 0", 1),
		"escape in header":      strings.Replace(good, "Weaver-Err: 0", "X: \x1b[2J", 1),
		"endless head":          "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20_000),
		"endless line":          "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			script(t, dir, text)
			assert.Equal(t, unhandled, call(t, dir, nil, "list"))
		})
	}
}

func TestWithoutDaemonNothingIsHandled(t *testing.T) {
	dir := shortDir(t)
	assert.Equal(t, unhandled, call(t, dir, nil, "list"), "no socket")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "weaver.sock"), nil, 0o600))
	assert.Equal(t, unhandled, call(t, dir, nil, "list"), "a socket that is none")
	assert.Equal(t, unhandled, call(t, dir, nil, "stop", "web"), "a socket that is none")
	assert.Equal(t, unhandled, call(t, "/"+strings.Repeat("x", 120), nil, "list"), "a path too long for a socket")
}

func TestBodyInPiecesAndBeyondTheBuffer(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", bufSize/16*3) + "end"
	dir := shortDir(t)
	serve(t, dir, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Weaver-Exit", "0")
		w.Header().Set("Weaver-Err", itoa(bufSize+1))
		w.Header().Set("Content-Length", itoa(len(long)))
		for i := 0; i < len(long); i += 10_007 {
			w.Write([]byte(long[i:min(i+10_007, len(long))]))
			http.NewResponseController(w).Flush()
		}
	}))
	got := call(t, dir, nil, "jlist")
	assert.True(t, got.handled)
	assert.Equal(t, long[:bufSize+1], got.err)
	assert.Equal(t, long[bufSize+1:], got.out)
}

func TestBodiesAroundTheSizeOfTheBuffer(t *testing.T) {
	for _, size := range []int{bufSize - 100, bufSize - 1, bufSize, bufSize + 1} {
		dir := shortDir(t)
		body := strings.Repeat("0123456789", bufSize/10+1)[:size]
		script(t, dir, answer("0", "0", body))
		got := call(t, dir, nil, "jlist")
		assert.True(t, got.handled && got.out == body, size)
	}
}

func TestBreakInTheMiddleOfALongBodyIsAnError(t *testing.T) {
	dir := shortDir(t)
	whole := answer("0", "0", strings.Repeat("x", 4*bufSize))
	script(t, dir, whole[:3*bufSize])
	got := call(t, dir, nil, "jlist")
	assert.True(t, got.handled)
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.err, "connection to the daemon broke")
	assert.NotEmpty(t, got.out)
}

func TestReaderThatLeavesIsNoError(t *testing.T) {
	for _, size := range []int{100, 8 * bufSize} {
		dir := shortDir(t)
		script(t, dir, answer("0", "0", strings.Repeat("x", size)))
		r, w := pipe(t)
		r.Close()
		tr := try{argv: []string{"weaver", "jlist"}, env: []string{"WEAVER_HOME=" + dir}, stdout: int(w.Fd()), stderr: int(w.Fd()), patience: patience}
		code, handled := tr.run()
		assert.True(t, handled)
		assert.Zero(t, code)
	}
}

// A daemon that hangs keeps nobody waiting for ever: these tests end.
func TestSilentDaemonIsNotHandled(t *testing.T) {
	dir := shortDir(t)
	release := make(chan struct{})
	serve(t, dir, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer close(release)
	for _, words := range [][]string{{"list"}, {"stop", "web"}} {
		assert.Equal(t, unhandled, callWith(t, 20*time.Millisecond, "weaver", dir, nil, words...), words)
	}
}

func TestDrippingDaemonIsNotHandled(t *testing.T) {
	dir := shortDir(t)
	l, err := net.Listen("unix", filepath.Join(dir, "weaver.sock"))
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { // ends when the front end has gone
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		text := strings.TrimSuffix(answer("0", "0", strings.Repeat("y", 1000)), strings.Repeat("y", 1000))
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for err == nil {
			_, err = c.Write([]byte(text))
			text = "y"
			<-tick.C
		}
	}()
	defer func() { l.Close(); <-done }()
	// A body of a second, of which each byte comes in time.
	assert.Equal(t, unhandled, callWith(t, 200*time.Millisecond, "weaver", dir, nil, "list"))
}
