package nodeipc

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a channel and the child's end of it, as a file.
type pair struct {
	*Channel
	x     *Exchange
	child *os.File

	mu     sync.Mutex
	heard  []string
	closed atomic.Bool
}

func newPair(t *testing.T, change ...func(*Hooks)) *pair {
	t.Helper()
	p := &pair{}
	var err error
	p.x, err = New()
	require.NoError(t, err)
	h := Hooks{
		Message: func(raw []byte) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.heard = append(p.heard, string(raw))
		},
		Closed: func() { p.closed.Store(true) },
	}
	for _, f := range change {
		f(&h)
	}
	var child int
	p.Channel, child, err = p.x.Open(h)
	require.NoError(t, err)
	p.child = os.NewFile(uintptr(child), "child")
	t.Cleanup(func() {
		p.child.Close()
		p.x.Close()
	})
	return p
}

func (p *pair) say(t *testing.T, text string) {
	t.Helper()
	_, err := p.child.WriteString(text)
	require.NoError(t, err)
}

func (p *pair) messages() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.heard...)
}

func (p *pair) awaitMessages(t *testing.T, want ...string) {
	t.Helper()
	await(t, func() bool { return len(p.messages()) >= len(want) })
	assert.Equal(t, want, p.messages())
}

// await waits for a condition, as long as it takes on a busy machine.
func await(t *testing.T, f func() bool) {
	t.Helper()
	require.Eventually(t, f, 30*time.Second, time.Millisecond)
}

func TestMessagesComeWholeAndInOrder(t *testing.T) {
	p := newPair(t)
	p.say(t, "\"ready\"\n42\n{\"a\":")
	p.awaitMessages(t, `"ready"`, "42")
	p.say(t, "1}\nnull\n")
	p.awaitMessages(t, `"ready"`, "42", `{"a":1}`, "null")
	await(t, func() bool { n, _ := unix.IoctlGetInt(p.fd, unix.TIOCINQ); return n == 0 })
}

func TestACutFrameIsDroppedUpToItsNewline(t *testing.T) {
	p := newPair(t)
	p.say(t, "tail of something\"}\n\n \n{\"whole\":true}\n")
	p.awaitMessages(t, `{"whole":true}`)
}

func TestLongFrames(t *testing.T) {
	p := newPair(t)
	long := `"` + strings.Repeat("x", 3<<20) + `"`
	p.say(t, "1\n"+long+"\n2\n")
	p.awaitMessages(t, "1", long, "2")

	p.say(t, `"`+strings.Repeat("y", MaxFrame)+"\"\n3\n")
	await(t, func() bool { return len(p.messages()) == 4 })
	assert.Equal(t, "3", p.messages()[3], "what is too long is dropped, what follows is not")
}

func TestSendWaitsForNobody(t *testing.T) {
	p := newPair(t)
	big := []byte(`"` + strings.Repeat("z", 1<<20) + `"`)
	var sent int
	var err error
	for sent = 0; err == nil && sent < 100; sent++ {
		err = p.Send(fmt.Appendf(nil, `[%d,%s]`, sent, big))
	}
	require.ErrorIs(t, err, ErrFull)
	sent--
	require.GreaterOrEqual(t, sent, 4)
	r := bufio.NewReaderSize(p.child, 4<<20)
	for i := range sent {
		text, err := r.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("[%d,%s]\n", i, big), text)
	}
	require.NoError(t, p.Send([]byte("{\n\"a\": 1}")))
	text, err := r.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "{\"a\":1}\n", text, "one frame is one line")
}

func TestTheEndIsToldOnce(t *testing.T) {
	p := newPair(t)
	p.say(t, "1\n2")
	p.child.Close()
	await(t, p.closed.Load)
	assert.Equal(t, []string{"1"}, p.messages())
	assert.ErrorIs(t, p.Send([]byte("1")), ErrClosed)

	p = newPair(t)
	p.Close()
	await(t, p.closed.Load)
	n, err := p.child.Read(make([]byte, 1))
	assert.Zero(t, n, "%v", err)
}

