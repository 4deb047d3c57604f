package health

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weaver/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func portOf(t *testing.T, raw string) int {
	u, err := url.Parse(raw)
	require.NoError(t, err)
	n, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return n
}

// closedPort is one that nobody listens on, and none of those that connections get.
func closedPort(t *testing.T) int {
	t.Helper()
	for {
		port := 10000 + rand.IntN(20000)
		if l, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}

func TestHTTPSaysWhatIsWrong(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
			return
		}
		code, _ := strconv.Atoi(r.URL.Path[1:])
		w.WriteHeader(code)
	}))
	defer s.Close()
	defer close(hang)
	check := func(u string) error {
		return Check(t.Context(), &app.Probe{Kind: app.ProbeHTTP, URL: u, Timeout: app.Duration(2 * time.Second)}, &Target{})
	}
	require.NoError(t, check(s.URL+"/204"))
	var degraded *Degraded
	require.ErrorAs(t, check(s.URL+"/302"), &degraded)
	require.ErrorAs(t, check(s.URL+"/404"), &degraded)
	require.EqualError(t, degraded, "status 404 Not Found")
	err := check(s.URL + "/500")
	require.EqualError(t, err, "status 500 Internal Server Error")
	require.False(t, errors.As(err, new(*Degraded)))
	require.EqualError(t, check("http://127.0.0.1:"+strconv.Itoa(closedPort(t))+"/"), "connection refused")
	require.EqualError(t, Check(t.Context(), &app.Probe{Kind: app.ProbeHTTP, URL: s.URL + "/hang", Timeout: app.Duration(20 * time.Millisecond)}, &Target{}),
		"timeout: no answer within 20ms")
}

func TestDNSFailureIsNamed(t *testing.T) {
	require.EqualError(t, cause(&url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: &net.DNSError{Name: "no.invalid", IsNotFound: true}}}),
		"DNS could not resolve the host no.invalid")
}

func TestWhatDoesNotSpeakHTTPIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, "220 smtp\r\n")
				c.Read(make([]byte, 1024)) // the question, or that there is none
			}()
		}
	}()
	err = Check(t.Context(), &app.Probe{Kind: app.ProbeHTTP, URL: "http://" + l.Addr().String() + "/"}, &Target{})
	require.ErrorIs(t, err, ErrNotHTTP)
	require.NoError(t, Check(t.Context(), &app.Probe{Kind: app.ProbeTCP, Port: l.Addr().(*net.TCPAddr).Port}, &Target{}))
	require.EqualError(t, Check(t.Context(), &app.Probe{Kind: app.ProbeTCP, Port: closedPort(t)}, &Target{}), "connection refused")
}

func TestGRPC(t *testing.T) {
	answer := func(status uint64) []byte {
		msg := append([]byte{0x08}, binary.AppendUvarint(nil, status)...)
		return append(append([]byte{0}, binary.BigEndian.AppendUint32(nil, uint32(len(msg)))...), msg...)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		if r.ProtoMajor != 2 || r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("TE") != "trailers" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Trailer", "Grpc-Status")
		switch name := string(body[min(len(body), 7):]); name {
		case "":
			w.Write(answer(1))
		case "down":
			w.Write(answer(2))
		default:
			w.Header().Set("Grpc-Status", "5")
			return
		}
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	check := func(name string) error {
		return Check(t.Context(), &app.Probe{Kind: app.ProbeGRPC, Port: portOf(t, s.URL), Service: name}, &Target{})
	}
	require.NoError(t, check(""))
	require.EqualError(t, check("down"), "gRPC: NOT_SERVING")
	require.EqualError(t, check("nobody"), `gRPC: the service "nobody" is unknown`)
}

func FuzzServingStatus(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 8, 1})
	f.Add([]byte{0, 0, 0, 0, 4, 0x12, 2, 'a', 'b'})
	f.Fuzz(func(_ *testing.T, frame []byte) { _, _ = servingStatus(frame) })
}

