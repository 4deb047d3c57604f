package daemon

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"weaver/api"
)

// FrontEnd is a command line that the thin front end wants to have run by the full one in this process.
type FrontEnd struct {
	Argv, Environ  []string
	Cwd            string
	PID            int    // of the thin front end
	Op             string // the id of what it asks for; see api.Each
	Stdout, Stderr io.Writer
	Columns        int  // of the terminal on stdout
	Terminal       bool // on stdout
	ErrTerminal    bool // on stderr
	// Same reports that what a path leads to here is one of the config files that the caller means.
	Same func(path string) bool
	// Dial opens a connection to this daemon, as that process.
	Dial func(context.Context) (net.Conn, error)
	// Begin is called before anything is done, unless the command is not run here. If it reports false, the one who asked is
	// gone, and has perhaps asked in another way: nothing may be done then.
	Begin func() bool
}

// lender runs front ends in this process. Starting one takes longer than what it does; here everything is warm.
type lender struct {
	mu     sync.Mutex
	over   bool
	atWork sync.WaitGroup
}

func (l *lender) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.atWork.Add(1)
	}
	return !l.over
}

// end lends no more, and returns when what was lent is given back, or with ctx.
func (l *lender) end(ctx context.Context) {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	awaitAll(ctx, &l.atWork)
}

// front runs a command line. The connection goes on with frames of output; see api.PathFront.
func (d *daemon) front(w http.ResponseWriter, r *http.Request) error {
	refused := &api.Error{Kind: api.NotHot, Message: "this command line is not run here"}
	c, _ := r.Context().Value(connKey{}).(*conn)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	f, err := parseFront(body, d.opts.Version)
	if err != nil || c == nil || c.peer.UID != os.Geteuid() || d.opts.FrontEnd == nil || !d.lender.begin() {
		return refused
	}
	defer d.lender.atWork.Done()
	defer d.memory.soon()
	d.active.Add(1)
	defer d.active.Add(-1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := &frames{}
	defer out.close()
	f.PID, f.Op = c.peer.PID, r.URL.Query().Get(api.QueryOp)
	f.Stdout, f.Stderr = out.stream('1'), out.stream('2')
	f.Dial = func(context.Context) (net.Conn, error) {
		inner, err := d.door.Load().inside(c)
		if err != nil {
			out.cut() // what would be said of that nobody needs: the caller asks the next daemon instead
		}
		return inner, err
	}
	f.Begin = func() bool {
		if !out.take(w) {
			return false
		}
		go func() { // ends with the connection
			out.conn.Read(make([]byte, 1)) // nothing comes: who asked has left, or the command is over
			cancel()
		}()
		return true
	}
	code, done := d.runFront(ctx, f, out)
	if !done && out.conn == nil {
		return refused
	}
	out.send('x', code, nil)
	return nil
}

// runFront is one command. One that panics is as one that was cut off.
func (d *daemon) runFront(ctx context.Context, f FrontEnd, out *frames) (code int, done bool) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("internal: lent front end", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			out.cut()
			code, done = 0, true
		}
	}()
	return d.opts.FrontEnd(ctx, f)
}

var errFront = errors.New("no request of a front end")

// parseFront reads the fields of a request, each ending in a zero byte (cli/hot/borrow_unix.go). The directory must be the
// same for this process as it is for the other.
func parseFront(body []byte, version string) (FrontEnd, error) {
	var f FrontEnd
	next := func() (string, bool) {
		field, rest, ok := bytes.Cut(body, []byte{0})
		body = rest
		return string(field), ok
	}
	var head [8]string
	for i := range head {
		var ok bool
		if head[i], ok = next(); !ok {
			return f, errFront
		}
	}
	n, err := strconv.Atoi(head[7])
	if err != nil || n < 1 || n > len(body) || head[0] != version || !sameDir(head[1], head[2], head[3]) {
		return f, errFront
	}
	f.Cwd = head[1]
	files := strings.Fields(head[6])
	f.Same = func(path string) bool { return slices.Contains(files, identity(path)) }
	if head[4] != "" {
		f.Columns, err = strconv.Atoi(head[4])
		f.Terminal = true
	}
	if f.ErrTerminal = head[5] != ""; err != nil {
		return f, errFront
	}
	for len(body) > 0 {
		field, ok := next()
		if !ok {
			return f, errFront
		}
		if len(f.Argv) < n {
			f.Argv = append(f.Argv, field)
		} else {
			f.Environ = append(f.Environ, field)
		}
	}
	if len(f.Argv) < n {
		return f, errFront
	}
	return f, nil
}

// frames writes output to a connection.
type frames struct {
	mu     sync.Mutex
	conn   net.Conn // nil before the command begins
	broken bool     // nothing is written any more
}

// frameTime is how long a reader may take for one.
const frameTime = 10 * time.Minute

// frameWriter is one of its streams.
type frameWriter struct {
	f    *frames
	kind byte
}

func (f *frames) stream(kind byte) io.Writer { return &frameWriter{f, kind} }

// Write never fails: what nobody reads does not end a command.
func (w *frameWriter) Write(b []byte) (int, error) {
	if len(b) > 0 {
		w.f.send(w.kind, len(b), b)
	}
	return len(b), nil
}

func (f *frames) send(kind byte, n int, b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken || f.conn == nil {
		return
	}
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(n))
	parts := net.Buffers{head, b}
	f.conn.SetWriteDeadline(time.Now().Add(frameTime))
	_, err := parts.WriteTo(f.conn)
	f.broken = err != nil
}

// take takes the connection over from net/http, and says that it goes on with frames. It reports whether somebody hears it.
func (f *frames) take(w http.ResponseWriter) bool {
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		f.cut()
		return false
	}
	nc.SetDeadline(time.Time{})
	f.conn = nc
	_, err = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+api.FrontProtocol+"\r\n\r\n")
	f.broken = err != nil
	return err == nil
}

// cut drops what is said from now on, the end included.
func (f *frames) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = true
}

func (f *frames) close() {
	if f.conn != nil {
		f.conn.Close()
	}
}
