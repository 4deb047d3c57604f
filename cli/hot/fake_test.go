//go:build unix

package hot

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outcome is what a command line came to.
type outcome struct {
	out, err string
	code     int
	handled  bool
}

// shortDir is a directory whose path leaves room for a socket's name: t.TempDir has the test's name in it.
func shortDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "hot")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// hangs is the patience of tests: a busy machine must not look like a daemon that hangs.
const hangs = 30 * time.Second

// call runs words in the home dir, with what both outputs got.
func call(t testing.TB, dir string, env []string, words ...string) outcome {
	return callAs(t, "weaver", dir, env, words...)
}

func callAs(t testing.TB, argv0, dir string, env []string, words ...string) outcome {
	t.Helper()
	return callWith(t, hangs, argv0, dir, env, words...)
}

func callWith(t testing.TB, patience time.Duration, argv0, dir string, env []string, words ...string) outcome {
	t.Helper()
	outR, outW := pipe(t)
	errR, errW := pipe(t)
	var o outcome
	var readers sync.WaitGroup
	collect := func(r *os.File, into *string) {
		readers.Go(func() {
			data, _ := io.ReadAll(r)
			*into = string(data)
		})
	}
	collect(outR, &o.out)
	collect(errR, &o.err)
	tr := try{
		version: "1.2.3", argv: append([]string{argv0}, words...),
		env:    append([]string{"WEAVER_HOME=" + dir, "PM2_HOME=" + dir}, env...),
		stdout: int(outW.Fd()), stderr: int(errW.Fd()), patience: patience,
	}
	o.code, o.handled = tr.run()
	outW.Close()
	errW.Close()
	readers.Wait()
	return o
}

func pipe(t testing.TB) (r, w *os.File) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// scripted is a daemon that answers each request, in order, with given bytes, whatever was asked, and then closes.
type scripted struct {
	mu    sync.Mutex
	asked []string // everything that was received, by request
	fds   int      // descriptors that came along
}

func (s *scripted) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// script answers one connection: an answer of "" closes without one.
func script(t testing.TB, dir string, answers ...string) *scripted { return scripts(t, dir, answers) }

// scripts answers so many connections, and then nobody is there any more.
func scripts(t testing.TB, dir string, connections ...[]string) *scripted {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "weaver.sock"), Net: "unix"})
	require.NoError(t, err)
	s := &scripted{}
	done := make(chan struct{})
	go func() { // ends with the listener, or with the connection
		defer close(done)
		for _, answers := range connections {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			s.play(c, answers)
		}
		l.Close()
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return s
}

func (s *scripted) play(c *net.UnixConn, answers []string) {
	defer c.Close()
	for _, a := range answers {
		if !s.receive(c) || a == "" {
			return
		}
		if _, err := c.Write([]byte(a)); err != nil {
			return
		}
	}
}

// receive reads one request, which has no body, and closes the descriptors that come with it.
func (s *scripted) receive(c *net.UnixConn) bool {
	var text []byte
	buf, oob := make([]byte, 32<<10), make([]byte, syscall.CmsgSpace(4*256))
	for {
		n, m, _, _, err := c.ReadMsgUnix(buf, oob)
		if err != nil || n == 0 {
			return false
		}
		messages, _ := syscall.ParseSocketControlMessage(oob[:m])
		for i := range messages {
			fds, _ := syscall.ParseUnixRights(&messages[i])
			s.mu.Lock()
			s.fds += len(fds)
			s.mu.Unlock()
			for _, fd := range fds {
				syscall.Close(fd)
			}
		}
		text = append(text, buf[:n]...)
		if len(text) > 4 && string(text[len(text)-4:]) == "\r\n\r\n" {
			s.mu.Lock()
			s.asked = append(s.asked, string(text))
			s.mu.Unlock()
			return true
		}
	}
}

// serve runs a real HTTP server as the daemon, since that is what the daemon is.
func serve(t testing.TB, dir string, h http.Handler) {
	l, err := net.Listen("unix", filepath.Join(dir, "weaver.sock"))
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
}

// answer is a good answer of the hot door.
func answer(exit, errLen, body string) string {
	return "HTTP/1.1 200 OK\r\nWeaver-Exit: " + exit + "\r\nWeaver-Err: " + errLen + "\r\nContent-Length: " +
		itoa(len(body)) + "\r\n\r\n" + body
}
