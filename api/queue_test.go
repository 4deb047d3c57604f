package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRequestsWaitForTheirTurn: many at once never open more connections than are meant, and who has no patience leaves.
func TestRequestsWaitForTheirTurn(t *testing.T) {
	var now, most atomic.Int32
	full, open := make(chan struct{}), make(chan struct{})
	d := listenAt(t, filepath.Join(t.TempDir(), "s"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == askedAtOnce {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-open
		pong(w, r)
	}))
	c := &Client{Socket: d.path}
	var wg sync.WaitGroup
	for range 3 * askedAtOnce {
		wg.Go(func() {
			_, err := c.Ping(t.Context())
			assert.NoError(t, err)
		})
	}
	<-full
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Ping(ctx)
	assert.ErrorIs(t, err, context.Canceled)
	close(open)
	wg.Wait()
	assert.EqualValues(t, askedAtOnce, most.Load())
	c.Close()
}

// TestCloseWaitsForAnswers, but not for what is followed.
func TestCloseWaitsForAnswers(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	d := listenAt(t, filepath.Join(t.TempDir(), "s"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == PathEvents {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		close(asked)
		<-answer
		pong(w, r)
	}))
	c := &Client{Socket: d.path}
	ctx, stop := context.WithCancel(t.Context())
	rc, err := c.follow(ctx, PathEvents, nil)
	require.NoError(t, err)
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.Ping(t.Context())
		assert.NoError(t, err)
		done.Store(true)
	})
	<-asked
	closed := make(chan bool)
	go func() { c.Close(); closed <- done.Load() }() // ends when it has told
	select {
	case <-closed:
		t.Fatal("it did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(answer)
	<-closed
	wg.Wait()
	assert.Empty(t, c.pool.idle)
	stop() // it goes on until then
	_, err = io.Copy(io.Discard, rc)
	assert.Error(t, err)
	rc.Close()
}

// TestIdleConnectionsAreClosed after a minute.
func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pool
		defer p.close()
		idle := func() int {
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			return len(p.idle)
		}
		a, far := net.Pipe()
		b, other := net.Pipe()
		defer far.Close()
		defer other.Close()
		p.put(&wire{Conn: a})
		time.Sleep(idleTime / 2)
		p.put(&wire{Conn: b})
		time.Sleep(idleTime/2 + time.Second)
		assert.Equal(t, 1, idle(), "the younger one")
		_, err := far.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF)
		time.Sleep(idleTime)
		assert.Zero(t, idle())
	})
}
