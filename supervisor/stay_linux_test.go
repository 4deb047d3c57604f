package supervisor

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/procstat"
	"weaver/supervisor/nodeipc"
)

// rude is a server that hangs up on everybody when it is asked to end, be it in the middle of a request: whoever it still has
// then is lost. It listens to what is held for it, or to a port of its own that may be shared.
const rude = `
import os, signal, socket, threading, time
if 'LISTEN_FDS' in os.environ:
    s = socket.socket(fileno=3)
    s.setblocking(True)
else:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', int(os.environ['PORT'])))
    s.listen(128)
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
def serve(c):
    c.recv(1024)
    time.sleep(0.02)
    c.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx %d' % os.getpid())
    c.close()
def take():
    while True:
        threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
threading.Thread(target=take, daemon=True).start()
os.write(int(os.environ['NODE_CHANNEL_FD']), b'"ready"\n')
while True: time.sleep(60)
`

func (r *real) rude(name string) app.Spec {
	path := "/usr/bin/python3" // the machine's own: others may be started by shells
	if _, err := os.Stat(path); err != nil {
		r.t.Skip("python3 is not installed")
	}
	s := r.spec(name, path, r.file(name+".py", rude))
	s.WaitReady, s.ListenTimeout = true, ptr(app.Duration(time.Minute))
	return s
}

// TestWhoIsReplacedHasNobodyLeft: what connects is the new process's as soon as it is ready, and the old one has answered when
// it is asked to end. So not even a server that hangs up on everybody loses anything.
func TestWhoIsReplacedHasNobodyLeft(t *testing.T) {
	for _, how := range []string{"held", "its own"} {
		t.Run(how, func(t *testing.T) {
			r, port := newReal(t), aPort(t)
			s := r.rude("web")
			if how == "held" {
				s.Listen = []string{"127.0.0.1:" + strconv.Itoa(port)}
			} else {
				s.Overlap = true
				s.Env.Set("PORT", strconv.Itoa(port))
			}
			r.up(s)
			l := newLoad(8, func() error { _, err := get(port); return err })
			for range 3 { // each socket of two is left and taken again
				before := r.process(0).PID
				assert.Empty(t, r.do(app.VerbReload, "web"))
				after := r.process(0).PID
				assert.NotEqual(t, before, after)
				assert.Equal(t, []string{strconv.Itoa(after)}, keys(r.reached(port, 5)), "nobody else serves")
			}
			done, failed := l.stop()
			assert.Empty(t, failed)
			assert.Positive(t, done)
			if how == "its own" {
				assert.Equal(t, 1, procstat.Ports(r.process(0).PID)[0].Sharers, "no copy is kept")
			}
		})
	}
}

// TestAReloadThatFailsLeavesWhatServes: the second socket was for who did not come up.
func TestAReloadThatFailsLeavesWhatServes(t *testing.T) {
	r, port := newReal(t), aPort(t)
	s := r.rude("web")
	s.Listen = []string{strconv.Itoa(port)}
	s.Env.Set("BAD", r.dir+"/bad")
	require.NoError(t, os.WriteFile(s.Script, []byte("import os, sys\nos.path.exists(os.environ['BAD']) and sys.exit(1)\n"+rude), 0o600))
	r.up(s)
	before := r.process(0).PID
	l := newLoad(4, func() error { _, err := get(port); return err })
	bad := r.file("bad", "")
	assert.NotEmpty(t, r.do(app.VerbReload, "web"))
	assert.Equal(t, []string{strconv.Itoa(before)}, keys(r.reached(port, 20)))
	require.NoError(t, os.Remove(bad))
	assert.Empty(t, r.do(app.VerbReload, "web"))
	assert.NotEqual(t, before, r.process(0).PID)
	_, failed := l.stop()
	assert.Empty(t, failed)
}

// TestACrashAfterAReloadLosesNobodyWhoWaits: the process that comes back has the socket that who crashed had.
func TestACrashAfterAReloadLosesNobodyWhoWaits(t *testing.T) {
	r, port := newReal(t), aPort(t)
	s := r.rude("web")
	s.Listen = []string{"127.0.0.1:" + strconv.Itoa(port)}
	r.up(s)
	for range 2 {
		assert.Empty(t, r.do(app.VerbReload, "web"))
		pid := r.process(0).PID
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		r.await("another serves", func() bool { p := r.process(0).PID; return p != 0 && p != pid })
		r.reached(port, 20)
	}
}

