package journal

import (
	"fmt"
	"io"
	"strconv"
)

// reading is what a file holds.
type reading struct {
	file   File
	data   []byte
	number uint64
	index  map[string]place
	end    int64 // of the last frame that checks out
	size   int64
	chain  uint32
}

// formatError is a file that this version must leave alone.
type formatError struct{ cause error }

func (e *formatError) Error() string { return e.cause.Error() }
func (e *formatError) Unwrap() error { return e.cause }

// read replays a file up to the first frame that does not check out.
func read(file File) (reading, error) { return readUpTo(file, -1) }

// readUpTo is read of what lies before a place; negative is all.
func readUpTo(file File, limit int64) (reading, error) {
	size, err := file.Size()
	if err != nil {
		return reading{}, err
	}
	r := reading{file: file, data: make([]byte, size), index: map[string]place{}, size: size}
	if n, err := file.ReadAt(r.data, 0); err != nil && (err != io.EOF || int64(n) != size) {
		return reading{}, err
	}
	if r.number, err = parseHeader(r.data); err == errNotJournal {
		return reading{size: size}, err
	} else if err != nil {
		return reading{}, &formatError{err}
	}
	r.end = int64(headerSize)
	for {
		frame, sum, ok := nextFrame(r.data[r.end:], r.chain)
		if !ok || limit >= 0 && r.end >= limit || !changes(frame, func([]byte, bool, place) {}) {
			return r, nil
		}
		changes(frame, func(key []byte, gone bool, value place) {
			if gone {
				delete(r.index, string(key))
			} else {
				r.index[string(key)] = place{r.end + value.off, value.size}
			}
		})
		r.end += int64(len(frame))
		r.chain = sum
	}
}

// without is what the file holds without the last record from before starts that failed, and what those wrote. count is
// how many were left out since a start went well, this one included, and n the same; 0 if that were too many.
func (r reading) without(l Life) (_ reading, count []byte, n int) {
	if p, ok := r.index[l.Skipped]; ok {
		n, _ = strconv.Atoi(string(r.data[p.off : p.off+p.size])) // 0 is none
	}
	if n >= maxSkips {
		return r, nil, 0
	}
	last, before, cut := int64(-1), int64(-1), int64(-1)
	served := false
	for at, chain := int64(headerSize), uint32(0); at < r.end; {
		frame, sum, ok := nextFrame(r.data[at:], chain)
		if !ok {
			break
		}
		began, well := false, false
		changes(frame, func(key []byte, gone bool, _ place) {
			well = well || !gone && string(key) == l.Served
			began = began || !gone && (string(key) == l.Began || string(key) == l.Skipped)
		})
		before, last = last, at
		switch {
		case well:
			served, cut = true, -1
		case began && served && cut < 0:
			cut = before
		}
		at, chain = at+int64(len(frame)), sum
	}
	if cut < 0 {
		cut = last
	}
	if cut < 0 { // there is nothing
		return r, nil, 0
	}
	less, err := readUpTo(r.file, cut)
	if err != nil {
		return r, nil, 0
	}
	return less, strconv.AppendInt(nil, int64(n+1), 10), n + 1
}

// putAside copies the file as it is, for whoever wants to know what was in the part that cannot be read. It returns the
// copy's name, or "" when that did not work.
func (j *Journal) putAside(name string) string {
	file, err := j.opts.Files.Open(fileName, false)
	if err != nil {
		return ""
	}
	defer file.Close()
	to, err := j.opts.Files.Open(name, true)
	if err != nil {
		return ""
	}
	err = copyFile(to, file)
	if cerr := to.Close(); err != nil || cerr != nil {
		_ = j.opts.Files.Remove(name)
		return ""
	}
	return name
}

func copyFile(to, from File) error {
	size, err := from.Size()
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for off := int64(0); off < size; {
		n, err := from.ReadAt(buf[:min(int64(len(buf)), size-off)], off)
		if n == 0 {
			return fmt.Errorf("read at %d: %w", off, err)
		}
		if err := write(to, buf[:n], off); err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// write is WriteAt of all of b.
func write(file File, b []byte, off int64) error {
	n, err := file.WriteAt(b, off)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}
