package logs

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"weaver/app"
)

const (
	// checkEvery is how often a sink that is written to looks whether its file was removed or truncated by others.
	checkEvery = time.Second
	// retryEvery is how often a sink whose disk refuses tries again, while there is output.
	retryEvery = 100 * time.Millisecond
	// reserveFor is how long the rest of a line is awaited before others may write to the same sink; reserveMax is
	// the longest that a line can keep them waiting by trickling.
	reserveFor = 100 * time.Millisecond
	reserveMax = 2 * time.Second
)

// sink is one open log file, shared by all pipes and paths that lead to its inode.
type sink struct {
	e        *Engine
	path     string // as it was asked for first
	real     string // without the symbolic links of its last element: what is rotated
	rotation Rotation
	json     bool // the marker of a gap is to be JSON too

	key      fileKey // guarded by e.mu, as are
	users    int     // how many destinations lead here
	rotating bool    // the path is about to lead to another inode

	// mu is held by whoever writes, rotates or truncates. The log thread only tries it: a disk that hangs keeps busy
	// those who write to it and nobody else. It is taken before e.mu.
	mu      sync.Mutex
	out     output
	closed  bool
	regular bool
	size    int64
	born    time.Time
	checked instant
	// entry notes writes for a successor; of the delivery under way.
	entry entry
	// midline: the last byte written was not a newline.
	midline bool

	// owner has written the beginning of a line, and may write its end first.
	owner       *Pipe
	owned, free instant // since, until, in the engine's uptime

	noRotation instant // rotation failed; not before
	lastStamp  string  // the last rotation's date and how many bore it
	lastNumber int

	// cause says why the disk refuses, nil when it does not.
	cause   error
	retry   instant
	lost    app.Bytes // not yet marked in the file
	torn    bool      // what was lost last ended within a line
	missing bool      // the file is gone and could not be made again
	gap     gapOf     // what a successor needs to know of that; nil when nothing was lost
}

// instant is a time in nanoseconds: sinks are many, and a time.Time has 24 bytes.
type instant int64

func at(t time.Time) instant { return instant(t.UnixNano()) }

// awaits says that until lies ahead, no further than wait: a clock that was set back delays nothing for longer.
func (until instant) awaits(now time.Time, wait time.Duration) bool {
	left := until - at(now)
	return left > 0 && left <= instant(wait)
}

func (e *Engine) newSink(d Dest, json bool, out output, st status, real string) *sink {
	s := &sink{
		e: e, path: d.Path, real: real, rotation: d.Rotation.withDefaults(), json: json, key: st.key,
		out: out, regular: st.regular, size: st.size, born: st.born, checked: at(e.now()),
	}
	if r, ok := out.(refused); ok {
		s.cause, s.missing = r.error, true
	}
	if s.gap = e.ledger.gap(real, false); s.gap != nil { // it was not told by whoever lost it
		n, cause, torn := s.gap.Lost()
		s.lost, s.torn = app.Bytes(n), torn
		if s.cause == nil {
			s.cause = cause
		}
		last, any := lastByte(real)
		s.midline = any && last != '\n'
	}
	return s
}

// placeOf is the end of the first file, which is locked.
func placeOf(sinks []*sink) app.Place {
	if len(sinks) == 0 || !sinks[0].regular || sinks[0].cause != nil {
		return app.Place{}
	}
	return app.Place{File: sinks[0].key.identity(), End: sinks[0].size}
}

// available says that p may write now. Call it with s.mu held.
func (s *sink) available(p *Pipe) bool {
	return !s.closed && (s.owner == nil || s.owner == p || s.e.uptime() > s.free)
}

// write appends b, which p printed, or counts it as lost. It never fails and never waits for room.
func (s *sink) write(p *Pipe, b []byte, now time.Time) {
	if s.cause != nil {
		if s.retry.awaits(now, retryEvery) {
			s.lose(b)
			return
		}
		if i := bytes.IndexByte(b, '\n'); s.torn && i >= 0 { // go on with a whole line
			s.lose(b[:i+1])
			b = b[i+1:]
		}
		if !s.recover(now) {
			s.lose(b)
			return
		}
	}
	for len(b) > 0 {
		s.check(now)
		if s.cause != nil {
			s.lose(b)
			return
		}
		n := s.room(b, now)
		if n == 0 {
			s.rotateFull(now)
			continue
		}
		noteWrite(s.entry, s.key, s.size, n) // key changes only with mu held
		w, err := s.out.Write(b[:n])
		s.entry.Wrote(w)
		s.wrote(b[:w], now)
		b = b[w:]
		if err != nil {
			s.fail(fmt.Errorf("write log %s: %w", s.path, err), err, now)
			s.lose(b)
			return
		}
	}
	s.reserve(p)
}