// TestSeveralProcessesShareWhatIsHeld: with another beside it a process that is replaced has no socket of its own, and what waits
// is anybody's.
func TestSeveralProcessesShareWhatIsHeld(t *testing.T) {
	r, port := newReal(t), aPort(t)
	s := r.rude("web")
	s.Listen, s.Instances = []string{"127.0.0.1:" + strconv.Itoa(port)}, 2
	r.up(s)
	assert.Empty(t, r.do(app.VerbReload, "web"))
	r.reached(port, 20)
	assert.Nil(t, r.held.held[s.Listen[0]].sides[1])
}

// TestSidesOfFormerChildren: the next supervisor has new connections go to who serves, whichever socket that one has.
func TestSidesOfFormerChildren(t *testing.T) {
	port := aPort(t)
	list := []string{"127.0.0.1:" + strconv.Itoa(port)}
	store := keptSockets{}
	h := holdings{store: store}
	one, two := user{7, 1}, user{7, 2}
	first, sides, err := h.lend(one, list, false)
	require.NoError(t, err)
	assert.Equal(t, []int{0}, sides)
	second, sides, err := h.lend(two, list, true)
	require.NoError(t, err)
	assert.Equal(t, []int{1}, sides)
	arrives := func(fd int) {
		t.Helper()
		for range 8 {
			c, err := net.Dial("tcp", list[0])
			require.NoError(t, err)
			defer c.Close()
			from, err := acceptFrom(fd)
			require.NoError(t, err, "it came to the other socket")
			from.Close()
		}
	}
	arrives(first[0])
	assert.Len(t, h.relieve(one, list), 1)
	arrives(second[0])
	assert.Empty(t, h.relieve(two, list), "it has no successor")

	next := holdings{store: store}
	next.inherit(map[string]int{heldName(list[0]): first[0], heldName(list[0]) + secondSuffix: second[0]})
	holds := func(fd int) map[uint64]int { return map[uint64]int{socketInode(fd): 3, 1: 4} }
	assert.Equal(t, []int{0}, next.sidesIn(7, list, holds(first[0])))
	assert.Equal(t, []int{1}, next.sidesIn(7, list, holds(second[0])), "one that was not written down")
	require.NoError(t, next.lent(two, list, []int{1}, true))
	next.settle()
	next.settleSides()
	arrives(second[0])
	// What arrives late at the first is passed on.
	require.NoError(t, nodeipc.Front(first[0], 0))
	c, err := net.Dial("tcp", list[0])
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, nodeipc.Front(first[0], 1))
	var from net.Conn
	require.Eventually(t, func() bool { from, err = acceptFrom(second[0]); return from != nil }, 30*time.Second, 5*time.Millisecond)
	fmt.Fprint(c, "late")
	text := make([]byte, 4)
	_, err = from.Read(text)
	require.NoError(t, err)
	assert.Equal(t, "late", string(text))
	from.Close()
	next.drop(7)
	assert.Empty(t, store, "what nobody needs is not kept")
}

// keptSockets is a store.
type keptSockets map[string]int

func (s keptSockets) Put(name string, fd int) error { s[name] = fd; return nil }

func (s keptSockets) Remove(names ...string) error {
	for _, n := range names {
		delete(s, n)
	}
	return nil
}

// TestSidesAreInTheJournal: only where there is something to say.
func TestSidesAreInTheJournal(t *testing.T) {
	assert.Nil(t, (*stay)(nil).extra(nil))
	assert.Nil(t, (&stay{sides: []int{0, 0}}).extra(nil))
	m := (&stay{sides: []int{0, 1}}).extra(nil)
	assert.Equal(t, "[0,1]", string(m[sidesKey]))
	var now stay
	assert.Error(t, now.resume([]string{"1"}, []byte("{"), true))
}

func acceptFrom(fd int) (net.Conn, error) {
	gates, err := openGates([]int{fd})
	if err != nil {
		return nil, err
	}
	defer gates[0].Close()
	c, err := acceptAt(gates[0])
	if c == nil && err == nil {
		err = os.ErrDeadlineExceeded
	}
	return c, err
}
