package axon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"

	"weaver/skim"
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
	// First has something flushed before this call is answered: once, for all that are answered together.
	First func(Flusher)
	// Arrival is shared by all calls of the connection.
	Arrival *Arrival
}

// Flusher has something that is not on its way yet. It is told from others by ==.
type Flusher interface{ Flush() }

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

// maxUnderWay is how many calls of one connection are.
const maxUnderWay = 64

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

// talk answers one connection until it ends, and returns what was wrong with it.
func (s *Server) talk(ctx context.Context, c net.Conn) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	room := make(chan struct{}, maxUnderWay)
	out := &replies{conn: c}
	defer out.flush()
	arrival := &Arrival{}
	turn := make(chan struct{})
	close(turn)
	in := NewReader(source{c, out, arrival})
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
		call.Conn, call.Arrival = c, arrival
		mine, id := turn, m[len(m)-1]
		if reply != nil || s.Handler.Quick(call.Method) { // a goroutine would cost more than the work
			select {
			case <-mine:
			default: // who is before it may take its time
				out.flush()
				<-mine
			}
			call.Begun, call.First, call.Answered = func() {}, out.flushFirst, out.whenSent
			if reply == nil {
				if reply, _ = s.answer(ctx, call); reply == nil {
					continue
				}
			}
			out.add(reply, id)
			continue
		}
		out.flush()
		next := make(chan struct{})
		turn = next
		room <- struct{}{}
		calls.Go(func() { // goes on when its caller has gone: work that was begun is finished
			defer func() { <-room }()
			<-mine
			begun := sync.OnceFunc(func() { close(next) })
			defer begun()
			var then []func()
			call.Begun, call.First, call.Answered = begun, Flusher.Flush, func(f func()) { then = append(then, f) }
			if reply, ok := s.answer(ctx, call); ok {
				out.send(reply, id)
			}
			for _, f := range then {
				f()
			}
		})
	}
}

// parse reads what a request asks for, or makes the reply to one that needs no call.
func (s *Server) parse(request []byte) (call Call, reply []byte) {
	doc, ok := JSONOf(request)
	var kind, method, args []byte
	object := skim.Members(doc, func(key string, value []byte) {
		switch key {
		case "type":
			kind = value
		case "method":
			method = value
		case "args":
			args = value
		}
	})
	ok = ok && (object || isNull(doc)) && (isNull(kind) || kind[0] == '"') && (isNull(method) || method[0] == '"') && (isNull(args) || args[0] == '[')
	if !ok {
		return call, failure("the request is not a JSON object with a type, a method and args")
	}
	call.Method = skim.Text(method)
	switch what := skim.Text(kind); {
	case what == "methods":
		return call, methods(s.Handler.Methods())
	case what != "call":
		return call, failure(fmt.Sprintf("a request of type %.40q", what))
	case call.Method == "":
		return call, failure(".method required")
	case !known(s.Handler.Methods(), call.Method):
		return call, failure(fmt.Sprintf("method %q does not exist", call.Method))
	case isNull(args):
		return call, failure(".args required")
	}
	skim.Elements(args, func(value []byte) { call.Args = append(call.Args, value) })
	return call, nil
}

// isNull reports that there is nothing, or null.
func isNull(value []byte) bool { return len(value) == 0 || string(value) == "null" }

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
