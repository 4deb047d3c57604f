package axon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type handler struct{ block chan struct{} }

func (handler) Methods() []Method {
	return []Method{{"echo", []string{"a", "cb"}}, {"fail", nil}, {"quiet", nil}, {"panic", nil}, {"none", nil}, {"wait", nil}}
}

func (handler) Quick(method string) bool { return method == "echo" }

func (h handler) Call(_ context.Context, c Call) ([]json.RawMessage, error) {
	switch c.Method {
	case "echo":
		return c.Args, nil
	case "fail":
		return nil, errors.New(`no "such" <thing>`)
	case "quiet":
		return nil, ErrNoReply
	case "panic":
		panic("oh")
	case "wait":
		c.Begun()
		<-h.block
	}
	return nil, nil
}

// listen serves on a socket of the test's own, until the test ends.
func listen(t *testing.T, serve func(context.Context, net.Listener) error) string {
	t.Helper()
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l) }() // ends with l
	t.Cleanup(func() {
		cancel()
		l.Close()
		require.NoError(t, <-done)
	})
	return path
}

func dial(t *testing.T, path string) (net.Conn, *Reader) {
	t.Helper()
	c, err := net.Dial("unix", path)
	require.NoError(t, err)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c, NewReader(c)
}

func ask(t *testing.T, c net.Conn, r *Reader, request, id string) string {
	t.Helper()
	_, err := c.Write(frame(t, JSON([]byte(request)), Text(id)))
	require.NoError(t, err)
	m, err := r.Read()
	require.NoError(t, err)
	require.Len(t, m, 2)
	got, _ := TextOf(m[1])
	require.Equal(t, id, got)
	doc, ok := JSONOf(m[0])
	require.True(t, ok)
	return string(doc)
}

func TestCallsAreAnsweredInPM2sShapes(t *testing.T) {
	s := &Server{Handler: handler{}}
	c, r := dial(t, listen(t, s.Serve))
	for request, want := range map[string]string{
		`{"type":"call","method":"echo","args":[1,"two",null]}`: `{"args":[1,"two",null]}`,
		`{"type":"call","method":"none","args":[]}`:             `{"args":[]}`,
		`{"type":"call","method":"nope","args":[]}`:             `{"error":"method \"nope\" does not exist","stack":"Error: method \"nope\" does not exist"}`,
		`{"type":"call","method":"echo"}`:                       `{"error":".args required","stack":"Error: .args required"}`,
		`{"type":"call","args":[]}`:                             `{"error":".method required","stack":"Error: .method required"}`,
		`{"type":"call","method":"fail","args":[]}`:             `{"error":"no \"such\" <thing>","stack":"Error: no \"such\" <thing>"}`,
		`{"type":"call","method":"panic","args":[]}`:            `{"error":"internal error in panic: oh","stack":"Error: internal error in panic: oh"}`,
		`{"type":"what"}`:                                       `{"error":"a request of type \"what\"","stack":"Error: a request of type \"what\""}`,
		`null`:                                                  `{"error":"a request of type \"\"","stack":"Error: a request of type \"\""}`,
		`[1]`:                                                   `{"error":"the request is not a JSON object with a type, a method and args","stack":"Error: the request is not a JSON object with a type, a method and args"}`,
		`{broken`:                                               `{"error":"the request is not a JSON object with a type, a method and args","stack":"Error: the request is not a JSON object with a type, a method and args"}`,
		`{"type":"methods"}`: `{"methods":{"echo":{"name":"echo","params":["a","cb"]},"fail":{"name":"fail","params":[]},"quiet":{"name":"quiet","params":[]},
			"panic":{"name":"panic","params":[]},"none":{"name":"none","params":[]},"wait":{"name":"wait","params":[]}}}`,
	} {
		assert.JSONEq(t, want, ask(t, c, r, request, "1:0"), request)
	}
}

func TestSlowCallsHoldUpNobodyAndQuietOnesAreNotAnswered(t *testing.T) {
	block := make(chan struct{})
	s := &Server{Handler: handler{block}}
	c, r := dial(t, listen(t, s.Serve))
	for _, m := range []string{"wait", "quiet"} {
		_, err := c.Write(frame(t, JSON([]byte(`{"type":"call","method":"`+m+`","args":[]}`)), Text(m)))
		require.NoError(t, err)
	}
	assert.Equal(t, `{"args":[2]}`, ask(t, c, r, `{"type":"call","method":"echo","args":[2]}`, "3"))
	close(block)
	m, err := r.Read()
	require.NoError(t, err)
	assert.Equal(t, Message{JSON([]byte(`{"args":[]}`)), Text("wait")}, m)
}

func TestWhoBreaksTheProtocolIsHungUpOn(t *testing.T) {
	warned := make(chan error, 8)
	s := &Server{Handler: handler{}, Warn: func(err error) { warned <- err }}
	path := listen(t, s.Serve)
	for _, bad := range []string{"GET / HTTP/1.1\r\n\r\n", "\x11\x00\x00\x00\x01a", "\x12\xff\xff\xff\xff", "\x10\x10"} {
		c, r := dial(t, path)
		_, err := c.Write([]byte(bad))
		require.NoError(t, err)
		_, err = r.Read()
		require.Error(t, err, bad)
		require.Error(t, <-warned, bad)
	}
	c, r := dial(t, path) // and the others are served
	assert.Equal(t, `{"args":[]}`, ask(t, c, r, `{"type":"call","method":"none","args":[]}`, "x"))
}