func (s *sink) wrote(b []byte, now time.Time) {
	if len(b) == 0 {
		return
	}
	if s.size == 0 {
		s.born = now
		s.e.tendAge(s, now)
	}
	s.size += int64(len(b))
	s.midline = b[len(b)-1] != '\n'
}

// reserve keeps the rest of a line together with its beginning.
func (s *sink) reserve(p *Pipe) {
	if !s.midline || p == nil {
		s.owner = nil
		return
	}
	now := s.e.uptime()
	if s.owner != p {
		s.owner, s.owned = p, now
	}
	s.free = min(now+instant(reserveFor), s.owned+instant(reserveMax))
}

// check looks at most once a second whether others have removed or truncated the file.
func (s *sink) check(now time.Time) {
	if d := at(now) - s.checked; d >= 0 && d < instant(checkEvery) || !s.regular {
		return
	}
	s.checked = at(now)
	st, err := s.out.Stat()
	switch {
	case err != nil: // the write will tell
	case st.links == 0:
		s.reopen(now)
	default:
		s.resize(st.size, now)
	}
}

// resize takes note of the file's true size.
func (s *sink) resize(size int64, now time.Time) {
	if size < s.size {
		s.born, s.midline = now, false
	}
	s.size = size
}

// reopen opens the path again, whatever it leads to now. If that fails output is lost until it works.
func (s *sink) reopen(now time.Time) bool {
	out, st, real, err := s.e.open(s.path)
	if err != nil {
		s.missing = true
		s.fail(err, err, now)
		return false
	}
	s.replace(out, st, now)
	s.real, s.missing = real, false
	return true
}

// replace goes on with another file.
func (s *sink) replace(out output, st status, now time.Time) {
	_ = s.out.Close() // everything was written with write(2); there is nothing to flush
	s.e.rekey(s, st.key)
	s.out, s.regular, s.size, s.born = out, st.regular, st.size, st.born
	s.midline, s.owner, s.checked = false, nil, at(now)
}

// fail notes that the disk refuses; err is reported once, cause is what the marker will say.
func (s *sink) fail(err, cause error, now time.Time) {
	if s.cause == nil {
		s.e.report(s.path, err)
	}
	s.cause = cause
	s.retry = at(now.Add(retryEvery))
	s.e.tendSoon()
}

func (s *sink) lose(b []byte) {
	if len(b) == 0 {
		return
	}
	s.entry.Wrote(len(b)) // it is not to be tried again
	s.lost += app.Bytes(len(b))
	s.torn = b[len(b)-1] != '\n'
	if s.gap == nil {
		s.gap = s.e.ledger.gap(s.real, true)
	}
	s.gap.Lose(len(b), number(s.cause), s.torn)
	s.e.stats.dropped.Add(int64(len(b)))
}

// recover tries to write the marker, after which the sink works again.
func (s *sink) recover(now time.Time) bool {
	s.retry = at(now.Add(retryEvery))
	if s.missing && !s.reopen(now) {
		return false
	}
	if s.lost > 0 {
		mark := s.marker(now)
		n, err := s.out.Write(mark)
		if err != nil {
			if st, serr := s.out.Stat(); n > 0 && serr == nil && st.size == s.size+int64(n) {
				_ = s.out.Truncate(s.size) // half a marker is worse than none; the next try will tell
			}
			return false
		}
		s.wrote(mark, now)
	}
	s.gap.Told()
	s.lost, s.cause, s.torn, s.gap = 0, nil, false, nil
	return true
}

// number is that of the system's error in err.
func number(err error) (n syscall.Errno) {
	errors.As(err, &n)
	return n
}

// marker is the line that says how much is missing.
func (s *sink) marker(now time.Time) []byte {
	var b []byte
	if s.midline {
		b = append(b, '\n')
	}
	text := fmt.Appendf(nil, "[weaver] %d bytes of output were lost: %s\n", int64(s.lost), s.cause)
	if !s.json {
		return append(b, text...)
	}
	stamp := now.UTC().AppendFormat(nil, isoMillis)
	return appendJSONLine(b, text, stamp, jsonTail(string(app.Err), -1, "weaver"))
}

// truncate empties the file.
func (s *sink) truncate(now time.Time) error {
	if !s.regular {
		return nil
	}
	if err := s.out.Truncate(0); err != nil {
		return fmt.Errorf("truncate log %s: %w", s.path, err)
	}
	s.size, s.born, s.midline, s.owner = 0, now, false, nil
	return nil
}

// close marks a gap if it can, and closes the file.
func (s *sink) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.cause != nil && !s.recover(s.e.now()) {
		s.e.report(s.path, fmt.Errorf("close log %s: %d bytes of output were lost: %w", s.path, int64(s.lost), s.cause))
	}
	if err := s.out.Close(); err != nil {
		return fmt.Errorf("close log %s: %w", s.path, err)
	}
	return nil
}
