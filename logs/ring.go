package logs

import (
	"bytes"
	"time"

	"weaver/app"
)

// ringMax bounds what is kept of each stream for Recent. A process that printed little costs little.
const ringMax = 2048

// ring keeps the last bytes that went to a stream's files.
type ring struct {
	data  []byte
	marks []mark // ascending; at most marksMax
	name  string
	ns    string
}

// mark says when the bytes from position at on were written.
type mark struct {
	at   int32
	unix int64 // milliseconds
}

const marksMax = 16

func (r *ring) add(b []byte, now time.Time) {
	if n := len(b) - ringMax; n > 0 {
		b = b[wholeFrom(b, n):]
		r.data, r.marks = r.data[:0], r.marks[:0]
	}
	if over := len(r.data) + len(b) - ringMax; over > 0 {
		r.drop(over)
	}
	if len(r.marks) == marksMax {
		r.marks = r.marks[:copy(r.marks, r.marks[1:])]
	}
	r.marks = append(r.marks, mark{int32(len(r.data)), now.UnixMilli()})
	r.data = append(r.data, b...)
}

// drop forgets the oldest n bytes and, so as not to begin in the middle of a line, the rest of their last line.
func (r *ring) drop(n int) {
	n = wholeFrom(r.data, n) // at most all of it
	r.data = r.data[:copy(r.data, r.data[n:])]
	kept := r.marks[:0]
	for _, m := range r.marks {
		m.at -= int32(n)
		if m.at < 0 && len(kept) > 0 {
			kept = kept[:0] // an older mark that covers nothing any more
		}
		kept = append(kept, m)
	}
	r.marks = kept
}

// wholeFrom returns where to begin in b, from n on, so as to begin with a line; n itself if no line begins there.
func wholeFrom(b []byte, n int) int {
	if b[n-1] != '\n' {
		if i := bytes.IndexByte(b[n:], '\n'); i >= 0 {
			return n + i + 1
		}
	}
	return n
}

func (r *ring) reset() { r.data, r.marks = nil, nil }

// lines returns the last n lines. At is zero for lines that are older than the oldest mark.
func (r *ring) lines(id app.ID, s app.Stream, n int) []app.Line {
	var all []app.Line
	m := -1
	for pos := 0; pos < len(r.data); {
		piece := nextPiece(r.data[pos:])
		for m+1 < len(r.marks) && int(r.marks[m+1].at) <= pos {
			m++
		}
		l := app.Line{ID: id, Name: r.name, Namespace: r.ns, Stream: s, Text: string(bytes.TrimSuffix(piece, []byte{'\n'}))}
		if m >= 0 {
			l.At = time.UnixMilli(r.marks[m].unix)
		}
		all = append(all, l)
		pos += len(piece)
	}
	return all[max(0, len(all)-max(n, 0)):]
}
