package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"weaver/api"
	"weaver/supervisor"
)

const (
	// hotRequestMax bounds a request of the thin front end, whose arguments have 16 kB at most, escaped.
	hotRequestMax = 64 << 10
	// hotBuffer holds any usual request.
	hotBuffer = 1 << 10
	// hotIdle is how often connections are looked at: one on which nothing happened since the last look but one is closed.
	hotIdle = time.Minute
)

// hotDoor answers the thin front end, whose requests are always the same words in the same order, straight from the
// connection: net/http takes as long for one of them as the answer itself. Every other request, down to the last byte of
// its head, is left to net/http, to which hotDoor is the listener.
type hotDoor struct {
	d    *daemon
	rest chan net.Conn // for net/http
	gone chan struct{} // closed by Close
	once sync.Once

	mu     sync.Mutex
	ls     []listener // one; for a while two, when the socket's file was lost
	conns  map[*conn]*visit
	timer  *time.Timer // nil while there are no connections
	over   bool
	atWork sync.WaitGroup // answers under way
}

// visit is a connection that has not been left to net/http.
type visit struct {
	busy bool
	idle int // looks since something happened
}

func newHotDoor(d *daemon, l listener) *hotDoor {
	return &hotDoor{d: d, ls: []listener{l}, rest: make(chan net.Conn), gone: make(chan struct{}), conns: map[*conn]*visit{}}
}

// Accept returns the next connection that is for net/http.
func (h *hotDoor) Accept() (net.Conn, error) {
	select {
	case c := <-h.rest:
		return c, nil
	case <-h.gone:
		return nil, net.ErrClosed
	}
}

// Addr is where it listens.
func (h *hotDoor) Addr() net.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ls[len(h.ls)-1].Addr()
}

// Close stops listening.
func (h *hotDoor) Close() error {
	h.once.Do(func() { close(h.gone) })
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, l := range h.ls {
		errs = append(errs, l.Close())
	}
	h.ls = h.ls[len(h.ls)-1:]
	return errors.Join(errs...)
}

// also listens at one more, whose run the caller starts.
func (h *hotDoor) also(l listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ls = append(h.ls, l)
}

// onlyNewest ends to listen at all but the newest.
func (h *hotDoor) onlyNewest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.ls[:len(h.ls)-1] {
		l.Close()
	}
	h.ls = h.ls[len(h.ls)-1:]
}

// run accepts connections at l until that is closed. It returns what ended it otherwise.
func (h *hotDoor) run(l listener) error {
	pause := 5 * time.Millisecond
	for {
		c, err := l.Accept()
		if err == nil {
			pause = 5 * time.Millisecond
			h.take(c.(*conn))
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		//lint:ignore SA1019 there is no other word for: out of descriptors, for now
		if t, ok := err.(net.Error); !ok || !t.Temporary() {
			return err
		}
		h.d.log.Warn("accept a connection", zap.Error(err))
		time.Sleep(pause)
		pause = min(2*pause, time.Second)
	}
}

// take serves a connection, unless the daemon ends.
func (h *hotDoor) take(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		c.Close()
		return false
	}
	h.conns[c] = &visit{}
	if h.timer == nil {
		h.timer = time.AfterFunc(hotIdle, h.look)
	}
	go h.serve(c) // ends with the connection, with end, or when it is not hot
	return true
}

// look closes the connections that nothing happens on.
func (h *hotDoor) look() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, v := range h.conns {
		if v.busy {
			continue
		}
		if v.idle++; v.idle > 1 {
			c.Close() // its goroutine takes it off
		}
	}
	if len(h.conns) == 0 || h.over {
		h.timer = nil
		return
	}
	h.timer.Reset(hotIdle)
}

// begin says that an answer is under way; false if the daemon ends.
func (h *hotDoor) begin(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return false
	}
	h.conns[c].busy = true
	h.atWork.Add(1)
	return true
}

func (h *hotDoor) finish(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*h.conns[c] = visit{}
	h.atWork.Done()
}

