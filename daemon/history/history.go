// Package history keeps what services used: each second for an hour, every ten seconds for a day.
//
// A service has one file of fixed size, two rings whose slots are told by time: there is no head that could be wrong after
// a crash, and a slot that is too old is none. Points wait in memory and are written ten seconds at a time.
package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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
	batch       = 10 // points that wait
	fileSize    = (fineSlots + coarseSlots) * slotSize
)

// Store keeps the histories below a directory. It is safe for concurrent use.
type Store struct {
	dir     string
	mu      sync.Mutex
	pending map[string][]slot
}

// slot is a point as it is in the file: a third of what it takes otherwise, which counts with thousands of services.
type slot [slotSize]byte

// Open returns the store in dir, which is made when it is needed.
func Open(dir string) *Store { return &Store{dir: dir, pending: map[string][]slot{}} }

// Add keeps a point. Every ten of them are written.
func (s *Store) Add(name string, p Point) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.MaxCPU, p.MaxMemory = p.CPU, p.Memory
	waiting := s.pending[name]
	if waiting == nil {
		waiting = make([]slot, 0, batch)
	}
	var b slot
	encode(b[:], p)
	s.pending[name] = append(waiting, b)
	if len(s.pending[name]) < batch {
		return nil
	}
	return s.write(name)
}

// Flush writes what waits.
func (s *Store) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for name := range s.pending {
		errs = append(errs, s.write(name))
	}
	return errors.Join(errs...)
}

// Forget removes the history of a service.
func (s *Store) Forget(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, name)
	if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the history of %s: %w", name, err)
	}
	return nil
}

// Window returns the points from then on, the oldest first: each second as far as that goes back, else every ten.
func (s *Store) Window(name string, from, now time.Time) ([]Point, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(name); err != nil {
		return nil, err
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

func (s *Store) path(name string) string {
	clean := strings.NewReplacer("/", "%2F", "%", "%25").Replace(name)
	return filepath.Join(s.dir, clean+".ring")
}

// write puts what waits into the file. What cannot be written is dropped: a history is not worth memory without end.
func (s *Store) write(name string) (err error) {
	waiting := s.pending[name]
	if len(waiting) == 0 {
		return nil
	}
	s.pending[name] = waiting[:0]
	points := make([]Point, 0, batch)
	for i := range waiting {
		if p, ok := decode(waiting[i][:], int64(binary.LittleEndian.Uint32(waiting[i][:]))); ok {
			points = append(points, p)
		}
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep the history of %s: %w", name, err)
		}
	}()
	f, err := os.OpenFile(s.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(s.dir, 0o700); err == nil {
			f, err = os.OpenFile(s.path(name), os.O_RDWR|os.O_CREATE, 0o600)
		}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != fileSize {
		if err := errors.Join(err, f.Truncate(fileSize)); err != nil {
			return err
		}
	}
	for _, p := range points {
		if err := writeSlot(f, 0, p, 1, fineSlots); err != nil {
			return err
		}
	}
	return coarse(f, points)
}

// coarse adds points to the slots of ten seconds that they fall into.
func coarse(f *os.File, points []Point) error {
	for len(points) > 0 {
		t := points[0].At.Unix() / coarseStep
		n := 0
		sum := Point{At: time.Unix(t*coarseStep, 0)}
		for n < len(points) && points[n].At.Unix()/coarseStep == t {
			p := points[n]
			n++
			sum.CPU += (p.CPU - sum.CPU) / float64(n)
			sum.Memory = uint64(float64(sum.Memory) + (float64(p.Memory)-float64(sum.Memory))/float64(n))
			sum.MaxCPU, sum.MaxMemory = max(sum.MaxCPU, p.MaxCPU), max(sum.MaxMemory, p.MaxMemory)
		}
		points = points[n:]
		var buf [slotSize]byte
		base := int64(fineSlots * slotSize)
		if _, err := f.ReadAt(buf[:], base+t%coarseSlots*slotSize); err == nil || err == io.EOF {
			if old, ok := decode(buf[:], t*coarseStep); ok { // the first part of these seconds came with the batch before
				w := float64(n) / coarseStep
				sum.CPU = old.CPU + (sum.CPU-old.CPU)*w
				sum.Memory = uint64(float64(old.Memory) + (float64(sum.Memory)-float64(old.Memory))*w)
				sum.MaxCPU, sum.MaxMemory = max(sum.MaxCPU, old.MaxCPU), max(sum.MaxMemory, old.MaxMemory)
			}
		}
		if err := writeSlot(f, base, sum, coarseStep, coarseSlots); err != nil {
			return err
		}
	}
	return nil
}

func writeSlot(f *os.File, base int64, p Point, step, slots int64) error {
	var buf [slotSize]byte
	encode(buf[:], p)
	_, err := f.WriteAt(buf[:], base+p.At.Unix()/step%slots*slotSize)
	return err
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
