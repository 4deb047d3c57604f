package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"weaver/api"
)

// exposer serves /metrics, and nothing else, by TCP where a setting says so: what scrapes it may be another machine. Its
// zero value does not.
type exposer struct {
	mu      sync.Mutex
	wanted  string // the address that was asked for
	address string // the one that is served; "" is none
	server  *http.Server
	l       net.Listener // the server's
}

// exposerConns bounds the connections that are open at once: descriptors are for services.
const exposerConns = 64

// at has it serve at address from now on; "" is nowhere. Where it cannot, all stays as it was.
func (e *exposer) at(address string, serve http.HandlerFunc, log *zap.Logger) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if address == "" || address == e.address {
		if e.wanted = address; address == "" {
			e.close()
		}
		return nil
	}
	was := e.address
	l, err := net.Listen("tcp", address)
	if err != nil && was != "" && portOf(was) == portOf(address) { // it may be taken by what is served now: 127.0.0.1:9209 is in the way of :9209
		e.close()
		if l, err = net.Listen("tcp", address); err != nil {
			if l, again := net.Listen("tcp", was); again == nil {
				e.serve(l, was, serve, log)
			}
		}
	}
	if err != nil {
		return err
	}
	e.close()
	e.serve(l, address, serve, log)
	return nil
}

// serve serves what connects to l. Call it with mu held.
func (e *exposer) serve(l net.Listener, address string, serve http.HandlerFunc, log *zap.Logger) {
	e.wanted, e.address, e.l = address, address, l
	e.server = &http.Server{
		Handler:           onlyMetrics(isLoopback(l.Addr()), serve),
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          zap.NewStdLog(log),
	}
	server := e.server
	go func() { // ends with close
		if err := server.Serve(&fewConns{Listener: l, free: make(chan struct{}, exposerConns)}); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			log.Error("serve /metrics", zap.String("address", address), zap.Error(err))
		}
	}()
}

// want is at for a supervisor that starts: an address that is taken is tried again by retry.
func (e *exposer) want(address string, serve http.HandlerFunc, log *zap.Logger) error {
	err := e.at(address, serve, log)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.wanted = address
	return err
}

// retry serves at the address that was asked for, if it could not before, and reports that it has just begun to.
func (e *exposer) retry(serve http.HandlerFunc, log *zap.Logger) bool {
	e.mu.Lock()
	wanted, missing := e.wanted, e.wanted != e.address
	e.mu.Unlock()
	return missing && e.at(wanted, serve, log) == nil
}

// end stops serving.
func (e *exposer) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.wanted = ""
	e.close()
}

// close ends what is served now. Call it with mu held.
func (e *exposer) close() {
	if e.server == nil {
		return
	}
	e.l.Close() // a server that has hardly begun does not know it yet, and would close it later
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if e.server.Shutdown(ctx) != nil {
		e.server.Close()
	}
	e.server, e.l, e.address = nil, nil, ""
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// onlyMetrics answers GET and HEAD of /metrics. A web page that somebody of this machine looks at may not read it: a
// browser says where it comes from, and a page that was served under a name which then means this machine says that name.
func onlyMetrics(local bool, serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Origin") != "" || r.Header.Get("Referer") != "" || local && !namesLoopback(r.Host):
			http.Error(w, "requests of web pages are refused", http.StatusForbidden)
		case r.URL.Path != api.PathMetrics:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
		default:
			serve(w, r)
		}
	})
}

func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// namesLoopback reports a Host that can only mean this machine.
func namesLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if name == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// fewConns accepts only so many connections at a time; others wait.
type fewConns struct {
	net.Listener
	free chan struct{}
}

func (l *fewConns) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &counted{Conn: c, done: sync.OnceFunc(func() { <-l.free })}, nil
}

type counted struct {
	net.Conn
	done func()
}

func (c *counted) Close() error {
	defer c.done()
	return c.Conn.Close()
}
