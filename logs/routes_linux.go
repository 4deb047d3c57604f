package logs

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"weaver/logs/ledger"
)

// routeBook tells the anchor where each pipe leads, for when there is no supervisor that carries what is in it. It is a file
// in memory, to which a pipe is added when it is opened; what has become of those before is of no interest, since the anchor
// asks by inode. When it has grown by much a new one takes its place.
//
// A supervisor that has not adopted everything yet leaves that of the last one as it is.
type routeBook struct {
	mu    sync.Mutex
	keep  func(name string, fd int) error
	fd    int
	open  bool
	size  int
	limit int // when to begin anew
}

const routesMin = 64 << 10

// begin writes down the pipes that there are, and has that kept.
func (r *routeBook) begin(keep func(string, int) error, living func() []*Pipe) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep = keep
	r.anew(living())
}

func (r *routeBook) anew(living []*Pipe) {
	var text []byte
	for _, p := range living {
		text = routeOf(p).Append(text)
	}
	fd, err := unix.MemfdCreate("weaver-log-routes", unix.MFD_CLOEXEC)
	if err != nil {
		return // then output waits in its pipes
	}
	if err := writeAll(fd, text); err != nil || r.keep(ledger.RoutesName, fd) != nil {
		unix.Close(fd)
		return
	}
	if r.open {
		unix.Close(r.fd)
	}
	r.fd, r.open, r.size, r.limit = fd, true, len(text), max(routesMin, 4*len(text))
}

// add writes down one more. living is asked for when it is time to begin anew.
func (r *routeBook) add(p *Pipe, living func() []*Pipe) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		return
	}
	text := routeOf(p).Append(make([]byte, 0, 256))
	if r.size+len(text) > r.limit {
		r.anew(living())
		return
	}
	if writeAll(r.fd, text) == nil {
		r.size += len(text)
	}
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write where log pipes lead: %w", err)
		}
		b = b[n:]
	}
	return nil
}

// routeOf says where a pipe leads; nowhere once it has ended.
func routeOf(p *Pipe) ledger.Route {
	r := ledger.Route{Plain: p.form == nil, JSON: p.form != nil && p.form.json}
	if t, ok := p.tap.(*pipeTap); ok {
		r.Inode = t.inode
	}
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	for _, d := range p.dests {
		if d.sink != nil {
			r.Files = append(r.Files, d.sink.real)
		}
	}
	return r
}

// route writes down where a new pipe leads.
func (l *Ledger) route(p *Pipe) {
	if l != nil {
		l.routes.add(p, p.e.living)
	}
}
