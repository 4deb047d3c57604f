// Package history keeps what services used: each second for an hour, every ten seconds for a day.
//
// A service has one file of fixed size, two rings whose slots are told by time: there is no head that could be wrong after
// a crash, and a slot that is too old is none. The points of ten seconds, as the clock has them, wait in memory and are
// written together: they lie side by side in one ring and are one slot of the other. That may be memory that outlives the process.
package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Point is what a service used at one moment, or over ten seconds: then CPU and Memory are averages.
type Point struct {
	At                time.Time
	CPU, MaxCPU       float64 // percent of one core
	Memory, MaxMemory uint64  // bytes
}

// The rings.
const (
	fineSlots   = 3600
	coarseSlots = 8640
	coarseStep  = 10 // seconds
	slotSize    = 20
	blockSize   = coarseStep * slotSize // never goes round a ring
	fileSize    = (fineSlots + coarseSlots) * slotSize
)

// Store keeps the histories below a directory. It is safe for concurrent use.
type Store struct {
	dir    string
	mu     sync.Mutex
	step   int64 // the last that Settle has seen
	series map[string]*series

	memory Memory // nil: what waits dies with this process
	turn   uint64 // writes to it
	buf    []byte
	// nothing was what the last write told of.
	nothing bool
}

// series is what waits of one service: the points of one step, as they are in the file, which is a third of what they take
// otherwise; that counts with thousands of services.
type series struct {
	step  int64 // the ten seconds that these are of, since 1970
	set   uint16
	sized bool // the file is known to be as long as it must be
	block [blockSize]byte
}

// Open returns the store in dir, which is made when it is needed.
func Open(dir string) *Store { return &Store{dir: dir, series: map[string]*series{}} }

// Add keeps a point. Of two in the same second the later one counts. It writes what waits from before these ten seconds.
func (s *Store) Add(name string, p Point) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.series[name]
	if w == nil {
		w = &series{}
		s.series[name] = w
	}
	t := p.At.Unix()
	if t/coarseStep != w.step {
		err = s.write(name, w)
		w.step = t / coarseStep
	}
	p.MaxCPU, p.MaxMemory = p.CPU, p.Memory
	at := t % coarseStep
	encode(w.block[at*slotSize:], p)
	w.set |= 1 << at
	return err
}

// Settle writes what waits from before the ten seconds that now is in, and forgets who has nothing to tell any more.
func (s *Store) Settle(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := now.Unix() / coarseStep
	if step == s.step {
		return nil
	}
	s.step = step
	var errs []error
	for name, w := range s.series {
		switch {
		case w.set == 0:
			delete(s.series, name)
		case w.step != step:
			errs = append(errs, s.write(name, w))
		}
	}
	return errors.Join(errs...)
}

// Flush writes what waits.
func (s *Store) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for name, w := range s.series {
		errs = append(errs, s.write(name, w))
	}
	return errors.Join(errs...)
}

// Forget removes the history of a service.
func (s *Store) Forget(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.series[name] != nil {
		delete(s.series, name)
		s.remember() // or it would come back
	}
	if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the history of %s: %w", name, err)
	}
	return nil
}

