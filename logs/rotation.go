package logs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"weaver/app"
)

// Rotation says when a log file makes way for a new one, and what becomes of the old. Zero fields have useful defaults.
type Rotation struct {
	MaxSize    app.Bytes     // 10M when 0; negative is off
	MaxAge     time.Duration // off when 0
	Keep       int           // rotated files kept per log, 30 when 0; negative is all
	Compress   bool          // gzip rotated files, in the background
	DateFormat string        // dayjs tokens for their names, DefaultDateFormat when empty
}

// DefaultDateFormat is the date in the name of a rotated file, pm2-logrotate's.
const DefaultDateFormat = "YYYY-MM-DD_HH-mm-ss"

// rotationPause is how long a sink whose rotation failed goes on with its file before it tries again.
const rotationPause = time.Minute

func (r Rotation) withDefaults() Rotation {
	if r.MaxSize == 0 {
		r.MaxSize = 10 << 20
	}
	if r.Keep == 0 {
		r.Keep = 30
	}
	if r.DateFormat == "" {
		r.DateFormat = DefaultDateFormat
	}
	return r
}

// room returns how much of b may go to the current file, so that files end with a line and exceed MaxSize only by a line
// that is longer, twice at most. Zero asks for a rotation.
func (s *sink) room(b []byte, now time.Time) int {
	limit := int64(s.rotation.MaxSize)
	if limit < 0 || !s.regular || s.noRotation.awaits(now, rotationPause) {
		return len(b)
	}
	left := limit - s.size
	if left >= int64(len(b)) {
		return len(b)
	}
	if left > 0 {
		if cut := bytes.LastIndexByte(b[:left], '\n') + 1; cut > 0 {
			return cut
		}
	}
	if s.size > 0 && !s.midline {
		return 0
	}
	line := len(nextPiece(b))
	return int(max(0, min(int64(line), 2*limit-s.size)))
}

// rotateFull rotates because MaxSize says so. If it fails, or finds that others have made room, writing goes on.
func (s *sink) rotateFull(now time.Time) {
	st, err := s.out.Stat()
	if err == nil && st.links > 0 && st.size < s.size {
		s.resize(st.size, now)
		return
	}
	if _, err := s.rotate(now); err != nil {
		s.noRotation = at(now.Add(rotationPause))
		s.e.report(s.path, err)
	}
}

// rotate renames the file and goes on with a new one of the old name. It returns the old file's new name, "" when there
// was nothing to rotate: an empty file, a device, or a file that others have already renamed.
func (s *sink) rotate(now time.Time) (to string, err error) {
	if !s.regular {
		return "", nil
	}
	old, err := s.out.Stat()
	if err != nil {
		return "", fmt.Errorf("rotate log %s: %w", s.path, err)
	}
	if there, err := statPath(s.real); err != nil || there.key != old.key || old.links == 0 {
		s.reopen(now)
		return "", nil
	}
	if old.size == 0 {
		s.resize(0, now)
		return "", nil
	}
	s.e.setRotating(s, true)
	defer s.e.setRotating(s, false)
	if !renamesOpen {
		return s.rotateClosed(old, now)
	}
	if to, err = s.rename(now); err != nil {
		return "", fmt.Errorf("rotate log %s: %w", s.path, err)
	}
	out, st, _, err := s.e.open(s.real)
	if err != nil {
		if back := renameNew(to, s.real); back != nil {
			err = fmt.Errorf("%w; it is %s now: %w", err, to, back)
		}
		return "", fmt.Errorf("rotate log %s: %w", s.path, err)
	}
	out.Resemble(old)
	s.replace(out, st, now)
	s.e.janitor.submit(chore{path: s.real, rotation: s.rotation})
	return to, nil
}

// rotateClosed is for systems that don't rename open files.
func (s *sink) rotateClosed(old status, now time.Time) (to string, err error) {
	_ = s.out.Close()
	to, err = s.rename(now)
	out, st, _, oerr := s.e.open(s.real)
	if oerr != nil {
		s.missing = true
		s.fail(oerr, oerr, now)
		return to, oerr
	}
	s.out = out
	if err != nil {
		return "", fmt.Errorf("rotate log %s: %w", s.path, err)
	}
	out.Resemble(old)
	s.e.rekey(s, st.key)
	s.size, s.born, s.midline, s.owner = st.size, now, false, nil
	s.e.janitor.submit(chore{path: s.real, rotation: s.rotation})
	return to, nil
}

// rename gives the file the first free name for now.
func (s *sink) rename(now time.Time) (string, error) {
	stamp := stampFor(s.rotation.DateFormat, now)
	if stamp != s.lastStamp {
		s.lastStamp, s.lastNumber = stamp, 0
	}
	for tries := 0; ; tries++ {
		to := rotatedStem(s.real) + stamp
		if s.lastNumber > 0 {
			to += "-" + strconv.Itoa(s.lastNumber)
		}
		to += ".log"
		s.lastNumber++
		if _, err := os.Lstat(to + ".gz"); err == nil {
			continue
		}
		err := renameNew(s.real, to)
		if err == nil {
			return to, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", cleanRename(err)
		}
	}
}

// cleanRename drops the paths from an error that is going to be wrapped with them.
func cleanRename(err error) error {
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}

// rotatedStem is what the names of a log's rotated files begin with.
func rotatedStem(path string) string { return strings.TrimSuffix(path, ".log") + "__" }

func stampFor(format string, now time.Time) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == 0 {
			return '-'
		}
		return r
	}, FormatDate(now, format))
}
