package nodeipc

import (
	"bufio"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weaver/supervisor/nodeipc/v8"
)

func advanced(h *Hooks) { h.Advanced = true }

// value is a frame of V8's.
func value(t *testing.T, text string) string {
	t.Helper()
	b, err := values.pack([]byte(text))
	require.NoError(t, err)
	return string(b)
}

func TestValuesComeWholeAndInOrder(t *testing.T) {
	p := newPair(t, advanced)
	object := value(t, `{"a":[1,"é"]}`)
	p.say(t, value(t, `"ready"`)+value(t, "42")+object[:7])
	p.awaitMessages(t, `"ready"`, "42")
	p.say(t, object[7:]+value(t, "null"))
	p.awaitMessages(t, `"ready"`, "42", `{"a":[1,"é"]}`, "null")
	await(t, func() bool { n, _ := unix.IoctlGetInt(p.fd, unix.TIOCINQ); return n == 0 })
}

// TestACutValueIsDroppedUpToTheNext: who reads after a reader that was killed in the middle of one.
func TestACutValueIsDroppedUpToTheNext(t *testing.T) {
	p := newPair(t, advanced)
	p.say(t, value(t, `"`+strings.Repeat("some of it is gone ", 100)+`"`)[1000:]+value(t, "1")+value(t, `{"whole":true}`))
	p.awaitMessages(t, "1", `{"whole":true}`)
}

func TestLongValues(t *testing.T) {
	p := newPair(t, advanced)
	long := `"` + strings.Repeat("x", 3<<20) + `"`
	p.say(t, value(t, "1")+value(t, long)+value(t, "2"))
	p.awaitMessages(t, "1", long, "2")

	p.say(t, value(t, `"`+strings.Repeat("y", MaxFrame)+`"`)+value(t, "3"))
	await(t, func() bool { return len(p.messages()) == 4 })
	assert.Equal(t, "3", p.messages()[3], "what is too long is dropped, what follows is not")
}

func TestWhatIsSentIsAValue(t *testing.T) {
	p := newPair(t, advanced)
	require.NoError(t, p.Send([]byte("{\n\"a\": \"<é>\"}")))
	require.NoError(t, p.sendHandle(netHandle, []byte(`{"cmd":"NODE_CLUSTER"}`), int(p.child.Fd()), nil))
	require.Error(t, p.Send([]byte("{")))
	r := bufio.NewReader(p.child)
	next := func() string {
		var size [4]byte
		_, err := io.ReadFull(r, size[:])
		require.NoError(t, err)
		b := make([]byte, binary.BigEndian.Uint32(size[:]))
		_, err = io.ReadFull(r, b)
		require.NoError(t, err)
		text, err := v8.ToJSON(b, 1<<20)
		require.NoError(t, err)
		return string(text)
	}
	assert.JSONEq(t, `{"a":"<é>"}`, next())
	assert.JSONEq(t, `{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_CLUSTER"}}`, next())
	p.say(t, value(t, `{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"mine":1}}`))
	p.awaitMessages(t, `{"mine":1}`)
	assert.JSONEq(t, `{"cmd":"NODE_HANDLE_ACK"}`, next(), "theirs is answered while ours is not")
}

// FuzzCut: whatever comes, something is taken or more is waited for, and never more than is there.
func FuzzCut(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x03\xff\x0d0\x00\x00\x00\x03\xff\x0d0"))
	f.Add([]byte("\"a\"\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, k := range []framing{lines, values} {
			rest := b
			for {
				frame, size := k.cut(rest)
				if size == 0 {
					break
				}
				require.LessOrEqual(t, size, len(rest))
				require.LessOrEqual(t, len(frame), size)
				k.unpack(frame)
				rest = rest[size:]
			}
			left := 0
			for rest := b; len(rest) > 0; {
				n, _ := k.rest(rest, &left)
				require.Positive(t, n)
				require.LessOrEqual(t, n, len(rest))
				require.GreaterOrEqual(t, left, 0)
				rest = rest[n:]
			}
		}
	})
}