// Window returns the points from then on, the oldest first: each second as far as that goes back, else every ten.
func (s *Store) Window(name string, from, now time.Time) ([]Point, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.series[name]; w != nil {
		if err := s.write(name, w); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || len(data) < fileSize {
		return nil, fmt.Errorf("read the history of %s: %w", name, errors.Join(err, errShort))
	}
	step, slots, ring := int64(1), int64(fineSlots), data[:fineSlots*slotSize]
	if now.Sub(from) > fineSlots*time.Second {
		step, slots, ring = coarseStep, coarseSlots, data[fineSlots*slotSize:]
	}
	var out []Point
	first := max(from.Unix(), now.Unix()-slots*step+step)
	for t := first - first%step; t <= now.Unix(); t += step {
		if p, ok := read(ring, t, step, slots); ok && !p.At.Before(from.Truncate(time.Duration(step)*time.Second)) {
			out = append(out, p)
		}
	}
	return out, nil
}

var errShort = errors.New("the file is too short")

var escape = strings.NewReplacer("/", "%2F", "%", "%25")

func (s *Store) path(name string) string {
	return s.dir + string(filepath.Separator) + escape.Replace(name) + ".ring"
}

// write puts what waits into the file. What cannot be written is dropped: a history is not worth memory without end.
func (s *Store) write(name string, w *series) error {
	if w.set == 0 {
		return nil
	}
	err := s.put(s.path(name), w)
	w.set = 0
	clear(w.block[:])
	if err != nil {
		w.sized = false
		return fmt.Errorf("keep the history of %s: %w", name, err)
	}
	return nil
}

func (s *Store) put(path string, w *series) error {
	f, err := s.open(path, w)
	if err != nil {
		return err
	}
	defer f.close()
	at := w.step * coarseStep % fineSlots * slotSize
	if w.set&1 == 0 { // the first part of these seconds may be there already
		if err := w.join(f, at); err != nil {
			return err
		}
	}
	if err := f.writeAt(w.block[:], at); err != nil {
		return err
	}
	var slot [slotSize]byte
	encode(slot[:], w.sum())
	return f.writeAt(slot[:], fineSlots*slotSize+w.step%coarseSlots*slotSize)
}

// open opens the file, and makes it, of its full size, if there is none.
func (s *Store) open(path string, w *series) (f file, err error) {
	if w.sized {
		if f, err = openFile(path, os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		w.sized = false // somebody has removed it
	}
	if f, err = openFile(path, os.O_RDWR|os.O_CREATE); errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(s.dir, 0o700); err == nil {
			f, err = openFile(path, os.O_RDWR|os.O_CREATE)
		}
	}
	if err != nil {
		return f, err
	}
	if err := f.resize(fileSize); err != nil {
		f.close()
		return f, err
	}
	w.sized = true
	return f, nil
}

// join adds those points of the step that are in the file.
func (w *series) join(f file, at int64) error {
	var old [blockSize]byte
	if err := f.readAt(old[:], at); err != nil {
		return err
	}
	for i := range int64(coarseStep) {
		slot := old[i*slotSize:][:slotSize]
		if _, ok := decode(slot, w.step*coarseStep+i); ok && w.set&(1<<i) == 0 {
			copy(w.block[i*slotSize:], slot)
		}
	}
	return nil
}

// sum is the point of all ten seconds.
func (w *series) sum() Point {
	sum := Point{At: time.Unix(w.step*coarseStep, 0)}
	n := 0.0
	var memory float64
	for i := range int64(coarseStep) {
		p, ok := decode(w.block[i*slotSize:], w.step*coarseStep+i)
		if !ok {
			continue
		}
		n++
		sum.CPU += (p.CPU - sum.CPU) / n
		memory += (float64(p.Memory) - memory) / n
		sum.MaxCPU, sum.MaxMemory = max(sum.MaxCPU, p.MaxCPU), max(sum.MaxMemory, p.MaxMemory)
	}
	sum.Memory = uint64(memory)
	return sum
}

func read(ring []byte, t, step, slots int64) (Point, bool) {
	at := t / step % slots * slotSize
	return decode(ring[at:at+slotSize], t)
}

// encode writes a slot: seconds, CPU and its maximum as 32-bit floats, memory and its maximum in kB.
func encode(b []byte, p Point) {
	binary.LittleEndian.PutUint32(b, uint32(p.At.Unix()))
	binary.LittleEndian.PutUint32(b[4:], math.Float32bits(float32(p.CPU)))
	binary.LittleEndian.PutUint32(b[8:], math.Float32bits(float32(p.MaxCPU)))
	binary.LittleEndian.PutUint32(b[12:], uint32(min(p.Memory>>10, math.MaxUint32)))
	binary.LittleEndian.PutUint32(b[16:], uint32(min(p.MaxMemory>>10, math.MaxUint32)))
}

// decode reads a slot, if it is of that second.
func decode(b []byte, t int64) (Point, bool) {
	if binary.LittleEndian.Uint32(b) != uint32(t) || t == 0 {
		return Point{}, false
	}
	float := func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }
	size := func(b []byte) uint64 { return uint64(binary.LittleEndian.Uint32(b)) << 10 }
	return Point{At: time.Unix(t, 0), CPU: float(b[4:]), MaxCPU: float(b[8:]), Memory: size(b[12:]), MaxMemory: size(b[16:])}, true
}
