package nodeipc

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// slowStore keeps copies and closes none before the test ends, as an anchor that is busy.
type slowStore struct{ t *testing.T }

func (s slowStore) Put(_ string, fd int) error {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		s.t.Cleanup(func() { unix.Close(dup) })
	}
	return err
}

func (slowStore) Remove(...string) error { return nil }

// slots makes a server with a socket for each of n slots, none of which has a worker.
func slots(t *testing.T, policy Policy, n int) (*Primary, *server, []*socket) {
	t.Helper()
	x, err := New()
	require.NoError(t, err)
	p := NewPrimary(x, slowStore{t}, func(_, text string) { t.Error(text) })
	t.Cleanup(func() {
		p.Close()
		x.Close()
	})
	address, data := "127.0.0.1", []byte("4")
	r := &request{Address: &address, Port: number(freePort(t)), AddressType: data}
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.group("web")
	g.policy = policy
	s := newServer(&Worker{p: p, g: g}, r.key(), r)
	g.servers[s.key] = s
	var all []*socket
	for i := range n {
		k, err := s.open(nil, r, i)
		require.NoError(t, err)
		s.sockets[i] = k
		all = append(all, k)
	}
	return p, s, all
}

// freePort is a port that nobody listens on now. It is none of those that connections get: one of them might have it before who is to listen.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		port := 10000 + rand.IntN(20000)
		if l, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}

// connect makes n connections, which nobody has accepted yet.
func connect(t *testing.T, s *server, n int) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.at.Port))
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
	}
}

// waiting accepts what waits in the queue of a socket, and counts it.
func waiting(k *socket) (n int) {
	for ; ; n++ {
		fd, _, err := unix.Accept4(k.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return n
		}
		unix.Close(fd)
	}
}

// TestASlotScaledAwayTakesNothing: from the moment its socket is closed here, whoever else has a copy of it, every
// connection comes to one of the others, and to none that is steered around.
func TestASlotScaledAwayTakesNothing(t *testing.T) {
	for gone := range 4 {
		t.Run(strconv.Itoa(gone), func(t *testing.T) {
			p, s, all := slots(t, Slots, 4)
			away := all[(gone+1)%4]
			p.mu.Lock()
			defer p.mu.Unlock()
			all[gone].turn(true)
			connect(t, s, 40)
			assert.Zero(t, waiting(all[gone]), "it is steered around")
			for _, k := range all {
				waiting(k)
			}
			away.turn(true)
			all[gone].close()
			delete(s.sockets, gone)
			connect(t, s, 60)
			assert.Zero(t, waiting(away), "the numbers fit")
			got := 0
			for _, k := range s.sockets {
				got += waiting(k)
			}
			assert.Equal(t, 60, got)
		})
	}
}

// notingStore keeps copies, which the next primary finds, and what is noted.
type notingStore struct {
	slowStore
	fds   map[string]int
	noted *[]byte
}

func (s notingStore) Put(name string, fd int) (err error) {
	s.fds[name], err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	return err
}

func (s notingStore) NoteCluster(text []byte) { *s.noted = text }

// TestASlotThatNobodyKeptLeavesNoGap: supervisor, anchor and one worker died, and with them a socket. Its place is given away at once:
// a worker may ask to listen before all are there.
func TestASlotThatNobodyKeptLeavesNoGap(t *testing.T) {
	for lost := range 4 {
		t.Run(strconv.Itoa(lost), func(t *testing.T) {
			p, s, all := slots(t, Slots, 4)
			kept := notingStore{slowStore{t}, map[string]int{}, new([]byte)}
			p.mu.Lock()
			p.store, p.changed = kept, true
			for _, k := range all {
				require.NoError(t, kept.Put(k.name, k.fd))
			}
			p.save()
			unix.Close(kept.fds[stateName])
			all[lost].close() // of the kernel's own accord
			delete(s.sockets, lost)
			unix.Close(kept.fds[all[lost].name])
			p.mu.Unlock()

			x, err := New()
			require.NoError(t, err)
			next := NewPrimary(x, kept, func(_, text string) { t.Error(text) })
			t.Cleanup(func() {
				next.Close()
				x.Close()
			})
			require.NoError(t, next.Inherit(func(name string) (int, bool) {
				fd, ok := kept.fds[name]
				return fd, ok && name != stateName && name != all[lost].name
			}, *kept.noted))
			next.mu.Lock()
			defer next.mu.Unlock()
			was := next.groups["web"].servers[s.key]
			require.Len(t, was.sockets, 3)
			address := "127.0.0.1"
			r := &request{Address: &address, Port: number(s.at.Port), AddressType: []byte("4")}
			k, err := was.open(nil, r, lost) // nothing is settled yet
			require.NoError(t, err)
			was.sockets[lost] = k
			for _, away := range was.sockets {
				away.turn(true)
				connect(t, s, 40)
				assert.Zero(t, waiting(away), "the numbers fit")
				for _, k := range was.sockets {
					waiting(k)
				}
				away.turn(false)
			}
		})
	}
}

// TestAnAddressKeepsItsSlot: whatever becomes of other slots; and the addresses of one that is gone do not all go to the same.
func TestAnAddressKeepsItsSlot(t *testing.T) {
	p, s, all := slots(t, Sticky, 4)
	p.mu.Lock()
	defer p.mu.Unlock()
	const clients = 120
	where := func() (slot [clients]int) {
		t.Helper()
		for i := range slot {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}}
			c, err := d.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.at.Port))
			require.NoError(t, err)
			defer c.Close()
			slot[i] = -1
			for _, k := range s.sockets {
				if waiting(k) == 1 {
					slot[i] = k.slot
				}
			}
			require.GreaterOrEqual(t, slot[i], 0)
		}
		return slot
	}
	share := func(slots []int) map[int]int {
		n := map[int]int{}
		for _, k := range slots {
			n[k]++
		}
		return n
	}
	first := where()
	for k, n := range share(first[:]) {
		assert.Greater(t, n, clients/8, "slot %d of %v", k, share(first[:]))
	}
	assert.Equal(t, first, where())
	check := func(now [clients]int) {
		t.Helper()
		var moved []int
		for i := range now {
			if first[i] == 1 {
				moved = append(moved, now[i])
			} else {
				assert.Equal(t, first[i], now[i])
			}
		}
		assert.Len(t, share(moved), 3)
		assert.NotContains(t, moved, 1)
	}
	all[1].turn(true)
	check(where())
	all[1].close()
	delete(s.sockets, 1)
	check(where())
	for _, slot := range []int{7, 1} { // another slot takes its share from everybody, and this one gets its own again
		k, err := s.open(nil, &request{}, slot)
		require.NoError(t, err)
		s.sockets[slot] = k
	}
	for i, slot := range where() {
		if slot != 7 {
			assert.Equal(t, first[i], slot)
		}
	}
}
