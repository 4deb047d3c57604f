package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// DialTimeout bounds how long a connection may take: a daemon that accepts nothing is worth an error, not a hang.
	DialTimeout = 5 * time.Second
	// idleTime is how long an unused connection is kept, and idleMost how many.
	idleTime = 60 * time.Second
	idleMost = 8
)

// wire is a connection that speaks HTTP. net/http's transport does the same with three goroutines and a quarter of a
// millisecond of page faults, which every command would pay for.
type wire struct {
	net.Conn
	r    *bufio.Reader
	used time.Time // when it became idle
}

// pool keeps idle connections. The zero value works.
type pool struct {
	mu    sync.Mutex
	idle  []*wire // the longest idle first
	timer *time.Timer
}

// take returns the connection used last, or nil.
func (p *pool) take() *wire {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	w := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return w
}

// put keeps a connection for later, for a while.
func (p *pool) put(w *wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= idleMost {
		w.Close()
		return
	}
	w.used = time.Now()
	p.idle = append(p.idle, w)
	if p.timer == nil {
		p.timer = time.AfterFunc(idleTime, p.expire)
	} else if len(p.idle) == 1 {
		p.timer.Reset(idleTime)
	}
}

// expire closes what was idle for too long, and comes back for the rest.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		if left := idleTime - time.Since(p.idle[0].used); left > 0 {
			p.timer.Reset(left)
			return
		}
		p.idle[0].Close()
		p.idle = p.idle[1:]
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.idle {
		w.Close()
	}
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
	}
}

// do sends one request and returns the body of a good answer, which the caller closes. Only what reads is sent over a
// connection that was idle, where the other side may just be hanging up: it can be asked again.
func (c *Client) do(ctx context.Context, locks []int, method, path string, query url.Values, body []byte) (io.ReadCloser, error) {
	leave, err := c.queue.enter(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon at %s: %w", c.Socket, err)
	}
	rc, err := c.send(ctx, locks, method, path, query, body)
	if err != nil {
		leave()
		return nil, err
	}
	rc.leave = leave
	return rc, nil
}

// follow is do for what has no end of its own.
func (c *Client) follow(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	rc, err := c.do(ctx, nil, http.MethodGet, path, query, nil)
	if err == nil {
		rc.(*answerBody).leave()
	}
	return rc, err
}

func (c *Client) send(ctx context.Context, locks []int, method, path string, query url.Values, body []byte) (*answerBody, error) {
	if method == http.MethodGet {
		for w := c.pool.take(); w != nil; w = c.pool.take() {
			rc, err := c.exchange(ctx, w, method, path, query, body)
			if err == nil || ctx.Err() != nil || isAnswer(err) {
				return rc, err
			}
		}
	}
	dial := c.Dial
	if dial == nil {
		dial = func(ctx context.Context) (net.Conn, error) {
			dialer := net.Dialer{Timeout: DialTimeout}
			return dialer.DialContext(ctx, "unix", c.Socket)
		}
	}
	for began := time.Now(); ; {
		conn, err := dial(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask the daemon at %s: %w", c.Socket, err)
		}
		if len(locks) > 0 {
			conn = withRights(conn, locks)
		}
		rc, err := c.exchange(ctx, &wire{Conn: conn, r: bufio.NewReader(conn)}, method, path, query, body)
		if method != http.MethodGet || !errors.Is(err, errCut) || time.Since(began) > DialTimeout {
			return rc, err
		}
	}
}

// errCut says that the daemon accepted a connection and closed it without an answer: it died. Its successor has the same
// socket, and can be asked the same again.
var errCut = errors.New("it went away before it answered")

func isCut(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isAnswer(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// exchange sends the request and reads the head of the answer. The connection is closed or, when its body has been read
// to the end, kept.
func (c *Client) exchange(ctx context.Context, w *wire, method, path string, query url.Values, body []byte) (*answerBody, error) {
	stop := context.AfterFunc(ctx, func() { w.SetDeadline(time.Unix(1, 0)) }) // wakes whoever reads or writes
	fail := func(err error) (*answerBody, error) {
		stop()
		w.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("ask the daemon at %s: %w", c.Socket, err)
	}
	if _, err := w.Write(request(method, path, query, body)); err != nil {
		if isCut(err) {
			err = errCut
		}
		return fail(err)
	}
	resp, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		if isCut(err) {
			err = errCut
		}
		return fail(err)
	}
	if c.Version != nil {
		c.Version(resp.Header.Get(HeaderVersion))
	}
	rc := &answerBody{body: resp.Body, header: resp.Header, stop: stop, wire: w}
	if !resp.Close {
		rc.pool = &c.pool
	}
	if resp.StatusCode == http.StatusOK {
		return rc, nil
	}
	defer rc.Close()
	return nil, errorOf(resp, rc, method, path)
}

// request words one. The host is one that no web page can name.
func request(method, path string, query url.Values, body []byte) []byte {
	var b bytes.Buffer
	b.WriteString(method)
	b.WriteByte(' ')
	b.WriteString(path)
	if len(query) > 0 {
		b.WriteByte('?')
		b.WriteString(query.Encode())
	}
	b.WriteString(" HTTP/1.1\r\nHost: " + Host + "\r\n")
	if body != nil {
		b.WriteString("Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// answerBody gives the connection back once everything was read.
type answerBody struct {
	body   io.ReadCloser
	header http.Header
	stop   func() bool
	wire   *wire
	pool   *pool  // nil: it is closed
	leave  func() // ends its turn; nil while it has none
	end    bool
	once   sync.Once
}

func (a *answerBody) Read(b []byte) (int, error) {
	n, err := a.body.Read(b)
	a.end = a.end || err == io.EOF
	return n, err
}

// Close may be called more than once.
func (a *answerBody) Close() error {
	a.once.Do(func() {
		if !a.end && a.pool != nil {
			a.skipRest()
		}
		if a.stop() && a.end && a.pool != nil { // not stopped: its deadline has been set
			a.pool.put(a.wire)
		} else {
			a.wire.Close()
		}
		if a.leave != nil {
			a.leave()
		}
	})
	return nil
}

// skipRest reads a little more: after the last line of a stream there is the end of it, which nobody asked for.
func (a *answerBody) skipRest() {
	const little = 4 << 10
	a.wire.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	n, err := io.CopyN(io.Discard, a.body, little)
	a.end = err == io.EOF && n < little
	a.wire.SetReadDeadline(time.Time{})
}
