package nodeipc

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"weaver/supervisor/nodeipc/v8"
)

// framing is how JSON texts travel on a channel, and how they are told apart there.
type framing interface {
	// pack makes a frame of a text.
	pack(text []byte) ([]byte, error)
	// cut returns the first frame of what has come, without what is around it, and how many bytes that is; 0 if it is not
	// whole yet. A frame of nil is what belongs to none.
	cut(b []byte) (frame []byte, size int)
	// unpack returns the text of a frame, which is valid during the call only.
	unpack(frame []byte) (text []byte, ok bool)
	// rest tells how many bytes of what has come belong to a frame that is longer than a window, and whether they are its last.
	// left is for what it remembers between calls, 0 at the frame's beginning.
	rest(b []byte, left *int) (n int, last bool)
}

// newlines end each text: Node's framing if nothing else is asked for.
type newlines struct{}

// lengths are before each value, which V8 serialized.
type lengths struct{}

var (
	lines  framing = newlines{}
	values framing = lengths{}
)

func (newlines) pack(text []byte) ([]byte, error) {
	if bytes.IndexByte(text, '\n') >= 0 { // between tokens, where JSON allows it
		var b bytes.Buffer
		if err := json.Compact(&b, text); err != nil {
			return nil, err
		}
		text = b.Bytes()
	}
	return append(text[:len(text):len(text)], '\n'), nil
}

func (newlines) cut(b []byte) (frame []byte, size int) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, 0
	}
	return b[:i], i + 1
}

func (newlines) unpack(frame []byte) ([]byte, bool) { return frame, true }

func (newlines) rest(b []byte, _ *int) (int, bool) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1, true
	}
	return len(b), false
}

func (lengths) pack(text []byte) ([]byte, error) {
	b, err := v8.FromJSON(make([]byte, lengthSize, lengthSize+len(text)+2), text)
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-lengthSize))
	return b, nil
}

const (
	lengthSize = 4
	headSize   = lengthSize + 2 // with the header of a value
)

// begins reports whether a frame may begin there. A reader that follows one that was killed in a long frame finds the next so.
func begins(b []byte) bool {
	n := binary.BigEndian.Uint32(b)
	return n > 2 && n <= 4*MaxFrame && b[lengthSize] == 0xFF && b[lengthSize+1] >= 9 && b[lengthSize+1] < 64
}

func (lengths) cut(b []byte) (frame []byte, size int) {
	for i := range max(0, len(b)-headSize+1) {
		switch {
		case !begins(b[i:]):
			continue
		case i > 0:
			return nil, i
		}
		n := lengthSize + int(binary.BigEndian.Uint32(b))
		if n > len(b) {
			return nil, 0
		}
		return b[lengthSize:n], n
	}
	return nil, max(0, len(b)-headSize+1)
}

func (lengths) unpack(frame []byte) ([]byte, bool) {
	text, err := v8.ToJSON(frame, MaxFrame)
	return text, err == nil && frame != nil
}

func (lengths) rest(b []byte, left *int) (int, bool) {
	if *left == 0 {
		if len(b) < lengthSize { // the channel ends here
			return len(b), false
		}
		*left = lengthSize + int(binary.BigEndian.Uint32(b))
	}
	n := min(len(b), *left)
	*left -= n
	return n, *left == 0
}
