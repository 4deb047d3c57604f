package supervisor

import (
	"net"
	"os"
	"strconv"
	"time"

	"weaver/app"
	"weaver/supervisor/nodeipc"
)

// A reload of a program that takes its sockets from here has two processes accept from one queue, and the older one, when it is
// asked to end, may have taken connections of which it has read nothing: many servers close these. So its successor gets a
// second socket for the address. When it is ready the kernel gives it all that connects; the older one has emptied its own
// queue, and answered, before it is asked to end. What arrives there later all the same, its handshake having been under
// way, is passed on. The next reload takes the first socket again.

// side is one of the sockets of an address.
type side struct {
	fd    int
	name  string // in the store
	users map[user]bool
	watch *os.File // its queue is passed on: nobody uses it
}

// user is an incarnation that has a side.
type user struct {
	id  app.ID
	gen uint64
}

// lend returns the sockets for an incarnation, and which side each is. One that is to replace another, which serves
// meanwhile, gets the other side, unless processes beside these two share the address.
func (h *holdings) lend(u user, list []string, replaces bool) (fds, sides []int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, err := h.find(u.id, list)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range all {
		n := s.front
		if other := 1 - n; replaces && s.alone() && h.second(s) && len(s.sides[other].users) == 0 {
			n = other
		}
		s.sides[n].use(u)
		fds, sides = append(fds, s.sides[n].fd), append(sides, n)
	}
	return fds, sides, nil
}

// alone reports whether one process uses an address. Several would have to share either side.
func (s *holding) alone() bool { return len(s.by) == 1 && s.at.Network == "tcp" }

// second opens the second socket of an address. Without it, both processes share the first.
func (h *holdings) second(s *holding) bool {
	if s.sides[1] != nil {
		return true
	}
	first := s.sides[0]
	fd, err := nodeipc.Beside(first.fd, s.at)
	if err != nil {
		return false
	}
	if s.sides[1], err = h.keep(fd, first.name+secondSuffix); err != nil {
		return false
	}
	// What came until now waits there for the new process.
	if nodeipc.Front(first.fd, s.front) != nil {
		h.forget(s.sides[1])
		s.sides[1] = nil
		return false
	}
	return true
}

// forget closes a side.
func (h *holdings) forget(side *side) {
	side.unwatch()
	if h.store != nil {
		_ = h.store.Remove(side.name) // a name that is not used any more does no harm
	}
	closeFD(side.fd)
}

// lent notes what an incarnation that a former supervisor started has. serves says that it is the one to get what connects.
func (h *holdings) lent(u user, list []string, sides []int, serves bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, err := h.find(u.id, list)
	if err != nil {
		return err
	}
	for i, s := range all {
		n := 0
		if i < len(sides) && sides[i] == 1 && s.sides[1] != nil {
			n = 1
		}
		s.sides[n].use(u)
		if serves {
			s.front = n
		}
	}
	return nil
}

// sidesIn returns which side of each address is among sockets, by their numbers.
func (h *holdings) sidesIn(id app.ID, list []string, sockets map[uint64]int) []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	sides := make([]int, len(list))
	all, err := h.find(id, list)
	if err != nil {
		return sides // resume says why
	}
	for i, s := range all {
		if s.sides[1] == nil {
			continue
		}
		if _, has := sockets[socketInode(s.sides[1].fd)]; has {
			sides[i] = 1
		}
	}
	return sides
}

// relieve has the sockets that an incarnation has to itself get nothing new: all goes to its successor's. It returns them.
func (h *holdings) relieve(u user, list []string) (fds []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, text := range list {
		s := h.held[text]
		if s == nil || s.sides[1] == nil {
			continue
		}
		n := 0
		if s.sides[1].users[u] {
			n = 1
		}
		if mine := s.sides[n].users; !mine[u] || len(mine) > 1 || !s.sides[1-n].succeeds(u) {
			continue
		}
		s.front = 1 - n
		if nodeipc.Front(s.sides[0].fd, s.front) == nil {
			fds = append(fds, s.sides[n].fd)
		}
	}
	return fds
}

// succeeds reports whether a later incarnation uses a side.
func (s *side) succeeds(u user) bool {
	for other := range s.users {
		if other.id == u.id && other.gen > u.gen {
			return true
		}
	}
	return false
}

// gone has an incarnation that has ended use nothing any more.
func (h *holdings) gone(u user, list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, text := range list {
		s := h.held[text]
		if s == nil {
			continue
		}
		for _, side := range s.sides {
			if side != nil {
				delete(side.users, u)
			}
		}
		s.settle()
	}
}

// settleSides has connections go where processes are, as a former supervisor's children have it.
func (h *holdings) settleSides() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.held {
		s.settle()
	}
}

// settle has what connects go to a side that somebody uses, and what waits at one that nobody uses go there too.
func (s *holding) settle() {
	if s.sides[1] == nil {
		return
	}
	if front, back := s.sides[s.front], s.sides[1-s.front]; len(front.users) == 0 && len(back.users) > 0 {
		s.front = 1 - s.front
	}
	if nodeipc.Front(s.sides[0].fd, s.front) != nil {
		return // the queue of each is as good as the other's
	}
	if back := s.sides[1-s.front]; len(back.users) == 0 && back.watch == nil && len(s.sides[s.front].users) > 0 {
		back.passOn(s.at)
	}
}

func (s *side) use(u user) {
	if s.users == nil {
		s.users = map[user]bool{}
	}
	s.users[u] = true
	s.unwatch()
}

// passOn has what arrives in a queue that nobody reads connected to the address itself, which is somebody else's now.
func (s *side) passOn(at nodeipc.Endpoint) {
	gates, err := openGates([]int{s.fd})
	if err != nil {
		return
	}
	s.watch = gates[0]
	host := at.Address
	if host == "" {
		host = "localhost"
	}
	go forwardAll(s.watch, net.JoinHostPort(host, strconv.Itoa(at.Port))) // ends when its gate is closed
}

func (s *side) unwatch() {
	if s.watch != nil {
		s.watch.Close()
		s.watch = nil
	}
}

// forwardAll passes on what arrives at g until that is closed.
func forwardAll(g *os.File, address string) {
	for arrived(g) {
		from, err := acceptAt(g)
		if err != nil {
			time.Sleep(proxyMost) // it waits where it is
		}
		if from != nil {
			go forward(from, address) // ends with the connection
		}
	}
}

// forward passes a connection on.
func forward(from net.Conn, address string) {
	to, err := net.Dial("tcp", address)
	if err != nil {
		from.Close()
		return
	}
	couple(from, to)
}
