package axon

import (
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// replyTime is what a peer may take for a reply.
const replyTime = 10 * time.Second

// replies are a connection's.
type replies struct {
	conn net.Conn
	mu   sync.Mutex // one writes

	// Of the connection's reader: what has not been written yet, what comes before that, and after.
	ready []byte
	first []Flusher
	then  []func()
}

// enough is how much is written at the latest.
const enough = 32 << 10

// add has a reply written with others, when its caller has nothing more to ask.
func (r *replies) add(doc, id []byte) {
	r.ready = appendReply(r.ready, doc, id)
	if len(r.ready) > enough {
		r.flush()
	}
}

// whenSent has something done when what was added until then has been written.
func (r *replies) whenSent(f func()) { r.then = append(r.then, f) }

// flushFirst has something flushed before what is added now is written.
func (r *replies) flushFirst(f Flusher) {
	if !slices.Contains(r.first, f) {
		r.first = append(r.first, f)
	}
}

// flush writes what has been added.
func (r *replies) flush() {
	for i, f := range r.first {
		f.Flush()
		r.first[i] = nil
	}
	r.first = r.first[:0]
	if len(r.ready) > 0 {
		r.write(r.ready)
		if r.ready = r.ready[:0]; cap(r.ready) > 2*enough { // of one long answer
			r.ready = nil
		}
	}
	for i, f := range r.then {
		f()
		r.then[i] = nil
	}
	r.then = r.then[:0]
}

// send writes a reply at once. It may be called by several.
func (r *replies) send(doc, id []byte) { r.write(appendReply(nil, doc, id)) }

// write gives up on a peer that does not take replies: its stream would end within a frame.
func (r *replies) write(frames []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn.SetWriteDeadline(time.Now().Add(replyTime))
	if _, err := r.conn.Write(frames); err != nil {
		r.conn.Close()
	}
}

// appendReply appends the frame of a reply, which is JSON. A request whose id is empty cannot be answered.
func appendReply(dst, doc, id []byte) []byte {
	if len(id) == 0 {
		return dst
	}
	dst = append(dst, version<<4|2)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(jsonMark)+len(doc)))
	dst = append(dst, jsonMark...)
	dst = append(dst, doc...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(id)))
	return append(dst, id...)
}

// source is a connection whose calls have all been answered before it is read on.
type source struct {
	net.Conn
	out *replies
	*Arrival
}

func (s source) Read(b []byte) (int, error) {
	s.out.flush()
	n, err := s.Conn.Read(b)
	s.reads.Add(1)
	return n, err
}

// Arrival is what calls of a connection have in common that have come together.
type Arrival struct {
	reads, done atomic.Int64
}

// Once calls f, unless it has been called since anything came in: what it finds out is as true for calls that came together.
func (a *Arrival) Once(f func()) {
	if a == nil {
		f()
		return
	}
	now := a.reads.Load()
	if a.done.Load() == now {
		return
	}
	f()
	a.done.Store(now)
}