// TestWhatIsNotAnsweredStaysInTheSocket is what makes a reader that was killed replaceable.
func TestWhatIsNotAnsweredStaysInTheSocket(t *testing.T) {
	asked := make(chan uint64, 8)
	var made atomic.Pointer[pair]
	answer := func(r *request) {
		asked <- r.Seq
		p := made.Load()
		p.sendHandle(netHandle, response{Ack: r.Seq}.frame(), int(p.child.Fd()), nil)
	}
	p := newPair(t, func(h *Hooks) { h.cluster = answer })
	made.Store(p)
	frames := "{\"cmd\":\"NODE_CLUSTER\",\"act\":\"queryServer\",\"seq\":1}\n{\"cmd\":\"NODE_CLUSTER\",\"act\":\"queryServer\",\"seq\":2}\n"
	p.say(t, frames)
	require.Equal(t, uint64(1), <-asked)
	require.Equal(t, uint64(2), <-asked)

	// The second answer waits for the acknowledgement of the first: both questions must still be there for a successor.
	copied, err := unix.Dup(p.fd)
	require.NoError(t, err)
	require.NoError(t, p.x.Close())
	again := make(chan uint64, 8)
	x, err := New()
	require.NoError(t, err)
	defer x.Close()
	_, err = x.Adopt(copied, Hooks{cluster: func(r *request) { again <- r.Seq }})
	require.NoError(t, err)
	assert.Equal(t, uint64(1), <-again)
	assert.Equal(t, uint64(2), <-again)
}

