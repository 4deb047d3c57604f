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

// holding is one address that is listened on: by one socket, or by two since a reload.
type holding struct {
	at    nodeipc.Endpoint
	by    map[app.ID]bool
	sides [2]*side // the second is nil until a reload needs it
	front int      // the side that gets what connects
}

// take returns the sockets for a process, in the order of its list, opened if need be. They stay the holdings'.
func (h *holdings) take(id app.ID, list []string) ([]int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, err := h.find(id, list)
	if err != nil {
		return nil, err
	}
	fds := make([]int, len(all))
	for i, s := range all {
		fds[i] = s.sides[s.front].fd
	}
	return fds, nil
}

// find returns what is held for a process, opened if need be. Call it with mu held.
func (h *holdings) find(id app.ID, list []string) ([]*holding, error) {
	if h.held == nil {
		h.held = map[string]*holding{}
	}
	all := make([]*holding, 0, len(list))
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
		all = append(all, s)
	}
	return all, nil
}

func (h *holdings) open(text string) (*holding, error) {
	l, err := app.ParseListen(text)
	if err != nil {
		return nil, err
	}
	s := &holding{
		by: map[app.ID]bool{},
		at: nodeipc.Endpoint{Network: l.Network, Address: l.Address, Port: l.Port, V6: strings.Contains(l.Address, ":")},
	}
	names := [...]string{heldName(text), heldName(text) + secondSuffix}
	for i, name := range names {
		if fd, ok := h.left[name]; ok && (i == 0 || s.sides[0] != nil) {
			delete(h.left, name)
			s.sides[i] = &side{fd: fd, name: name}
		}
	}
	if s.sides[0] != nil {
		return s, nil
	}
	fd, err := nodeipc.Bind(s.at)
	if err != nil {
		if errors.Is(err, nodeipc.ErrUnsupported) {
			return nil, fmt.Errorf("listen %s: held sockets: %w", text, err)
		}
		return nil, fmt.Errorf("listen: %w", err)
	}
	if s.sides[0], err = h.keep(fd, names[0]); err != nil {
		return nil, err
	}
	return s, nil
}

// keep has a bound socket listen, and kept beyond this process.
func (h *holdings) keep(fd int, name string) (*side, error) {
	err := nodeipc.Listen(fd, 0)
	if err == nil && h.store != nil {
		err = h.store.Put(name, fd)
	}
	if err != nil {
		closeFD(fd)
		return nil, err
	}
	return &side{fd: fd, name: name}, nil
}

// heldName is what the store keeps a socket under, whatever its path is made of.
func heldName(text string) string {
	sum := sha256.Sum256([]byte(text))
	return heldPrefix + hex.EncodeToString(sum[:12])
}

const heldPrefix, secondSuffix = "listen/held/", "/2"

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
	s.held.settleSides()
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
		for _, side := range s.sides {
			if side != nil {
				h.forget(side)
			}
		}
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