func (h *hotDoor) forget(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// end closes the idle connections, and returns when the answers under way are given, or with ctx.
func (h *hotDoor) end(ctx context.Context) {
	h.mu.Lock()
	h.over = true
	if h.timer != nil && h.timer.Stop() {
		h.timer = nil
	}
	for c, v := range h.conns {
		if !v.busy {
			c.Close()
		}
	}
	h.mu.Unlock()
	awaitAll(ctx, &h.atWork)
}

// awaitAll returns when all of them are done, or with ctx.
func awaitAll(ctx context.Context, all *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { // ends with the last of them
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// serve answers one hot request after the other.
func (h *hotDoor) serve(c *conn) {
	defer func() {
		if p := recover(); p != nil { // as net/http does: a request must not end the daemon
			h.d.log.Error("internal: hot request", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			c.Close()
		}
		h.forget(c)
	}()
	buf := make([]byte, 0, hotBuffer)
	for {
		r, n, err := parseHot(buf)
		switch {
		case err == nil:
			if !h.answer(c, r) {
				c.Close()
				return
			}
			buf = append(buf[:0], buf[n:]...)
			continue
		case !errors.Is(err, errHalf) || len(buf) >= hotRequestMax:
			c.unread = buf
			h.leave(c)
			return
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		got, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+max(got, 0)]
		if err != nil {
			c.Close()
			return
		}
	}
}

// leave hands a connection to net/http.
func (h *hotDoor) leave(c *conn) {
	select {
	case h.rest <- c:
	case <-h.gone:
		c.Close()
	}
}

// answer does what is asked and sends the answer. It reports whether the connection can go on.
func (h *hotDoor) answer(c *conn, r hotRequest) (more bool) {
	if !h.begin(c) {
		return false
	}
	defer h.finish(c)
	h.d.active.Add(1)
	defer h.d.active.Add(-1)
	defer h.d.memory.sometime()
	var a hotAnswer
	var err error
	if least := hotNeed(r.verb); c.role < least {
		err = h.d.refusal(c, least, r.acts, "hot/"+r.verb, r.query.args...)
	} else if r.acts {
		op := h.d.begin(context.Background(), c, r.query.op, r.verb, r.query.args...)
		defer op.end() // after the answer has left: what it gives back nobody waits for
		if a, err = h.d.hotDo(op, r.verb, r.query); err != nil {
			op.void()
		}
		op.done()
	} else {
		a, err = h.d.hotTell(r.verb, r.query, c.role)
	}
	head := make([]byte, 0, 160)
	if err != nil {
		status := 501
		var e *api.Error
		if errors.As(err, &e) {
			status = e.Status()
		}
		var body []byte
		if status == 403 { // others may speak so, too
			body, _ = json.Marshal(e) // words
		}
		head = fmt.Appendf(head, "HTTP/1.1 %d not hot\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
		_, err = c.Write(head)
		return err == nil
	}
	head = append(head, "HTTP/1.1 200 OK\r\n"+api.HeaderExit+": "...)
	head = strconv.AppendInt(head, int64(a.code), 10)
	head = append(head, "\r\n"+api.HeaderErr+": "...)
	head = strconv.AppendInt(head, int64(len(a.errOut)), 10)
	head = append(head, "\r\n"+api.HeaderVersion+": "...)
	head = append(head, h.d.opts.Version...)
	head = append(head, "\r\nContent-Length: "...)
	head = strconv.AppendInt(head, int64(len(a.errOut)+len(a.out)), 10)
	head = append(head, "\r\n\r\n"...)
	parts := net.Buffers{head, a.errOut, a.out}
	_, err = parts.WriteTo(c.UnixConn)
	return err == nil
}

// hotRequest is a request of the thin front end.
type hotRequest struct {
	verb  string
	acts  bool
	query hotQuery
}

// What parseHot says of bytes that are no hot request.
var (
	errHalf    = errors.New("not all of it is there yet")
	errForeign = errors.New("not of the thin front end")
)

// parseHot reads a request exactly as the thin front end writes it (cli/hot/query.go), and says how long it is. Those of
// services, with words of two parts, want to know when their caller leaves: they are for net/http.
func parseHot(b []byte) (r hotRequest, n int, err error) {
	const get, post = "GET " + api.PathHot, "POST " + api.PathHot
	head := get
	if len(b) > 0 && b[0] == 'P' {
		head, r.acts = post, true
	}
	if len(b) < len(head) {
		if string(b) == head[:len(b)] {
			return r, 0, errHalf
		}
		return r, 0, errForeign
	}
	if string(b[:len(head)]) != head {
		return r, 0, errForeign
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return r, 0, errHalf
	}
	tail := " HTTP/1.1\r\nHost: " + api.Host
	if r.acts {
		tail += "\r\nContent-Length: 0"
	}
	line, ok := bytes.CutSuffix(b[len(head):end], []byte(tail))
	if !ok || bytes.ContainsAny(line, " \r\n") {
		return r, 0, errForeign
	}
	verb, query, _ := bytes.Cut(line, []byte("?"))
	for _, c := range verb {
		if c < 'a' || c > 'z' {
			return r, 0, errForeign
		}
	}
	values, err := url.ParseQuery(string(query))
	if err != nil {
		return r, 0, errForeign
	}
	r.verb, r.query = string(verb), readHot(values)
	if !supervisor.IsOperation(r.query.op) {
		return r, 0, errForeign
	}
	return r, end + 4, nil
}
