package logs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"weaver/app"
)

// TailOptions of Tail. The zero value is useful.
type TailOptions struct {
	// MaxLine cuts longer lines, 64K when 0; negative is no limit. A cut line ends with " [… N bytes]".
	MaxLine app.Bytes
	// DateFormat is that of the log's Rotation, to know its rotated files by.
	DateFormat string
	// NoRotated looks at the file itself only.
	NoRotated bool
}

// Tail returns the last n lines of the log at path, oldest first and without newlines, going on in its rotated files when
// it has fewer. A last line without a newline counts. No file is no lines, and no error.
func Tail(path string, n int, o TailOptions) ([]string, error) {
	if n <= 0 {
		return nil, nil
	}
	if o.MaxLine == 0 {
		o.MaxLine = 64 << 10
	}
	var lines []string
	current, err := os.Open(path)
	switch {
	case err == nil:
		defer current.Close()
		if lines, err = tailFile(current, n, int64(o.MaxLine)); err != nil {
			return nil, fmt.Errorf("read log %s: %w", path, err)
		}
	case !isGone(err):
		return nil, fmt.Errorf("read log %s: %w", path, cause(err))
	}
	if len(lines) == n || o.NoRotated {
		return lines, nil
	}
	older, err := tailRotated(path, current, n-len(lines), o)
	if err != nil {
		return nil, fmt.Errorf("read the rotated files of log %s: %w", path, err)
	}
	return append(older, lines...), nil
}

// tailRotated returns the last n lines of the rotated files of path, except the one that is current: it may just have
// been renamed.
func tailRotated(path string, current *os.File, n int, o TailOptions) ([]string, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	files, err := rotatedOf(path, o.DateFormat)
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, cause(err)
	}
	var lines []string
	for i, f := range slices.Backward(files) {
		if len(lines) == n {
			break
		}
		if f.zipped && i > 0 && files[i-1].path+".gz" == f.path {
			continue // just being replaced by its gzip: both are there
		}
		some, err := tailOne(f, current, n-len(lines), int64(o.MaxLine))
		if err != nil {
			return nil, err
		}
		lines = append(some, lines...)
	}
	return lines, nil
}

func tailOne(f rotatedFile, current *os.File, n int, maxLine int64) ([]string, error) {
	file, err := os.Open(f.path)
	if isGone(err) && !f.zipped {
		f.path, f.zipped = f.path+".gz", true
		file, err = os.Open(f.path)
	}
	if isGone(err) {
		return nil, nil // deleted for room, just now
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if current != nil {
		a, errA := file.Stat()
		b, errB := current.Stat()
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return nil, nil
		}
	}
	if !f.zipped {
		return tailFile(file, n, maxLine)
	}
	z, err := gzip.NewReader(file)
	if err == nil {
		var lines []string
		if lines, err = tailStream(z, n, maxLine); err == nil {
			return lines, nil
		}
	}
	return nil, fmt.Errorf("read %s: %w", f.path, err)
}

// tailBlock is how much is read at a time.
const tailBlock = 64 << 10

// tailFile returns the last n lines of a file as it is now. It looks for their beginnings from the end, then reads each:
// however long lines are, no more than maxLine of each is ever in memory.
func tailFile(f *os.File, n int, maxLine int64) ([]string, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil // a device has no past
	}
	size := info.Size()
	starts, err := lineStarts(f, size, n)
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(starts))
	for i, start := range starts {
		end := size
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		line, err := readLine(f, start, end, maxLine)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// lineStarts returns where the last n lines of the first size bytes begin.
func lineStarts(r io.ReaderAt, size int64, n int) ([]int64, error) {
	var starts []int64
	buf := make([]byte, min(size, tailBlock))
	pos := size // no line is known to begin at or after it
	for pos > 0 && len(starts) < n {
		block := buf[:min(pos, tailBlock)]
		pos -= int64(len(block))
		got, err := r.ReadAt(block, pos)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		block = block[:got] // less: somebody has truncated the file
		for len(block) > 0 && len(starts) < n {
			i := bytes.LastIndexByte(block, '\n')
			if i < 0 {
				break
			}
			if start := pos + int64(i) + 1; start < size {
				starts = append(starts, start)
			}
			block = block[:i]
		}
	}
	if pos == 0 && len(starts) < n && size > 0 {
		starts = append(starts, 0)
	}
	slices.Reverse(starts)
	return starts, nil
}

// readLine reads the line from start to end, without its newline.
func readLine(r io.ReaderAt, start, end, maxLine int64) (string, error) {
	want := end - start
	if maxLine >= 0 {
		want = min(want, maxLine+1) // its newline may be what exceeds
	}
	buf := make([]byte, want)
	got, err := r.ReadAt(buf, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	buf = buf[:got]
	if line, ok := bytes.CutSuffix(buf, []byte{'\n'}); ok && int64(len(buf)) == end-start {
		return string(line), nil
	}
	if maxLine < 0 || int64(len(buf)) <= maxLine {
		return string(buf), nil
	}
	length := end - start
	last := []byte{0}
	if _, err := r.ReadAt(last, end-1); err == nil && last[0] == '\n' {
		length--
	}
	return cutLine(buf[:maxLine], length), nil
}

func cutLine(head []byte, length int64) string {
	return fmt.Sprintf("%s [… %d bytes]", head, length)
}

// tailStream returns the last n lines of a stream that can only be read forward.
func tailStream(r io.Reader, n int, maxLine int64) ([]string, error) {
	var (
		ring   []string
		next   int // the oldest in ring, once it has n
		line   []byte
		length int64
	)
	emit := func() {
		text := string(line)
		if length > int64(len(line)) {
			text = cutLine(line, length)
		}
		if len(ring) < n {
			ring = append(ring, text)
		} else {
			ring[next] = text
			next = (next + 1) % n
		}
		line, length = line[:0], 0
	}
	buf := make([]byte, tailBlock)
	for {
		got, err := r.Read(buf)
		for rest := buf[:got]; len(rest) > 0; {
			piece := nextPiece(rest)
			rest = rest[len(piece):]
			text, ended := bytes.CutSuffix(piece, []byte{'\n'})
			length += int64(len(text))
			if room := maxLine - int64(len(line)); maxLine >= 0 && int64(len(text)) > room {
				text = text[:room]
			}
			line = append(line, text...)
			if ended {
				emit()
			} else if len(line) == 0 && length == 0 {
				continue
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if length > 0 {
		emit()
	}
	return append(ring[next:len(ring):len(ring)], ring[:next]...), nil
}
