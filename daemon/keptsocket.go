package daemon

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// doorPrefixes are those of the doors' listening sockets in the store. What follows says which file leads to the socket.
const (
	apiPrefix = "listen/api/"
	rpcPrefix = "listen/rpc/" // PM2's
	pubPrefix = "listen/pub/"
)

// keptSocket is a listening socket of which the anchor keeps a copy, so that whoever connects while one supervisor gives way
// to the next waits, and is not refused.
type keptSocket struct {
	kind  string // its prefix
	path  string
	store *descriptors
	l     *net.UnixListener
	name  string // in the store
	fd    int    // a copy of the listener's own, which it may close
}

// adoptSocket goes on with the socket of the last supervisor, if the file still leads to it. Else the one that it returns is
// to be opened.
func adoptSocket(kind, path string, store *descriptors, left map[string]int) *keptSocket {
	s := &keptSocket{kind: kind, path: path, store: store, fd: -1}
	for name, fd := range left {
		if s.l == nil && name == s.current() {
			l, err := adoptListener(fd)
			if err == nil {
				s.l, s.name, s.fd = l, name, fd // it is in the store
				continue
			}
		}
		closeFD(fd)
		store.Remove(name)
	}
	return s
}

// open makes a new socket. The caller holds the daemon's lock, so whatever is in the way is a leftover.
func (s *keptSocket) open() error {
	l, err := listen(s.path)
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false) // only at the very end
	s.l, s.name, s.fd = l, s.current(), -1
	if s.name == "" {
		return nil // this system does not tell one file from another
	}
	if s.fd, err = dupListener(l); err != nil {
		return fmt.Errorf("keep %s: %w", s.path, err)
	}
	return s.store.Put(s.name, s.fd)
}

// lost reports that the file does not lead here any more: somebody has removed it, or put another in its place.
func (s *keptSocket) lost() bool { return s.name != "" && s.current() != s.name }

// mend makes a new socket in place of one whose file is lost, and returns the old one, to be closed once those who came that
// way have been answered.
func (s *keptSocket) mend() (old *net.UnixListener, err error) {
	old, name, fd := s.l, s.name, s.fd
	if err := s.open(); err != nil {
		s.l, s.name, s.fd = old, name, fd
		return nil, err
	}
	s.store.Remove(name)
	if fd >= 0 {
		closeFD(fd)
	}
	return old, nil
}

// drop is for a socket that nobody is going to answer at.
func (s *keptSocket) drop() {
	if s.l == nil {
		return
	}
	s.l.Close()
	s.remove()
	s.store.Remove(s.name)
	if s.fd >= 0 {
		closeFD(s.fd)
	}
	s.l = nil
}

// remove takes the file away, at the end of all.
func (s *keptSocket) remove() {
	if !s.lost() {
		os.Remove(s.path)
	}
}

// current is what the store calls the socket that the file leads to now; "" if there is none.
func (s *keptSocket) current() string {
	dev, ino, ok := fileID(s.path)
	if !ok {
		return ""
	}
	var b strings.Builder
	b.WriteString(s.kind)
	b.WriteString(strconv.FormatUint(dev, 16))
	b.WriteByte('-')
	b.WriteString(strconv.FormatUint(ino, 10))
	return b.String()
}
