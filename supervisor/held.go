package supervisor

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"weaver/app"
	"weaver/supervisor/nodeipc"
)

// holdings are the sockets that are held for apps, as long as one of their processes is meant to run: who connects while
// none serves waits in the queue of the socket, which its next process inherits.
type holdings struct {
	store nodeipc.Store // nil: nobody keeps them beyond this process
	mu    sync.Mutex
	held  map[string]*holding // as they are written in specs
	left  map[string]int      // of a former supervisor, by name
}

// holding is one socket.
type holding struct {
	fd   int
	name string // in the store
	at   nodeipc.Endpoint
	by   map[app.ID]bool
}

// take returns the sockets for a process, in the order of its list, opened if need be. They stay the holdings'.
func (h *holdings) take(id app.ID, list []string) ([]int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = map[string]*holding{}
	}
	fds := make([]int, 0, len(list))
	for _, text := range list {
		s := h.held[text]
		if s == nil {
			var err error
			if s, err = h.open(text); err != nil {
				return nil, err
			}
			h.held[text] = s
		}
		s.by[id] = true
		fds = append(fds, s.fd)
	}
	return fds, nil
}

func (h *holdings) open(text string) (*holding, error) {
	l, err := app.ParseListen(text)
	if err != nil {
		return nil, err
	}
	s := &holding{
		name: heldName(text), by: map[app.ID]bool{},
		at: nodeipc.Endpoint{Network: l.Network, Address: l.Address, Port: l.Port, V6: strings.Contains(l.Address, ":")},
	}
	if fd, ok := h.left[s.name]; ok {
		delete(h.left, s.name)
		s.fd = fd
		return s, nil
	}
	if s.fd, err = nodeipc.Bind(s.at); err != nil {
		if errors.Is(err, nodeipc.ErrUnsupported) {
			return nil, fmt.Errorf("listen %s: held sockets: %w", text, err)
		}
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err = nodeipc.Listen(s.fd, 0); err == nil && h.store != nil {
		err = h.store.Put(s.name, s.fd)
	}
	if err != nil {
		closeFD(s.fd)
		return nil, err
	}
	return s, nil
}

// heldName is what the store keeps a socket under, whatever its path is made of.
func heldName(text string) string {
	sum := sha256.Sum256([]byte(text))
	return heldPrefix + hex.EncodeToString(sum[:12])
}

const heldPrefix = "listen/held/"

// inherit takes over what a former supervisor held. Who needs it takes it; settle gives the rest back.
func (h *holdings) inherit(left map[string]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = map[string]int{}
	for name, fd := range left {
		if strings.HasPrefix(name, heldPrefix) {
			h.left[name] = fd
			delete(left, name)
		}
	}
}

func (h *holdings) settle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, fd := range h.left {
		if h.store != nil {
			_ = h.store.Remove(name) // a name that is not used any more does no harm
		}
		closeFD(fd)
	}
	h.left = nil
}

// settleSockets ends the taking over of sockets: those that processes are meant to use are theirs.
func (s *Supervisor) settleSockets(keepers []*keeper) {
	for _, k := range keepers {
		if list := k.proc.Spec.Listen; k.expected != "" && len(list) > 0 {
			if _, err := s.held.take(k.id, list); err != nil {
				k.fail("hold its sockets", err)
			}
		}
	}
	s.held.settle()
	s.primary.Settle()
}

// drop gives back what only this process had a use for.
func (h *holdings) drop(id app.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, s := range h.held {
		if !s.by[id] {
			continue
		}
		if delete(s.by, id); len(s.by) > 0 {
			continue
		}
		delete(h.held, key)
		if h.store != nil {
			_ = h.store.Remove(s.name) // a name that is not used any more does no harm
		}
		closeFD(s.fd)
		if s.at.Network == "unix" {
			removeSocket(s.at.Address)
		}
	}
}

// fdNames lists the names of sockets as LISTEN_FDNAMES has them: a colon separates, so it is in none of them.
func fdNames(list []string) string {
	names := make([]string, len(list))
	for i, text := range list {
		names[i] = strings.ReplaceAll(text, ":", "_")
	}
	return strings.Join(names, ":")
}
