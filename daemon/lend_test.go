//go:build unix

package daemon

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/config/home"
)

// frontWords is a request's body.
func frontWords(t *testing.T, version, dir string, argv, env []string) string {
	var st syscall.Stat_t
	require.NoError(t, syscall.Stat(dir, &st))
	fields := append([]string{version, dir, strconv.FormatUint(uint64(st.Dev), 10), strconv.FormatUint(st.Ino, 10), "80", "", identity(self(t)), strconv.Itoa(len(argv))}, argv...)
	return strings.Join(append(fields, env...), "\x00") + "\x00"
}

// self is a file that there is.
func self(t *testing.T) string {
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

// borrow sends a command line, and returns the connection after the head of the answer.
func borrow(t *testing.T, h home.Home, body string) (net.Conn, *bufio.Reader, int) {
	c, err := net.Dial("unix", h.Socket())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(c, "POST /v1/front?o=id. HTTP/1.1\r\nHost: weaver\r\nConnection: Upgrade\r\nUpgrade: weaver-front\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return c, r, 0
	}
	return c, r, resp.StatusCode
}

// said reads frames until the last: "1 text", "2 text", "x code"; "cut" where the connection ends before that.
func said(r *bufio.Reader) (frames []string) {
	for {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return append(frames, "cut")
		}
		n := binary.BigEndian.Uint32(head[1:])
		if head[0] == 'x' {
			return append(frames, fmt.Sprintf("x %d", n))
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(r, text); err != nil {
			return append(frames, "cut")
		}
		frames = append(frames, string(head[0])+" "+string(text))
	}
}

// lending runs a daemon with a front end.
func lending(t *testing.T, front func(context.Context, FrontEnd) (int, bool)) home.Home {
	t.Helper()
	dir, err := os.MkdirTemp("", "wd")
	require.NoError(t, err)
	h := home.Home{Dir: dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	restartWith(t, Options{Home: h, Version: "test", FrontEnd: front})
	return h
}

func TestFrontEndIsLent(t *testing.T) {
	var got FrontEnd
	h := lending(t, func(ctx context.Context, f FrontEnd) (int, bool) {
		got = f
		f.Begin()
		fmt.Fprint(f.Stdout, "out")
		fmt.Fprint(f.Stderr, "err")
		client := &api.Client{Dial: f.Dial}
		defer client.Close()
		ping, err := client.Ping(ctx)
		if err != nil || ping.Version != "test" {
			return 1, true
		}
		start(t, client, sleeper("inner"))
		return 3, true
	})
	_, r, status := borrow(t, h, frontWords(t, "test", "/tmp", []string{"weaver", "start", "x"}, []string{"A=b", "C="}))
	assert.Equal(t, http.StatusSwitchingProtocols, status)
	assert.Equal(t, []string{"1 out", "2 err", "x 3"}, said(r))
	assert.Equal(t, []string{"weaver", "start", "x"}, got.Argv)
	assert.Equal(t, []string{"A=b", "C="}, got.Environ)
	assert.Equal(t, "/tmp", got.Cwd)
	assert.Equal(t, os.Getpid(), got.PID)
	assert.Equal(t, "id.", got.Op)
	assert.Equal(t, []any{80, true, false}, []any{got.Columns, got.Terminal, got.ErrTerminal})
	assert.Equal(t, []bool{true, false, false}, []bool{got.Same(self(t)), got.Same("/tmp"), got.Same("/nothing")})
}

func TestFrontEndIsNotLent(t *testing.T) {
	h := lending(t, func(_ context.Context, f FrontEnd) (int, bool) {
		if len(f.Argv) > 1 {
			t.Error("it was asked for that of somebody else")
		}
		return 0, false
	})
	argv := []string{"weaver", "list"}
	for name, body := range map[string]string{
		"another version":    frontWords(t, "other", "/tmp", argv, nil),
		"another directory":  strings.Replace(frontWords(t, "test", "/tmp", argv, nil), "/tmp", "/usr", 1),
		"nothing":            "",
		"no end":             "test\x00/tmp",
		"more than there is": "test\x00/tmp\x001\x001\x00\x00\x00\x009\x00weaver\x00",
		"not for it":         frontWords(t, "test", "/tmp", argv[:1], nil),
	} {
		_, _, status := borrow(t, h, body)
		assert.Equal(t, http.StatusNotImplemented, status, name)
	}
}

// A fault in a command ends the command, not the supervisor, and nobody is told that it went well.
func TestLentFrontEndThatPanicsIsCutOff(t *testing.T) {
	h := lending(t, func(_ context.Context, f FrontEnd) (int, bool) {
		f.Begin()
		fmt.Fprint(f.Stdout, "out")
		panic("on purpose")
	})
	_, r, _ := borrow(t, h, frontWords(t, "test", "/tmp", []string{"weaver", "list"}, nil))
	assert.Equal(t, []string{"1 out", "cut"}, said(r))
	client := &api.Client{Socket: h.Socket()}
	defer client.Close()
	_, err := client.Ping(t.Context())
	require.NoError(t, err)
}

func TestLentFrontEndEndsWithItsCaller(t *testing.T) {
	left := make(chan struct{})
	h := lending(t, func(ctx context.Context, f FrontEnd) (int, bool) {
		f.Begin()
		<-ctx.Done()
		close(left)
		return 130, true
	})
	c, _, _ := borrow(t, h, frontWords(t, "test", "/tmp", []string{"weaver", "start", "x"}, nil))
	c.Close()
	<-left
}

// Who has not waited for the answer has asked somebody else.
func TestNothingIsDoneForWhoHasLeft(t *testing.T) {
	gone, ran := make(chan struct{}), make(chan bool, 1)
	h := lending(t, func(_ context.Context, f FrontEnd) (int, bool) {
		<-gone
		begun := f.Begin()
		ran <- begun
		return 0, begun
	})
	body := frontWords(t, "test", "/tmp", []string{"weaver", "start", "x"}, nil)
	c, err := net.Dial("unix", h.Socket())
	require.NoError(t, err)
	fmt.Fprintf(c, "POST /v1/front?o=id. HTTP/1.1\r\nHost: weaver\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(t, c.Close())
	close(gone)
	assert.False(t, <-ran)
}

func FuzzFront(f *testing.F) {
	f.Add([]byte("test\x00/tmp\x001\x001\x0080\x001\x001:2 3:4 \x002\x00weaver\x00list\x00A=b\x00"))
	f.Add([]byte("test\x00/\x00\x00\x00\x00\x00\x00999999999999\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		front, err := parseFront(body, "test")
		if err == nil && len(front.Argv) == 0 {
			t.Fatal("a command line has a name")
		}
	})
}
