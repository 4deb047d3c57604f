package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// FollowFileOptions of FollowFile. The zero value is useful.
type FollowFileOptions struct {
	Every      time.Duration // how often to look, 200 ms when 0
	DateFormat string        // that of the log's Rotation
	FromStart  bool          // begin with what is there, rather than with what comes
	// Ready is called once no line that comes can be missed any more.
	Ready func()
	// End says, once it is closed, that nothing more will be written: what is left is emitted, a last line without its
	// newline too, and FollowFile returns nil. Nil is never.
	End <-chan struct{}
}

// FollowFile calls emit for each line that comes to the log at path, whoever writes it, until ctx ends or emit returns an
// error, and returns which. It goes on through rotation, renaming by others and truncation, and waits for a file that
// does not exist yet. Lines longer than 64 KiB come in pieces.
func FollowFile(ctx context.Context, path string, o FollowFileOptions, emit func(line string) error) error {
	if o.Every <= 0 {
		o.Every = 200 * time.Millisecond
	}
	t := &fileFollower{path: path, format: o.DateFormat, emit: emit, buf: make([]byte, tailBlock)}
	defer t.close()
	if err := t.open(path); err != nil && !isGone(err) {
		return fmt.Errorf("follow log %s: %w", path, err)
	}
	if t.file != nil && !o.FromStart {
		if _, err := t.file.Seek(0, io.SeekEnd); err != nil {
			return fmt.Errorf("follow log %s: %w", path, err)
		}
	}
	if o.Ready != nil {
		o.Ready()
	}
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for {
		if err := t.look(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-o.End:
			return t.finish()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type fileFollower struct {
	path, format string
	emit         func(string) error
	file         *os.File
	buf          []byte
	held         int // buf[:held] is the beginning of a line
}

func (t *fileFollower) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	t.close()
	t.file = f
	return nil
}

func (t *fileFollower) close() {
	if t.file != nil {
		_ = t.file.Close()
		t.file = nil
	}
}

// finish emits everything that is left.
func (t *fileFollower) finish() error {
	if err := t.look(); err != nil {
		return err
	}
	if t.held == 0 {
		return nil
	}
	n := t.held
	t.held = 0
	return t.emit(string(t.buf[:n]))
}

// look emits what has come since the last time.
func (t *fileFollower) look() error {
	for {
		there, err := os.Stat(t.path) // before reading: once it is another file, ours is complete
		if t.file != nil {
			if err := t.read(); err != nil {
				return err
			}
		}
		if err != nil {
			return nil // between a rename and the new file, or not there yet
		}
		if t.file != nil {
			here, err := t.file.Stat()
			if err != nil {
				return fmt.Errorf("follow log %s: %w", t.path, err)
			}
			if os.SameFile(here, there) {
				return t.rewind(here)
			}
			if err := t.read(); err != nil {
				return err
			}
		}
		if err := t.next(); err != nil {
			return err
		}
	}
}

// rewind begins anew when the file has become shorter than what was read of it.
func (t *fileFollower) rewind(here os.FileInfo) error {
	at, err := t.file.Seek(0, io.SeekCurrent)
	if err == nil && at > here.Size() {
		t.held = 0
		_, err = t.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("follow log %s: %w", t.path, err)
	}
	return nil
}

// next goes on to the file after the one that was renamed: several rotations may have passed.
func (t *fileFollower) next() error {
	if t.file != nil {
		here, err := t.file.Stat()
		if err != nil {
			return fmt.Errorf("follow log %s: %w", t.path, err)
		}
		files, err := rotatedOf(t.path, t.format)
		i := -1
		if err == nil {
			i = slices.IndexFunc(files, func(f rotatedFile) bool {
				info, err := os.Stat(f.path)
				return err == nil && os.SameFile(info, here)
			})
		}
		if i >= 0 && i+1 < len(files) && !files[i+1].zipped {
			if t.open(files[i+1].path) == nil {
				return nil
			}
		}
	}
	if err := t.open(t.path); err != nil && !isGone(err) {
		return fmt.Errorf("follow log %s: %w", t.path, err)
	}
	return nil
}

// read emits the whole lines up to the end of the file.
func (t *fileFollower) read() error {
	for {
		n, err := t.file.Read(t.buf[t.held:])
		b := t.buf[:t.held+n]
		for {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				break
			}
			if err := t.emit(string(b[:i])); err != nil {
				return err
			}
			b = b[i+1:]
		}
		if len(b) == len(t.buf) {
			if err := t.emit(string(b)); err != nil {
				return err
			}
			b = nil
		}
		t.held = copy(t.buf, b)
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow log %s: %w", t.path, err)
		}
	}
}
