package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weaver/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door is a daemon's socket with a handler of the test's, which counts connections.
type door struct {
	*http.Server
	path  string
	conns atomic.Int32
}

func listenAt(t *testing.T, path string, h http.Handler) *door {
	t.Helper()
	d := &door{path: path}
	d.Server = &http.Server{Handler: h, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			d.conns.Add(1)
		}
	}}
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { defer close(done); d.Serve(l) }() // ends with Close
	t.Cleanup(func() { d.Close(); <-done })
	return d
}

func pong(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(Ping{PID: 42})
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	d := listenAt(t, socketPath(t), http.HandlerFunc(pong))
	c := &Client{Socket: d.path}
	defer c.Close()
	for range 50 {
		p, err := c.Ping(t.Context())
		require.NoError(t, err)
		require.Equal(t, 42, p.PID)
	}
	assert.EqualValues(t, 1, d.conns.Load())
}

func TestClientIsSafeForManyAtOnce(t *testing.T) {
	d := listenAt(t, socketPath(t), http.HandlerFunc(pong))
	c := &Client{Socket: d.path}
	defer c.Close()
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			_, err := c.Ping(t.Context())
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, len(c.pool.idle), idleMost)
}

func TestHangUpOfAnIdleConnectionIsNotSeen(t *testing.T) {
	path := socketPath(t)
	d := listenAt(t, path, http.HandlerFunc(pong))
	c := &Client{Socket: path}
	defer c.Close()
	_, err := c.Ping(t.Context())
	require.NoError(t, err)
	d.Close() // the daemon is replaced
	listenAt(t, path, http.HandlerFunc(pong))
	_, err = c.Ping(t.Context())
	assert.NoError(t, err)
}

func TestChangesAreAskedForAgainUnderTheSameId(t *testing.T) {
	var posts, dies atomic.Int32
	var ids sync.Map
	d := listenAt(t, socketPath(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			pong(w, r)
			return
		}
		posts.Add(1)
		ids.Store(r.URL.Query().Get(QueryOp), true)
		if dies.Add(-1) >= 0 {
			panic(http.ErrAbortHandler) // it dies in the middle
		}
		io.WriteString(w, "{}")
	}))
	c := &Client{Socket: d.path}
	defer c.Close()
	_, err := c.Ping(t.Context())
	require.NoError(t, err)
	dies.Store(3)
	_, err = c.Save(t.Context(), false)
	assert.NoError(t, err)
	assert.EqualValues(t, 4, posts.Load())
	n := 0
	ids.Range(func(id, _ any) bool {
		assert.NotEmpty(t, id)
		n++
		return true
	})
	assert.Equal(t, 1, n, "by the same id")

	dies.Store(1000)
	posts.Store(0)
	_, err = c.Save(t.Context(), false)
	assert.ErrorContains(t, err, "went away before it answered", "it may be what kills them")
	assert.EqualValues(t, 1+repeats, posts.Load())
	dies.Store(1000)
	posts.Store(0)
	assert.Error(t, c.Send(t.Context(), 0, ""))
	assert.EqualValues(t, 1, posts.Load(), "what is said to programs is never said twice")
}

func TestErrorsKeepTheirKind(t *testing.T) {
	d := listenAt(t, socketPath(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == PathPing {
			http.Error(w, "boom", http.StatusTeapot)
			return
		}
		e := &Error{Kind: NotFound, Message: "no such thing", Hint: "another"}
		w.WriteHeader(e.Status())
		json.NewEncoder(w).Encode(e)
	}))
	c := &Client{Socket: d.path}
	defer c.Close()
	_, err := c.List(t.Context(), false, "")
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, Error{NotFound, "no such thing", "another"}, *e)
	_, err = c.Ping(t.Context())
	require.ErrorAs(t, err, &e)
	assert.Equal(t, Internal, e.Kind)
	assert.Contains(t, e.Message, "boom")

	_, err = (&Client{Socket: filepath.Join(t.TempDir(), "none")}).Ping(t.Context())
	assert.True(t, IsDown(err), err)
	assert.False(t, IsDown(errors.New("other")))
}

func TestOperationReportsUntilTheEnd(t *testing.T) {
	steps := []app.Progress{{Step: app.StepApplying}, {Step: app.StepOK}, {Step: app.StepEnd}}
	var upTo atomic.Int32
	d := listenAt(t, socketPath(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			pong(w, r)
			return
		}
		for _, p := range steps[:upTo.Load()] {
			json.NewEncoder(w).Encode(p)
			http.NewResponseController(w).Flush()
		}
	}))
	c := &Client{Socket: d.path}
	defer c.Close()
	run := func() (got int, err error) {
		err = c.Act(t.Context(), ActRequest{}, nil, func(app.Progress) { got++ })
		return got, err
	}
	upTo.Store(3)
	n, err := run()
	assert.NoError(t, err)
	assert.Equal(t, 3, n)
	upTo.Store(2)
	n, err = run()
	assert.ErrorContains(t, err, "follow the operation: it went away", "a broken stream is no success")
	assert.Equal(t, 2, n, "each step is told once")
}

func TestStreamsEndWithTheirContext(t *testing.T) {
	d := listenAt(t, socketPath(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; r.Context().Err() == nil; i++ {
			json.NewEncoder(w).Encode(app.Line{Text: fmt.Sprint(i)})
			http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond) // a talkative service
		}
	}))
	c := &Client{Socket: d.path}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines, err := c.Follow(ctx, "", "a")
	require.NoError(t, err)
	n := 0
	for _, err := range lines {
		if err != nil {
			break
		}
		if n++; n == 3 {
			cancel()
		}
	}
	assert.GreaterOrEqual(t, n, 3)
	assert.Empty(t, c.pool.idle, "a connection in the middle of a stream is not used again")
}

// socketPath is where a socket can be: not every path is short enough.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "w")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
