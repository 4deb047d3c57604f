package health

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"weaver/app"
)

// Signs is what a program can say by itself: datagrams of sd_notify(3), and a newline on a descriptor. It is made before
// the program starts, and read by whoever waits. A nil Signs says nothing.
type Signs struct {
	Address string        // NOTIFY_SOCKET, "" without one
	ReadyFD *os.File      // read end, nil without one
	conn    *net.UnixConn // nil without one
	uid     int           // who may speak, besides root and ourselves

	mu     sync.Mutex
	ready  chan struct{} // closed by READY=1
	beat   chan struct{} // gets one for each WATCHDOG=1, unless one waits already
	Status string        // STATUS=…, guarded by mu
	isSet  bool
	reader sync.WaitGroup
}

// NewSigns returns signs that listen on address (an abstract one begins with @), from programs of uid.
func NewSigns(address string, uid int) (*Signs, error) {
	s := &Signs{Address: address, uid: uid, ready: make(chan struct{}), beat: make(chan struct{}, 1)}
	if address == "" {
		return s, nil
	}
	var err error
	s.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listen for sd_notify: %w", err)
	}
	if err := passCredentials(s.conn); err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("listen for sd_notify: %w", err)
	}
	s.reader.Go(s.read) // ends with Close
	return s, nil
}

// AdoptSigns goes on with signs that a former supervisor made, by the descriptors that were kept of them; -1 is none. An
// address without its socket is listened on anew: what was said meanwhile is lost. The descriptors are its own then.
func AdoptSigns(address string, uid, socket, ready int) (s *Signs, err error) {
	if socket >= 0 {
		file := os.NewFile(uintptr(socket), "notify")
		conn, err := net.FilePacketConn(file) // a copy
		file.Close()
		if err == nil {
			s = &Signs{Address: address, uid: uid, ready: make(chan struct{}), beat: make(chan struct{}, 1), conn: conn.(*net.UnixConn)}
			s.reader.Go(s.read) // ends with Close
		}
	}
	if s == nil {
		if s, err = NewSigns(address, uid); err != nil {
			return nil, err
		}
	}
	if ready >= 0 {
		s.ReadyFD = os.NewFile(uintptr(ready), "ready")
	}
	return s, nil
}

// Socket is the descriptor of the socket, or -1.
func (s *Signs) Socket() int {
	if s == nil || s.conn == nil {
		return -1
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return -1
	}
	number := -1
	_ = raw.Control(func(fd uintptr) { number = int(fd) }) // closed: -1
	return number
}

// Ready is the read end of the readiness pipe, or -1.
func (s *Signs) Ready() int {
	if s == nil || s.ReadyFD == nil {
		return -1
	}
	raw, err := s.ReadyFD.SyscallConn() // Fd would make it block
	if err != nil {
		return -1
	}
	number := -1
	_ = raw.Control(func(fd uintptr) { number = int(fd) })
	return number
}

// Close ends the listening.
func (s *Signs) Close() {
	if s == nil {
		return
	}
	if s.conn != nil {
		s.conn.Close()
		s.reader.Wait()
	}
	if s.ReadyFD != nil {
		s.ReadyFD.Close()
	}
}

func (s *Signs) read() {
	buf, oob := make([]byte, 4096), make([]byte, 512)
	for {
		n, m, _, _, err := s.conn.ReadMsgUnix(buf, oob)
		if err != nil {
			return
		}
		if uid, ok := sender(oob[:m]); ok && uid != 0 && uid != s.uid && uid != os.Getuid() {
			continue
		}
		s.said(string(buf[:n]))
	}
}

// said takes one datagram: variables, one a line.
func (s *Signs) said(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch {
		case name == "READY" && value == "1":
			if !s.isSet {
				s.isSet = true
				close(s.ready)
			}
		case name == "WATCHDOG" && value == "1":
			select {
			case s.beat <- struct{}{}:
			default:
			}
		case name == "STATUS":
			s.Status = value
		}
	}
}

func (s *Signs) awaitReady(ctx context.Context) bool {
	if s == nil || s.conn == nil {
		<-ctx.Done()
		return false
	}
	select {
	case <-s.ready:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Signs) awaitNewline(ctx context.Context) bool {
	if s == nil || s.ReadyFD == nil {
		<-ctx.Done()
		return false
	}
	stop := context.AfterFunc(ctx, func() { s.ReadyFD.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := bufio.NewReaderSize(s.ReadyFD, 64).ReadString('\n')
	return err == nil
}

// heartbeats fires when one is overdue, again for each interval without, and when they come again.
func (s *Signs) heartbeats(ctx context.Context, p *app.Probe, fire func(Report)) {
	if s == nil || s.conn == nil {
		<-ctx.Done()
		return
	}
	every := Interval(p, false)
	late := time.NewTimer(p.Delay.D() + every)
	defer late.Stop()
	c := counter{successes: 1, failures: max(p.Failures, 1)}
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-s.beat:
		case <-late.C:
			err = fmt.Errorf("no heartbeat for %v", every)
		}
		late.Reset(every)
		if r, tell := c.count(err); tell {
			fire(r)
		}
	}
}