func TestManyClientsAtOnce(t *testing.T) {
	s := &Server{Handler: handler{}}
	path := listen(t, s.Serve)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c, r := dial(t, path)
			for j := range 50 {
				id := fmt.Sprintf("%d:%d", i, j)
				assert.Equal(t, `{"args":["`+id+`"]}`, ask(t, c, r, `{"type":"call","method":"echo","args":["`+id+`"]}`, id))
			}
		})
	}
	wg.Wait()
}

// inTurn notes calls as they begin.
type inTurn struct{ order chan string }

func (inTurn) Quick(string) bool { return false }

func (inTurn) Methods() []Method { return []Method{{"note", nil}} }

func (h inTurn) Call(_ context.Context, c Call) ([]json.RawMessage, error) {
	runtime.Gosched()
	h.order <- string(c.Args[0])
	c.Begun()
	return nil, nil
}

// TestCallsOfAConnectionBeginInTurn: what is asked for first gets the first id.
func TestCallsOfAConnectionBeginInTurn(t *testing.T) {
	const n = 60
	h := inTurn{make(chan string, n)}
	c, r := dial(t, listen(t, (&Server{Handler: h}).Serve))
	for i := range n {
		_, err := c.Write(frame(t, JSON(fmt.Appendf(nil, `{"type":"call","method":"note","args":[%d]}`, i)), Text("x")))
		require.NoError(t, err)
	}
	for i := range n {
		require.Equal(t, fmt.Sprint(i), <-h.order)
		_, err := r.Read()
		require.NoError(t, err)
	}
}

// counted counts what is written to a connection.
type counted struct {
	net.Conn
	writes atomic.Int32
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// counting is a listener that counts.
type counting struct {
	net.Listener
	conns chan *counted
}

func (l counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	in := &counted{Conn: c}
	l.conns <- in
	return in, nil
}

// looks are calls that look for something, and count it.
type looks struct {
	n        *atomic.Int32
	answered *atomic.Int32
	flushed  *flushes
}

// flushes counts, and how much had been written at the last one.
type flushes struct {
	n, written atomic.Int32
	conns      chan *counted
}

func (f *flushes) Flush() {
	f.n.Add(1)
	c := <-f.conns
	f.written.Store(c.writes.Load())
	f.conns <- c
}

func (looks) Quick(string) bool { return true }

func (looks) Methods() []Method { return []Method{{"look", nil}} }

func (h looks) Call(_ context.Context, c Call) ([]json.RawMessage, error) {
	c.Arrival.Once(func() { h.n.Add(1) })
	c.Answered(func() { h.answered.Add(1) })
	c.First(h.flushed)
	return c.Args, nil
}

// TestCallsThatComeTogetherAreAnsweredTogether, each with its own id, as soon as there is nothing more to read; what they find out
// once is found out again for who comes later.
func TestCallsThatComeTogetherAreAnsweredTogether(t *testing.T) {
	var h looks
	h.n, h.answered = &atomic.Int32{}, &atomic.Int32{}
	conns := make(chan *counted, 1)
	h.flushed = &flushes{conns: conns}
	c, r := dial(t, listen(t, func(ctx context.Context, l net.Listener) error {
		return (&Server{Handler: h}).Serve(ctx, counting{l, conns})
	}))
	call := func(i int) []byte {
		return frame(t, JSON(fmt.Appendf(nil, `{"type":"call","method":"look","args":[%d]}`, i)), Text(fmt.Sprint("id", i)))
	}
	const together = 20
	var all []byte
	for i := range together {
		all = append(all, call(i)...)
	}
	late := call(together)
	_, err := c.Write(append(all, late[:len(late)/2]...))
	require.NoError(t, err)
	expect := func(i int) {
		t.Helper()
		m, err := r.Read()
		require.NoError(t, err)
		require.Equal(t, Message{JSON(fmt.Appendf(nil, `{"args":[%d]}`, i)), Text(fmt.Sprint("id", i))}, m)
	}
	for i := range together {
		expect(i)
	}
	in := <-conns
	conns <- in
	require.EqualValues(t, 1, in.writes.Load())
	require.EqualValues(t, 1, h.flushed.n.Load())
	require.Zero(t, h.flushed.written.Load(), "before the answer")
	require.EqualValues(t, 1, h.n.Load())
	_, err = c.Write(late[len(late)/2:])
	require.NoError(t, err)
	expect(together)
	require.EqualValues(t, 2, h.n.Load())
	require.EqualValues(t, 1, h.flushed.written.Load())
	require.Eventually(t, func() bool { return h.answered.Load() == together+1 }, 60*time.Second, time.Millisecond)
}

// full is a listener that cannot accept at first: too many files are open.
type full struct {
	net.Listener
	tries atomic.Int32
}

func (l *full) Accept() (net.Conn, error) {
	if l.tries.Add(1) == 1 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// TestADoorOutlivesAWantOfDescriptors: who waits is served when there are some.
func TestADoorOutlivesAWantOfDescriptors(t *testing.T) {
	s := &Server{Handler: handler{}}
	c, r := dial(t, listen(t, func(ctx context.Context, l net.Listener) error { return s.Serve(ctx, &full{Listener: l}) }))
	assert.Equal(t, `{"args":[7]}`, ask(t, c, r, `{"type":"call","method":"echo","args":[7]}`, "1"))
}

// socketPath is where a socket can be: not every path is short enough.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "w")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