func TestExecAndFile(t *testing.T) {
	dir := t.TempDir()
	target := &Target{Dir: dir, Env: []string{"WHO=me", "PATH=" + os.Getenv("PATH")}}
	check := func(p app.Probe) error { return Check(t.Context(), &p, target) }
	require.NoError(t, check(app.Probe{Kind: app.ProbeExec, Command: `test "$WHO" = me && test "$PWD" = ` + dir}))
	require.EqualError(t, check(app.Probe{Kind: app.ProbeExec, Command: "echo first; echo last words >&2; exit 3"}), "command exit status 3: last words")
	require.ErrorContains(t, check(app.Probe{Kind: app.ProbeExec, Command: "sleep 100 & sleep 100", Timeout: app.Duration(20 * time.Millisecond)}), "timeout")

	path := filepath.Join(dir, "beat")
	require.EqualError(t, check(app.Probe{Kind: app.ProbeFile, Path: path}), path+" is not there")
	require.EqualError(t, check(app.Probe{Kind: app.ProbeFile, Path: "beat"}), "beat is not there")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, check(app.Probe{Kind: app.ProbeFile, Path: "beat"}), "it is in the directory of the app")
	require.NoError(t, check(app.Probe{Kind: app.ProbeFile, Path: path, MaxAge: app.Duration(time.Minute)}))
	require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(-time.Hour)))
	require.ErrorContains(t, check(app.Probe{Kind: app.ProbeFile, Path: path, MaxAge: app.Duration(time.Minute)}), "was not written to for 1h")
}

func TestThresholdsTurnLooksIntoChanges(t *testing.T) {
	bad := errors.New("no")
	c := counter{successes: 2, failures: 3}
	var said []string
	for _, err := range []error{bad, nil, bad, nil, nil, nil, bad, bad, nil, bad, bad, bad, bad, bad, bad, nil, nil} {
		switch r, tell := c.count(err); {
		case tell && r.Healthy:
			said = append(said, "well")
		case tell:
			said = append(said, strconv.Itoa(r.Round))
		default:
			said = append(said, "")
		}
	}
	require.Equal(t, []string{"", "", "", "", "well", "", "", "", "", "", "", "1", "", "", "2", "", "well"}, said)
}

func TestListeningPorts(t *testing.T) {
	target := &Target{Ports: func() []int { return []int{80, 443} }}
	require.NoError(t, Check(t.Context(), &app.Probe{Kind: app.ProbeListening}, target))
	require.NoError(t, Check(t.Context(), &app.Probe{Kind: app.ProbeListening, Port: 443}, target))
	require.EqualError(t, Check(t.Context(), &app.Probe{Kind: app.ProbeListening, Port: 81}, target), "it does not listen on port 81")
}

func TestDelayIntervalAndHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &Signs{ready: make(chan struct{}), beat: make(chan struct{}, 1), conn: new(net.UnixConn)}
		began := time.Now()
		var at []time.Duration
		var well []bool
		done := make(chan struct{})
		go func() { // ends with ctx
			defer close(done)
			s.heartbeats(ctx, &app.Probe{Interval: app.Duration(10 * time.Second), Failures: 2}, func(r Report) {
				at, well = append(at, time.Since(began)), append(well, r.Healthy)
			})
		}()
		time.Sleep(5 * time.Second)
		s.said("STATUS=fine\nWATCHDOG=1")
		time.Sleep(26 * time.Second) // overdue at 15 s and 25 s
		s.said("WATCHDOG=1")
		synctest.Wait()
		cancel()
		<-done
		require.Equal(t, []time.Duration{5 * time.Second, 25 * time.Second, 31 * time.Second}, at)
		require.Equal(t, []bool{true, false, true}, well)
	})
}

func TestPollWaitsAndEndsWhenReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Bool
		began := time.Now()
		var at []time.Duration
		time.AfterFunc(7500*time.Millisecond, func() { open.Store(true) })
		p := &app.Probe{Kind: app.ProbeListening, Delay: app.Duration(3 * time.Second), Interval: app.Duration(time.Second), Failures: 2}
		Run(t.Context(), p, &Target{Ports: func() []int {
			if open.Load() {
				return []int{1}
			}
			return nil
		}}, true, func(Report) { at = append(at, time.Since(began)) })
		require.Equal(t, []time.Duration{4 * time.Second, 6 * time.Second, 8 * time.Second}, at)
	})
}

func TestSignsComeOverASocketAndADescriptor(t *testing.T) {
	s, err := NewSigns(socketPath(t), os.Getuid())
	require.NoError(t, err)
	defer s.Close()
	c, err := net.Dial("unixgram", s.Address)
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "READY=1\n")
	require.NoError(t, err)
	require.True(t, s.awaitReady(t.Context()))

	r, w, err := os.Pipe()
	require.NoError(t, err)
	s.ReadyFD = r
	go func() { // ends at once
		w.Write([]byte("x\n"))
		w.Close()
	}()
	require.True(t, s.awaitNewline(t.Context()))
	require.False(t, s.awaitNewline(t.Context()), "it ended without one")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var nobody *Signs
	require.False(t, nobody.awaitReady(ctx))
	nobody.Close()
}

// socketPath is where a socket can be: not every path is short enough.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "w")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
