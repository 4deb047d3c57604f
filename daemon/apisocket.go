package daemon

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// socketPrefix is that of the API's listening sockets in the store. What follows says which file leads to the socket.
const socketPrefix = "listen/api/"

// apiSocket is the API's listening socket. The anchor keeps a copy, so that whoever connects while one supervisor gives way
// to the next waits, and is not refused.
type apiSocket struct {
	path  string
	store *descriptors
	l     *net.UnixListener
	name  string // in the store
	fd    int    // a copy of the listener's own, which it may close
}

// openAPISocket goes on with the socket of the last supervisor, if the file still leads to it, or makes one.
func openAPISocket(path string, store *descriptors, left map[string]int) (*apiSocket, error) {
	s := &apiSocket{path: path, store: store}
	for name, fd := range left {
		if s.l == nil && name == socketName(path) {
			l, err := adoptListener(fd)
			if err == nil {
				s.l, s.name, s.fd = l, name, fd // it is in the store
				continue
			}
		}
		closeFD(fd)
		store.Remove(name)
	}
	if s.l != nil {
		return s, nil
	}
	return s, s.open()
}

// open makes a new socket. The caller holds the daemon's lock, so whatever is in the way is a leftover.
func (s *apiSocket) open() error {
	l, err := listen(s.path)
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false) // only at the very end
	s.l, s.name, s.fd = l, socketName(s.path), -1
	if s.name == "" {
		return nil // this system does not tell one file from another
	}
	if s.fd, err = dupListener(l); err != nil {
		return fmt.Errorf("keep %s: %w", s.path, err)
	}
	return s.store.Put(s.name, s.fd)
}

// lost reports that the file does not lead here any more: somebody has removed it, or put another in its place.
func (s *apiSocket) lost() bool { return s.name != "" && socketName(s.path) != s.name }

// mend makes a new socket in place of one whose file is lost, and returns the old one, to be closed once those who came that
// way have been answered.
func (s *apiSocket) mend() (old *net.UnixListener, err error) {
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

// remove takes the file away, at the end of all.
func (s *apiSocket) remove() {
	if !s.lost() {
		os.Remove(s.path)
	}
}

// socketName is what the store calls the socket that the file at path leads to now; "" if there is none.
func socketName(path string) string {
	dev, ino, ok := fileID(path)
	if !ok {
		return ""
	}
	var b strings.Builder
	b.WriteString(socketPrefix)
	b.WriteString(strconv.FormatUint(dev, 16))
	b.WriteByte('-')
	b.WriteString(strconv.FormatUint(ino, 10))
	return b.String()
}
