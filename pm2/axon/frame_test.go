package axon

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func frame(t testing.TB, m ...[]byte) []byte {
	t.Helper()
	f, err := AppendFrame(nil, m)
	require.NoError(t, err)
	return f
}

func TestAFrameIsWhatPM2sClientSends(t *testing.T) {
	want := "\x12\x00\x00\x00\x33j:{\"type\":\"call\",\"method\":\"getVersion\",\"args\":[{}]}\x00\x00\x00\x08s:9051:0"
	assert.Equal(t, want, string(frame(t, JSON([]byte(`{"type":"call","method":"getVersion","args":[{}]}`)), Text("9051:0"))))
	m, err := NewReader(strings.NewReader(want)).Read()
	require.NoError(t, err)
	doc, ok := JSONOf(m[0])
	assert.True(t, ok)
	assert.JSONEq(t, `{"type":"call","method":"getVersion","args":[{}]}`, string(doc))
	id, ok := TextOf(m[1])
	assert.True(t, ok)
	assert.Equal(t, "9051:0", id)
}

func TestFramesMayComeInPiecesAndTogether(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 3*step+17)
	stream := frame(t, Text("a"))
	stream = append(stream, frame(t, long, Text("b"), []byte("raw"))...)
	stream = append(stream, frame(t, JSON([]byte("null")))...)
	for name, in := range map[string]io.Reader{
		"at once": bytes.NewReader(stream), "a byte at a time": iotest.OneByteReader(bytes.NewReader(stream)),
		"in halves": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		r := NewReader(in)
		m, err := r.Read()
		require.NoError(t, err, name)
		assert.Equal(t, Message{Text("a")}, m, name)
		m, err = r.Read()
		require.NoError(t, err, name)
		assert.Equal(t, Message{long, Text("b"), []byte("raw")}, m, name)
		_, err = r.Read()
		require.NoError(t, err, name)
		_, err = r.Read()
		assert.Equal(t, io.EOF, err, name)
	}
	for cut := 1; cut < 20; cut++ {
		r := NewReader(bytes.NewReader(frame(t, Text("hello"), Text("world!"))[:cut]))
		_, err := r.Read()
		assert.Equal(t, io.ErrUnexpectedEOF, err, cut)
	}
}

func TestWhatWouldHangAClientIsNotSent(t *testing.T) {
	for _, m := range []Message{{}, {Text("a"), {}}, make(Message, 16)} {
		_, err := AppendFrame(nil, m)
		assert.Error(t, err)
	}
}

func TestLengthsAreNotBelieved(t *testing.T) {
	for name, in := range map[string]string{
		"another version": "\x22\x00\x00\x00\x01a\x00\x00\x00\x01b",
		"too long":        "\x11\xff\xff\xff\xff",
		"long in sum":     "\x12\x00\x00\x00\x60" + strings.Repeat("a", 0x60) + "\x00\x00\x00\x60",
	} {
		r := NewReader(strings.NewReader(in))
		r.Max = 100
		_, err := r.Read()
		require.Error(t, err, name)
		assert.NotErrorIs(t, err, io.ErrUnexpectedEOF, name)
	}
	// What is claimed to come and does not is not allocated.
	claim := []byte{0x11, 0x00, 0xff, 0xff, 0xff}
	allocated := testing.AllocsPerRun(10, func() {
		_, err := NewReader(bytes.NewReader(claim)).Read()
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	})
	assert.Less(t, allocated, 20.0)
}

func FuzzRead(f *testing.F) {
	f.Add(frame(f, Text("a"), JSON([]byte(`{"a":1}`))))
	f.Add([]byte("\x10\x1f"))
	f.Add([]byte("\x11\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		r.Max = 1 << 16
		at := 0
		for {
			m, err := r.Read()
			if err != nil {
				return
			}
			size, sendable := 1, len(m) > 0
			for _, arg := range m {
				size += 4 + len(arg)
				sendable = sendable && len(arg) > 0
			}
			again, err := AppendFrame(nil, m)
			require.Equal(t, sendable, err == nil)
			if err == nil {
				require.Equal(t, in[at:at+size], again, "what was read is what was sent")
			}
			at += size
		}
	})
}
