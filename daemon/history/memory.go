package history

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Memory is a file that outlives this process, though not the machine.
type Memory interface {
	io.ReaderAt
	io.WriterAt
}

// What waits is written to memory whole, in turn to two places: if this process dies in the middle of one the other counts.
const (
	placeSize = 16 << 20 // as far apart as they are; nothing takes room that was not written
	headSize  = 8 + 4 + 4
	entrySize = 8 + 2 + blockSize // after the name
)

// Keep has Remember write to m, and takes over what a former store has left there.
func (s *Store) Keep(m Memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory = m
	var newest []byte
	for place := range int64(2) {
		if seq, text, ok := readPlace(m, place); ok && seq >= s.turn {
			s.turn, newest = seq, text
		}
	}
	for len(newest) >= 2 {
		n := int(binary.LittleEndian.Uint16(newest))
		if len(newest) < 2+n+entrySize {
			return
		}
		name, e := string(newest[2:2+n]), newest[2+n:]
		w := &series{step: int64(binary.LittleEndian.Uint64(e)), set: binary.LittleEndian.Uint16(e[8:])}
		copy(w.block[:], e[10:])
		s.series[name] = w
		newest = e[entrySize:]
	}
}

// Remember writes what waits to memory, so that the next store knows it if this process dies at once.
func (s *Store) Remember() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remember()
}

func (s *Store) remember() {
	if s.memory == nil {
		return
	}
	b := append(s.buf[:0], make([]byte, headSize)...)
	for name, w := range s.series {
		if w.set == 0 || len(name) > 1<<16-1 {
			continue
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
		b = binary.LittleEndian.AppendUint64(b, uint64(w.step))
		b = binary.LittleEndian.AppendUint16(b, w.set)
		b = append(b, w.block[:]...)
	}
	nothing := len(b) == headSize
	if s.buf = b[:0]; len(b) > placeSize || nothing && s.nothing {
		return
	}
	s.nothing = nothing
	s.turn++
	binary.LittleEndian.PutUint64(b, s.turn)
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)-headSize))
	binary.LittleEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[headSize:])^uint32(s.turn))
	_, _ = s.memory.WriteAt(b, int64(s.turn%2)*placeSize) // what is not remembered is ten seconds of figures
}

// readPlace returns what is in one of the places, if it is whole.
func readPlace(m Memory, place int64) (seq uint64, text []byte, ok bool) {
	var head [headSize]byte
	if n, _ := m.ReadAt(head[:], place*placeSize); n < headSize {
		return 0, nil, false
	}
	seq = binary.LittleEndian.Uint64(head[:])
	size := binary.LittleEndian.Uint32(head[8:])
	if seq == 0 || size > placeSize {
		return 0, nil, false
	}
	text = make([]byte, size)
	n, _ := m.ReadAt(text, place*placeSize+headSize)
	return seq, text, n == len(text) && crc32.ChecksumIEEE(text)^uint32(seq) == binary.LittleEndian.Uint32(head[12:])
}
