package logs

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

// destination is one file that a pipe writes to.
type destination struct {
	Dest
	json bool
	sink *sink // guarded by e.mu
}

// acquire returns the sink of the file at d.Path, opening it if it is not open. Give it back with release.
func (e *Engine) acquire(d Dest, json bool) (*sink, error) {
	for {
		e.mu.Lock()
		before := e.rotations
		e.mu.Unlock()
		out, st, real, err := e.open(d.Path)
		if err != nil {
			return nil, err
		}
		e.mu.Lock()
		if s := e.sinks[st.key]; s != nil {
			s.users++
			e.mu.Unlock()
			_ = out.Close()
			return s, nil
		}
		moving := e.rotatingAt(real)
		if moving == nil && e.rotations == before {
			s := e.newSink(d, json, out, st, real)
			s.users = 1
			e.sinks[st.key] = s
			e.mu.Unlock()
			e.tendAge(s, e.now())
			if s.cause != nil {
				e.tendSoon()
			}
			return s, nil
		}
		e.mu.Unlock()
		// What we have opened may just have been renamed, or be the new file that its sink does not know yet.
		_ = out.Close()
		if moving != nil {
			moving.mu.Lock()
			//lint:ignore SA2001 only to wait until it has rotated
			moving.mu.Unlock()
		}
	}
}

// acquireRefused returns a sink without a file, which a disk refuses for now.
func (e *Engine) acquireRefused(d Dest, json bool, cause error) *sink {
	e.mu.Lock()
	key := noFile(d.Path)
	s := e.sinks[key]
	if s == nil {
		s = e.newSink(d, json, refused{cause}, status{key: key}, d.Path)
		e.sinks[key] = s
	}
	s.users++
	e.mu.Unlock()
	e.report(d.Path, cause)
	e.tendSoon()
	return s
}

// SetRotation changes how the log at path is rotated, if anybody writes to it; from the next line on.
func (e *Engine) SetRotation(path string, r Rotation) {
	var sinks []*sink
	e.destinations(func(d *destination) bool {
		if d.Path == path && d.sink != nil && !slices.Contains(sinks, d.sink) {
			sinks = append(sinks, d.sink)
		}
		return false
	})
	for _, s := range sinks {
		s.mu.Lock()
		s.rotation = r.withDefaults()
		s.mu.Unlock()
		e.tendAge(s, e.now())
	}
}

// rotatingAt returns the sink that is just about to replace the file at real. Call it with e.mu held.
func (e *Engine) rotatingAt(real string) *sink {
	for _, s := range e.sinks {
		if s.rotating && s.real == real {
			return s
		}
	}
	return nil
}

// release gives a sink back; the last one closes the file.
func (e *Engine) release(s *sink) {
	e.mu.Lock()
	s.users--
	last := s.users == 0
	if last && e.sinks[s.key] == s {
		delete(e.sinks, s.key)
	}
	e.mu.Unlock()
	if !last {
		return
	}
	e.closing.Add(1)
	finish := func() {
		defer e.closing.Done()
		if err := s.close(); err != nil {
			e.report(s.path, err)
		}
	}
	if s.mu.TryLock() {
		s.mu.Unlock()
		finish()
	} else {
		go finish() // ends when the disk lets go of the sink
	}
}

// rekey notes that a sink's path leads to another inode now. If that inode has a sink already, or the sink has other
// paths, its destinations are looked up anew.
func (e *Engine) rekey(s *sink, key fileKey) {
	e.mu.Lock()
	if e.sinks[s.key] == s {
		delete(e.sinks, s.key)
	}
	s.key = key
	other := e.sinks[key]
	if other == nil && s.users > 0 {
		e.sinks[key] = s
	}
	e.mu.Unlock()
	stray := e.destinations(func(d *destination) bool { return d.sink == s && (other != nil || d.Path != s.path) })
	if len(stray) == 0 {
		return
	}
	e.closing.Add(1)
	go func() { // ends when the destinations are opened; it may need s.mu, which our caller holds
		defer e.closing.Done()
		for _, d := range stray {
			if err := e.rebind(d); err != nil {
				e.report(d.Path, err)
			}
		}
	}()
}

func (e *Engine) setRotating(s *sink, is bool) {
	e.mu.Lock()
	s.rotating = is
	if !is {
		e.rotations++
	}
	e.mu.Unlock()
}

// destinations returns those of all pipes that are wanted.
func (e *Engine) destinations(want func(*destination) bool) []*destination {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []*destination
	for p := range e.pipes {
		for _, d := range p.dests {
			if want(d) {
				out = append(out, d)
			}
		}
	}
	return out
}

// rebind opens a destination's path again and goes on with what is there.
func (e *Engine) rebind(d *destination) error {
	s, err := e.acquire(d.Dest, d.json)
	if err != nil {
		return err
	}
	e.mu.Lock()
	old := d.sink
	if old != nil { // else its pipe has ended meanwhile
		d.sink = s
	}
	e.mu.Unlock()
	if old == nil {
		old = s
	}
	e.release(old)
	return nil
}

// tender comes back to sinks that have something to do without being written to: to mark a gap, to rotate by age. It is
// a timer that is set only while there is such a sink.
type tender struct {
	timer *time.Timer
	at    time.Time // when it is set to fire; zero when it is not set
}

func (t *tender) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// tendSoon asks for a visit within a second or so.
func (e *Engine) tendSoon() { e.tendAfter(time.Second) }

// tendAge asks for a visit when the file is old enough to be rotated.
func (e *Engine) tendAge(s *sink, now time.Time) {
	if s.rotation.MaxAge > 0 && s.size > 0 && s.regular {
		e.tendAfter(s.born.Add(s.rotation.MaxAge).Sub(now))
	}
}

func (e *Engine) tendAfter(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, at := &e.tender, time.Now().Add(d)
	if e.closed || !t.at.IsZero() && !at.Before(t.at) {
		return
	}
	t.at = at
	if t.timer == nil {
		t.timer = time.AfterFunc(d, e.tend)
	} else {
		t.timer.Reset(d)
	}
}

// tend visits all sinks that nobody is busy with.
func (e *Engine) tend() {
	e.mu.Lock()
	e.tender.at = time.Time{}
	sinks := make([]*sink, 0, len(e.sinks))
	for _, s := range e.sinks {
		sinks = append(sinks, s)
	}
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return
	}
	for _, s := range sinks {
		if s.mu.TryLock() {
			s.tend(e.now())
			s.mu.Unlock()
		} else if s.rotation.MaxAge > 0 {
			e.tendSoon()
		}
	}
}

// tend does what has become due without output.
func (s *sink) tend(now time.Time) {
	if s.closed {
		return
	}
	if s.cause != nil && !s.recover(now) {
		s.e.tendSoon()
		return
	}
	if s.rotation.MaxAge <= 0 || s.size == 0 || !s.regular {
		return
	}
	switch {
	case now.Sub(s.born) < s.rotation.MaxAge:
	case s.midline && now.Sub(s.born) < 2*s.rotation.MaxAge, s.noRotation.awaits(now, rotationPause):
		s.e.tendSoon()
		return
	default:
		s.rotateFull(now)
		if s.noRotation.awaits(now, rotationPause) {
			s.e.tendAfter(rotationPause)
			return
		}
	}
	s.e.tendAge(s, now)
}

// isGone says that a file, or the directory it was in, does not exist.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
