package axon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Method is one that clients can call.
type Method struct {
	Name string
	// Params are the names of its parameters, for clients that ask what there is.
	Params []string
}

// Call is one that came in.
type Call struct {
	Method string
	Args   []json.RawMessage
	Conn   net.Conn // of who calls
	// Begun lets the next call of the connection begin, which it does at the latest when this one has been answered.
	Begun func()
	// Answered has something done once this call has been answered, or its caller is gone. It may be called several times.
	Answered func(func())
}

// ErrNoReply is returned by a Handler for calls that clients make without waiting: an answer would break them.
var ErrNoReply = errors.New("axon: this call has no reply")

// Handler answers calls, several at the same time if it says that they have begun. The results become the arguments of the caller's callback, each the JSON
// of one; an error becomes the caller's error.
type Handler interface {
	Methods() []Method
	// Quick says that a method waits for nothing: the connection reads on when it has been answered.
	Quick(method string) bool
	Call(ctx context.Context, c Call) (results []json.RawMessage, err error)
}

// The bounds of a Server.
const (
	maxConns    = 256
	maxUnderWay = 64               // calls of one connection
	replyTime   = 10 * time.Second // for a peer to take a reply
)

// Server answers calls on connections.
type Server struct {
	Handler Handler
	// Warn is told why a connection was ended early; nil drops it.
	Warn func(error)
}

// Serve answers on every connection of l, until l is closed. It returns when the last connection is done; those are closed
// when ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, func(net.Conn) talk {
		return func(ctx context.Context, c net.Conn) {
			if err := s.talk(ctx, c); err != nil && s.Warn != nil {
				s.Warn(err)
			}
		}
	})
}

// talk is what is done with a connection, until it returns.
type talk func(context.Context, net.Conn)

// serve takes connections, as many as are allowed at a time, and talks on each. greet is called with them one after the other,
// in the order in which they came.
func serve(ctx context.Context, l net.Listener, greet func(net.Conn) talk) error {
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	room := make(chan struct{}, maxConns)
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		select {
		case room <- struct{}{}:
		default:
			c.Close()
			continue
		}
		talk := greet(c)
		conns.Go(func() { // ends with the connection, which ends with ctx
			defer func() { <-room }()
			defer c.Close()
			stop := context.AfterFunc(ctx, func() { c.Close() })
			defer stop()
			talk(ctx, c)
		})
	}
}

// talk answers one connection until it ends, and returns what was wrong with it.
func (s *Server) talk(ctx context.Context, c net.Conn) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	room := make(chan struct{}, maxUnderWay)
	out := replies{conn: c}
	turn := make(chan struct{})
	close(turn)
	in := NewReader(c)
	for {
		m, err := in.Read()
		if err != nil {
			if isEnd(err) || ctx.Err() != nil {
				return nil
			}
			return err
		}
		if len(m) < 2 {
			return fmt.Errorf("axon: a request of %d arguments", len(m))
		}
		call, reply := s.parse(m[0])
		mine, next := turn, make(chan struct{})
		turn = next
		work := func() {
			<-mine
			begun := sync.OnceFunc(func() { close(next) })
			defer begun()
			var then []func()
			call.Conn, call.Begun, call.Answered = c, begun, func(f func()) { then = append(then, f) }
			ok := true
			if reply == nil {
				reply, ok = s.answer(ctx, call)
			}
			if ok {
				out.send(Message{JSON(reply), m[len(m)-1]})
			}
			for _, f := range then {
				f()
			}
		}
		if reply != nil || s.Handler.Quick(call.Method) { // a goroutine would cost more than the work
			work()
			continue
		}
		room <- struct{}{}
		calls.Go(func() { // goes on when its caller has gone: work that was begun is finished
			defer func() { <-room }()
			work()
		})
	}
}

// replies writes them one after the other.
type replies struct {
	mu   sync.Mutex
	conn net.Conn
}

// send gives up on a peer that does not take the reply: its stream would end within a frame.
func (r *replies) send(m Message) {
	frame, err := AppendFrame(nil, m)
	if err != nil {
		return // a request whose id is empty cannot be answered
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn.SetWriteDeadline(time.Now().Add(replyTime))
	if _, err := r.conn.Write(frame); err != nil {
		r.conn.Close()
	}
}

// payload is what a request says.
type payload struct {
	Type   string             `json:"type"`
	Method *string            `json:"method"`
	Args   *[]json.RawMessage `json:"args"`
}

// parse reads what a request asks for, or makes the reply to one that needs no call.
func (s *Server) parse(request []byte) (call Call, reply []byte) {
	doc, valid := JSONOf(request)
	var p payload
	if !valid || json.Unmarshal(doc, &p) != nil {
		return call, failure("the request is not a JSON object with a type, a method and args")
	}
	if p.Type == "methods" {
		return call, methods(s.Handler.Methods())
	}
	switch {
	case p.Type != "call":
		return call, failure(fmt.Sprintf("a request of type %.40q", p.Type))
	case p.Method == nil || *p.Method == "":
		return call, failure(".method required")
	case !known(s.Handler.Methods(), *p.Method):
		return call, failure(fmt.Sprintf("method %q does not exist", *p.Method))
	case p.Args == nil:
		return call, failure(".args required")
	}
	return Call{Method: *p.Method, Args: *p.Args}, nil
}

// answer makes the reply to a call, if it has one.
func (s *Server) answer(ctx context.Context, call Call) (reply []byte, ok bool) {
	results, err := s.call(ctx, call)
	switch {
	case errors.Is(err, ErrNoReply):
		return nil, false
	case err != nil:
		return failure(err.Error()), true
	}
	out := []byte(`{"args":[`)
	for i, r := range results {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, r...)
	}
	return append(out, "]}"...), true
}

// call keeps the daemon alive whatever a handler makes of what it was sent.
func (s *Server) call(ctx context.Context, c Call) (results []json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error in %s: %v", c.Method, p)
			if s.Warn != nil {
				s.Warn(err)
			}
		}
	}()
	return s.Handler.Call(ctx, c)
}

func known(list []Method, name string) bool {
	for i := range list {
		if list[i].Name == name {
			return true
		}
	}
	return false
}

// failure words an error as clients read it; the stack is what they print of it.
func failure(text string) []byte {
	return marshal(struct {
		Error string `json:"error"`
		Stack string `json:"stack"`
	}{text, "Error: " + text})
}

// methods answers a client that makes its own table of them.
func methods(list []Method) []byte {
	type entry struct {
		Name   string   `json:"name"`
		Params []string `json:"params"`
	}
	out := []byte(`{"methods":{`)
	for i, m := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, marshal(m.Name)...)
		out = append(out, ':')
		params := m.Params
		if params == nil {
			params = []string{}
		}
		out = append(out, marshal(entry{m.Name, params})...)
	}
	return append(out, "}}"...)
}

func marshal(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic("axon: " + err.Error()) // strings and slices of them
	}
	return out
}