func TestHandlesGoOneAtATime(t *testing.T) {
	p := newPair(t)
	var released atomic.Int32
	for i := range 3 {
		require.NoError(t, p.sendHandle(netHandle, []byte(strconv.Itoa(i)), int(p.child.Fd()), func() { released.Add(1) }))
	}
	require.NoError(t, p.Send([]byte(`"behind"`)))
	next := func() (string, int) {
		b, oob := make([]byte, 4096), make([]byte, 256)
		n, rights, _, _, err := unix.Recvmsg(int(p.child.Fd()), b, oob, unix.MSG_CMSG_CLOEXEC)
		require.NoError(t, err)
		fds := 0
		if ms, _ := unix.ParseSocketControlMessage(oob[:rights]); len(ms) == 1 {
			got, _ := unix.ParseUnixRights(&ms[0])
			fds = len(got)
			closeRights(oob[:rights])
		}
		return string(b[:n]), fds
	}
	want := func(text string, fds int) {
		t.Helper()
		got, n := next()
		assert.Equal(t, text, got)
		assert.Equal(t, fds, n)
	}
	want("{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":0}\n", 1)
	assert.Zero(t, released.Load())
	p.say(t, "{\"cmd\":\"NODE_HANDLE_NACK\"}\n") // lost: again
	want("{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":0}\n", 1)
	p.say(t, "{\"cmd\":\"NODE_HANDLE_ACK\"}\n")
	want("{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":1}\n", 1)
	await(t, func() bool { return released.Load() == 1 })
	p.say(t, "{\"cmd\":\"NODE_HANDLE_ACK\"}\n")
	want("{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":2}\n", 1)
	p.say(t, "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":{\"mine\":1}}\n") // one of theirs overtakes
	want("{\"cmd\":\"NODE_HANDLE_ACK\"}\n", 0)
	p.awaitMessages(t, `{"mine":1}`)
	p.say(t, "{\"cmd\":\"NODE_HANDLE_ACK\"}\n")
	want("\"behind\"\n", 0)
	await(t, func() bool { return released.Load() == 3 })
}

// A child that was long busy says late that it has got no handle with a probe: the handle behind that is not sent again.
func TestALateAnswerToAProbeIsNoRefusalOfAHandle(t *testing.T) {
	p := newPair(t)
	p.trust()
	var alive, released atomic.Int32
	require.NoError(t, p.probe(func() { alive.Add(1) }))
	for i := range 2 {
		require.NoError(t, p.sendHandle(netHandle, []byte(strconv.Itoa(i)), int(p.child.Fd()), func() { released.Add(1) }))
	}
	p.giveUp()
	p.say(t, "{\"cmd\":\"NODE_HANDLE_NACK\"}\n")
	await(t, func() bool { return alive.Load() == 1 })
	assert.Zero(t, released.Load())
	p.say(t, "{\"cmd\":\"NODE_HANDLE_ACK\"}\n")
	await(t, func() bool { return released.Load() == 1 })
	p.say(t, "{\"cmd\":\"NODE_HANDLE_ACK\"}\n")
	await(t, func() bool { return released.Load() == 2 })
	b, oob := make([]byte, 4096), make([]byte, 256)
	var text string
	for !strings.Contains(text, `"msg":1`) {
		n, rights, _, _, err := unix.Recvmsg(int(p.child.Fd()), b, oob, unix.MSG_CMSG_CLOEXEC)
		require.NoError(t, err)
		closeRights(oob[:rights])
		text += string(b[:n])
	}
	assert.Equal(t, 1, strings.Count(text, `"msg":0`), "sent once: %s", text)
}

// TestABurstNeedsNoReader: what a program says in one go leaves it at once, whenever it is read.
func TestABurstNeedsNoReader(t *testing.T) {
	limit, err := os.ReadFile("/proc/sys/net/core/wmem_max")
	require.NoError(t, err)
	if n, _ := strconv.Atoi(strings.TrimSpace(string(limit))); n < room && os.Geteuid() != 0 {
		t.Skipf("the system allows %d bytes", n)
	}
	x, err := New()
	require.NoError(t, err)
	c, child, err := x.Open(Hooks{})
	require.NoError(t, err)
	defer unix.Close(child)
	unread, err := unix.Dup(c.FD())
	require.NoError(t, err)
	defer unix.Close(unread)
	require.NoError(t, x.Close()) // nobody reads from here on
	sent := 0
	for err == nil && sent < 10_000 {
		err = unix.Sendto(child, []byte(`{"type":"process:msg","data":{"text":"some words"}}`+"\n"), unix.MSG_DONTWAIT, nil)
		sent++
	}
	assert.ErrorIs(t, err, unix.EAGAIN, "it is bounded")
	assert.Greater(t, sent, 1000)
}

// TestAFloodIsBounded sends more than could be kept.
// TestAFloodIsReadByTheClock, whole and in order, and other channels meanwhile; what comes when it is over is told of again.
func TestAFloodIsReadByTheClock(t *testing.T) {
	p, said := newPair(t), 0
	muted := func() bool {
		p.Channel.mu.Lock()
		defer p.Channel.mu.Unlock()
		return p.muted
	}
	say := func(n int) {
		var b strings.Builder
		for range n {
			fmt.Fprintln(&b, said)
			said++
		}
		p.say(t, b.String())
	}
	await(t, func() bool { say(2 * flood); return muted() })
	heard, child, err := make(chan string, 1), -1, error(nil)
	_, child, err = p.x.Open(Hooks{Message: func(raw []byte) { heard <- string(raw) }})
	require.NoError(t, err)
	other := os.NewFile(uintptr(child), "other")
	defer other.Close()
	for range 20 {
		say(flood)
		_, err := other.WriteString("1\n")
		require.NoError(t, err)
		require.Equal(t, "1", <-heard)
	}
	await(t, func() bool { return !muted() })
	say(1)
	await(t, func() bool { return len(p.messages()) >= said })
	for i, m := range p.messages() {
		require.Equal(t, strconv.Itoa(i), m)
	}
	await(t, func() bool { say(2 * flood); return muted() })
	p.child.Close()
	await(t, p.closed.Load)
	require.Len(t, p.messages(), said)
}

func TestAFloodIsBounded(t *testing.T) {
	var n atomic.Int64
	p := newPair(t, func(h *Hooks) { h.Message = func([]byte) { n.Add(1) } })
	line := []byte(`{"type":"process:msg","data":{"i":123456,"text":"some words that are as long as usual"}}` + "\n")
	batch := bytes.Repeat(line, 1000)
	total := int64(1_000_000)
	if testing.Short() {
		total = 50_000
	}
	before := rss(t)
	for range total / 1000 {
		_, err := p.child.Write(batch)
		require.NoError(t, err)
	}
	await(t, func() bool { return n.Load() == total })
	assert.Less(t, rss(t)-before, int64(16<<20), "bytes more than before")
}

// rss is what this process has resident, in bytes.
func rss(t *testing.T) int64 {
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}
