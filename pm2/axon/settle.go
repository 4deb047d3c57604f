package axon

import (
	"context"
	"crypto/rand"
	"net"
	"runtime"
	"sync"
	"time"
)

// settleTime is how long connections that came earlier may take to be met.
const settleTime = 5 * time.Second

// settling tells when everybody has been met who stood in a listener's queue: by standing in it too. The kernel hands
// connections out in the order in which they came.
type settling struct {
	mu   sync.Mutex
	addr net.Addr
	ours map[string]bool // the names that connections of ours are bound to
}

func (s *settling) serves(a net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr = a
}

// wait gives up when ctx ends, and where a connection cannot be told from others: only Linux has names without files.
func (s *settling) wait(ctx context.Context) {
	name := "@weaver-" + rand.Text()
	s.mu.Lock()
	addr := s.addr
	if addr == nil || addr.Network() != "unix" || runtime.GOOS != "linux" {
		s.mu.Unlock()
		return
	}
	if s.ours == nil {
		s.ours = map[string]bool{}
	}
	s.ours[name] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.ours, name)
		s.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	d := net.Dialer{LocalAddr: &net.UnixAddr{Name: name, Net: "unix"}}
	c, err := d.DialContext(ctx, addr.Network(), addr.String())
	if err != nil {
		return // nobody can connect, so nobody is waited for
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	c.Read(make([]byte, 1)) //nolint:errcheck // it is hung up on when its turn has come
}

// met reports that a connection is one of ours: those before it have been met too.
func (s *settling) met(c net.Conn) bool {
	a := c.RemoteAddr()
	if a == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ours[a.String()]
}
