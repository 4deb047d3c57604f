package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"sync"
)

// version is that of the format. A reader takes it and all before it.
const version = 1

const (
	magic      = "weaver-journal "
	headerSize = len(magic) + len("1 ") + 16 + 1
	frameHead  = 8
	// maxFrame bounds what is taken for a frame: a length beyond it is damage.
	maxFrame = 64 << 20
)

const (
	opSet    = 1
	opDelete = 2
)

// castagnoli is made when it is needed: every command line links this package, and only the supervisor uses it.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// Record is one change.
type Record struct {
	Key   string
	Value []byte
	Gone  bool // the key is no more
}

func appendHeader(b []byte, number uint64) []byte {
	return fmt.Appendf(b, "%s%d %016x\n", magic, version, number)
}

// parseHeader returns the number of a file.
func parseHeader(b []byte) (number uint64, err error) {
	if len(b) < headerSize || !strings.HasPrefix(string(b[:len(magic)]), magic) {
		return 0, errNotJournal
	}
	format, text, ok := strings.Cut(strings.TrimSuffix(string(b[len(magic):headerSize]), "\n"), " ")
	v, err := strconv.Atoi(format)
	if !ok || err != nil || v < 1 {
		return 0, errNotJournal
	}
	if v > version {
		return 0, fmt.Errorf("format %d is newer than this weaver understands (%d)", v, version)
	}
	number, err = strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0, errNotJournal
	}
	return number, nil
}

// place is where a key's value is, within a frame or a file.
type place struct{ off, size int64 }

// appendFrame adds a frame with the records and returns its checksum, which the next one starts from.
func appendFrame(b []byte, chain uint32, records []Record) ([]byte, uint32) {
	start := len(b)
	b = append(b, make([]byte, frameHead)...)
	for i := range records {
		b = appendChange(b, &records[i])
	}
	return b, seal(b[start:], chain)
}

func appendChange(b []byte, r *Record) []byte {
	if r.Gone {
		b = append(b, opDelete)
		b = binary.AppendUvarint(b, uint64(len(r.Key)))
		return append(b, r.Key...)
	}
	b = append(b, opSet)
	b = binary.AppendUvarint(b, uint64(len(r.Key)))
	b = append(b, r.Key...)
	b = binary.AppendUvarint(b, uint64(len(r.Value)))
	return append(b, r.Value...)
}

// seal fills in the head of a frame.
func seal(frame []byte, chain uint32) uint32 {
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)-frameHead))
	sum := checksum(frame, chain)
	binary.LittleEndian.PutUint32(frame[4:], sum)
	return sum
}

func checksum(frame []byte, chain uint32) uint32 {
	sum := crc32.Update(chain, castagnoli(), frame[:4])
	return crc32.Update(sum, castagnoli(), frame[frameHead:])
}

// nextFrame returns the frame that b begins with; false if there is none that is whole and follows chain.
func nextFrame(b []byte, chain uint32) (frame []byte, sum uint32, ok bool) {
	if len(b) < frameHead {
		return nil, 0, false
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n == 0 || n > maxFrame || n > int64(len(b)-frameHead) {
		return nil, 0, false
	}
	frame = b[:frameHead+n]
	sum = checksum(frame, chain)
	return frame, sum, sum == binary.LittleEndian.Uint32(frame[4:])
}

// changes calls f for every change in a frame, at being where in the frame the value is. False if the frame is not made of
// changes.
func changes(frame []byte, f func(key []byte, gone bool, value place)) bool {
	for at := frameHead; at < len(frame); {
		op := frame[at]
		key, next, ok := field(frame, at+1)
		if !ok || op != opSet && op != opDelete {
			return false
		}
		at = next
		var value place
		if op == opSet {
			text, next, ok := field(frame, at)
			if !ok {
				return false
			}
			value, at = place{int64(next - len(text)), int64(len(text))}, next
		}
		f(key, op == opDelete, value)
	}
	return true
}

// field returns what has its length before it, and where it ends.
func field(b []byte, at int) (text []byte, next int, ok bool) {
	n, size := binary.Uvarint(b[at:])
	if size <= 0 || n > uint64(len(b)-at-size) {
		return nil, 0, false
	}
	at += size
	next = at + int(n)
	return b[at:next], next, true
}
