package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"weaver/daemon/anchor"
)

// link is the line to the anchor. A daemon that somebody ran by hand has none: its zero value says nothing to nobody.
type link struct {
	file *os.File
	lost chan struct{} // closed when the anchor is gone
	// hello is what the anchor said first.
	hello anchor.Hello
	// pings are the anchor's questions whether all is well.
	pings chan string
	// became has the anchor's answer to being replaced: "" when it was.
	became chan string
	store  *descriptors

	mu     sync.Mutex
	dead   []anchor.Orphan // that nobody has taken note of
	missed int             // so many died untold
	more   chan struct{}   // there are such
}

// helloTime bounds the wait for the anchor's first word, which it says at once.
const helloTime = 10 * time.Second

// dialAnchor takes over the descriptors that the anchor left, and removes their names from the environment, which services
// inherit.
func dialAnchor() (*link, error) {
	l := &link{lost: make(chan struct{}), pings: make(chan string, 1), became: make(chan string, 1), more: make(chan struct{}, 1)}
	l.store = &descriptors{link: l}
	if fd, err := strconv.Atoi(os.Getenv(anchor.LockEnv)); err == nil {
		closeOnExec(fd) // ours to hold, not the services'
		l.store.lock = fd
	}
	os.Unsetenv(anchor.LockEnv)
	text := os.Getenv(anchor.ControlEnv)
	os.Unsetenv(anchor.ControlEnv)
	if err := l.store.inherit(); err != nil {
		return nil, fmt.Errorf("take over what the last supervisor left: %w", err)
	}
	if text == "" {
		return l, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("descriptor of the anchor %q: %w", text, err)
	}
	closeOnExec(fd)
	if err := setNonblock(fd); err != nil {
		return nil, fmt.Errorf("use descriptor %d of the anchor: %w", fd, err)
	}
	l.file = os.NewFile(uintptr(fd), "anchor")
	if err := l.greet(); err != nil {
		return nil, err
	}
	go l.read() // ends when the anchor does, or with close
	return l, nil
}

// greet waits for the anchor's first word. An anchor that is gone says nothing, and is noticed later.
func (l *link) greet() error {
	buf := make([]byte, anchor.MaxMessage)
	if err := l.file.SetReadDeadline(time.Now().Add(helloTime)); err != nil {
		return fmt.Errorf("wait for the anchor: %w", err)
	}
	n, err := l.file.Read(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("wait for the anchor: %w", err)
	}
	l.hello, _ = anchor.ParseHello(string(buf[:max(n, 0)]))
	return l.file.SetReadDeadline(time.Time{})
}

// read hears what the anchor says.
func (l *link) read() {
	defer close(l.lost)
	buf := make([]byte, anchor.MaxMessage)
	for {
		n, err := l.file.Read(buf)
		if n == 0 || err != nil {
			return
		}
		l.hear(string(buf[:n]))
	}
}

func (l *link) hear(text string) {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case anchor.MessageOrphan:
		if o, ok := anchor.ParseOrphan(text); ok {
			l.died(o, 0)
		}
	case anchor.MessageMissed:
		if n, err := strconv.Atoi(rest); err == nil {
			l.died(anchor.Orphan{}, n)
		}
	case anchor.MessagePing:
		select {
		case l.pings <- rest:
		default: // the one before is not answered yet: that answer will do
		}
	case anchor.MessageBecame:
		select {
		case l.became <- rest:
		default: // nobody asked
		}
	case anchor.MessageRefused:
		l.store.refused(strings.Fields(rest))
	}
}

// died queues the news for orphans.
func (l *link) died(o anchor.Orphan, missed int) {
	l.mu.Lock()
	if o.PID != 0 {
		l.dead = append(l.dead, o)
	}
	l.missed += missed
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// maxAcks is how many pids go in one message.
const maxAcks = 256

// orphans calls note for each process that was left to the anchor and has died, one after the other, until ctx ends. When
// note returns the anchor may forget the death and reap the process: before, it stays a zombie, and the next supervisor is
// told again. missed is told of deaths that there was no room for. The same death may be told twice.
func (l *link) orphans(ctx context.Context, note func(anchor.Orphan), missed func(int)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.more:
		}
		l.mu.Lock()
		dead, n := l.dead, l.missed
		l.dead, l.missed = nil, 0
		l.mu.Unlock()
		for len(dead) > 0 {
			batch := dead[:min(len(dead), maxAcks)]
			dead = dead[len(batch):]
			ack := append(make([]byte, 0, 8+8*len(batch)), anchor.MessageAck...)
			for _, o := range batch {
				note(o)
				ack = strconv.AppendInt(append(ack, ' '), int64(o.PID), 10)
			}
			l.tell(string(ack)) // an anchor that is gone has no children
		}
		if n > 0 {
			missed(n)
		}
	}
}

// answerPings tells the anchor that all is well, as often as it asks: until ctx ends. well returns when the supervisor
// has shown that it works.
func (l *link) answerPings(ctx context.Context, well func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-l.pings:
			well()
			l.tell(anchor.MessagePong + " " + n) // an anchor that is gone asks no more
		}
	}
}

// tellPatience is how long to wait for an anchor that does not read.
const tellPatience = 5 * time.Second

// tell sends one message. Without an anchor nothing happens.
func (l *link) tell(text string) error {
	if l.file == nil {
		return nil
	}
	if err := sendRights(l.file, text, nil, tellPatience); err != nil {
		return fmt.Errorf("tell the anchor %.40q: %w", text, err)
	}
	return nil
}

// ready tells the anchor that this daemon serves, and which protocol it speaks.
func (l *link) ready() error {
	return l.tell(anchor.MessageReady + " " + strconv.Itoa(min(anchor.Protocol, max(l.hello.Protocol, 1))))
}

// present reports that an anchor started this daemon.
func (l *link) present() bool { return l.file != nil }

// gone reports that the anchor that started this daemon is no more.
func (l *link) gone() bool {
	if l.file == nil {
		return false
	}
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}

// pid is the anchor's, 0 without one.
func (l *link) pid() int {
	if l.file == nil || l.gone() {
		return 0
	}
	return os.Getppid()
}
