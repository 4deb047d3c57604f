package axon

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	version = 1
	// maxArgs is what four bits can count.
	maxArgs = 15
	// MaxMessage bounds a message that is read, in bytes of its arguments. The longest that a client has reason to send
	// is an app's settings with its whole environment.
	MaxMessage = 16 << 20
)

// Message is what one frame carries: its arguments, as they are on the wire.
type Message [][]byte

// jsonMark is before what is JSON.
const jsonMark = "j:"

// Text makes the argument that JavaScript reads as a string.
func Text(s string) []byte { return append([]byte("s:"), s...) }

// JSON makes the argument that JavaScript reads as the value which doc is the JSON of.
func JSON(doc []byte) []byte { return append([]byte("j:"), doc...) }

// TextOf returns the string that an argument is, and whether it is one.
func TextOf(arg []byte) (string, bool) {
	if len(arg) >= 2 && arg[0] == 's' && arg[1] == ':' {
		return string(arg[2:]), true
	}
	return "", false
}

// JSONOf returns the document that an argument is, and whether it is valid JSON under its mark.
func JSONOf(arg []byte) (json.RawMessage, bool) {
	if len(arg) >= 2 && arg[0] == 'j' && arg[1] == ':' && json.Valid(arg[2:]) {
		return json.RawMessage(arg[2:]), true
	}
	return nil, false
}

// errUnsendable is for messages at which the parsers of PM2's clients would hang.
var errUnsendable = errors.New("axon: a message has 1 to 15 arguments, none of them empty")

// AppendFrame appends the frame of m. A message without arguments, or with an empty one, is an error: clients in
// JavaScript would wait for ever for its end.
func AppendFrame(dst []byte, m Message) ([]byte, error) {
	if len(m) == 0 || len(m) > maxArgs {
		return dst, errUnsendable
	}
	for _, arg := range m {
		if len(arg) == 0 {
			return dst, errUnsendable
		}
	}
	dst = append(dst, version<<4|byte(len(m)))
	for _, arg := range m {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(arg)))
		dst = append(dst, arg...)
	}
	return dst, nil
}

// Reader takes messages off a stream.
type Reader struct {
	in *bufio.Reader
	// Max bounds a message; MaxMessage when 0.
	Max int
}

// NewReader reads from in.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(in, 8<<10)} }

// Read returns the next message. At the end of the stream it returns io.EOF, within a message io.ErrUnexpectedEOF. After
// any error the stream is of no further use.
func (r *Reader) Read() (Message, error) {
	head, err := r.in.ReadByte()
	if err != nil {
		return nil, err
	}
	if head>>4 != version {
		return nil, fmt.Errorf("axon: a frame of version %d, not %d", head>>4, version)
	}
	left := r.Max
	if left == 0 {
		left = MaxMessage
	}
	m := make(Message, head&15)
	for i := range m {
		var size [4]byte
		if _, err := io.ReadFull(r.in, size[:]); err != nil {
			return nil, within(err)
		}
		n := int64(binary.BigEndian.Uint32(size[:]))
		if n > int64(left) {
			return nil, fmt.Errorf("axon: a message with an argument of %d bytes, of which %d are allowed", n, left)
		}
		left -= int(n)
		if m[i], err = r.take(int(n)); err != nil {
			return nil, within(err)
		}
	}
	return m, nil
}

// step is how much is made room for at a time: what a length says is believed only as far as bytes follow.
const step = 64 << 10

func (r *Reader) take(n int) ([]byte, error) {
	out := make([]byte, 0, min(n, step))
	for len(out) < n {
		from := len(out)
		if cap(out) == from {
			out = append(out, make([]byte, min(n-from, from))...)[:from]
		}
		out = out[:min(n, cap(out))]
		if _, err := io.ReadFull(r.in, out[from:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
