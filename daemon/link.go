package daemon

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"weaver/daemon/anchor"
)

// link is the line to the anchor. A daemon that somebody ran by hand has none: its zero value says nothing to nobody.
type link struct {
	mu   sync.Mutex
	file *os.File
	lost chan struct{} // closed when the anchor is gone
	// hello is what the anchor said first.
	hello string
}

// dialAnchor takes over the descriptors that the anchor left, and removes their names from the environment, which services
// inherit.
func dialAnchor() (*link, error) {
	l := &link{lost: make(chan struct{})}
	if fd, err := strconv.Atoi(os.Getenv(anchor.LockEnv)); err == nil {
		closeOnExec(fd) // ours to hold, not the services'
	}
	os.Unsetenv(anchor.LockEnv)
	text := os.Getenv(anchor.ControlEnv)
	os.Unsetenv(anchor.ControlEnv)
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
	go l.read() // ends when the anchor does, or with close
	return l, nil
}

// read waits for what the anchor says; its end is what matters.
func (l *link) read() {
	defer close(l.lost)
	buf := make([]byte, 4096)
	for {
		n, err := l.file.Read(buf)
		if n == 0 || err != nil {
			return
		}
		if text := string(buf[:n]); strings.HasPrefix(text, "hello") {
			l.mu.Lock()
			l.hello = text
			l.mu.Unlock()
		}
	}
}

// tell sends one message. Without an anchor nothing happens.
func (l *link) tell(text string) error {
	if l.file == nil {
		return nil
	}
	if _, err := l.file.Write([]byte(text)); err != nil {
		return fmt.Errorf("tell the anchor %q: %w", text, err)
	}
	return nil
}

// present reports that an anchor started this daemon.
func (l *link) present() bool { return l.file != nil }

// pid is the anchor's, 0 without one.
func (l *link) pid() int {
	if l.file == nil {
		return 0
	}
	select {
	case <-l.lost:
		return 0
	default:
		return os.Getppid()
	}
}
