package logs

import (
	"fmt"
	"io"
	"os"

	"weaver/app"
)

// CatchUp calls emit for the whole lines that lie behind a place in the log at path, in rotated files too, and returns the
// place behind the last of them. A file that is not there any more is begun anew: what was in it is lost.
func CatchUp(path, format string, from app.Place, emit func(line string)) (app.Place, error) {
	t := &fileFollower{path: path, format: format, buf: make([]byte, tailBlock), emit: func(line string) error {
		emit(line)
		return nil
	}}
	defer t.close()
	if err := t.find(from); err != nil {
		return from, fmt.Errorf("go on with log %s: %w", path, err)
	}
	for range 2 { // a file that was emptied is read at the second look
		if err := t.look(); err != nil {
			return from, err
		}
	}
	if t.file == nil {
		return from, nil
	}
	return t.place()
}

// PlaceOf is the end of the log at path; zero if there is none.
func PlaceOf(path string) app.Place {
	f, err := os.Open(path)
	if err != nil {
		return app.Place{}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return app.Place{}
	}
	return app.Place{File: identity(info), End: info.Size()}
}

// find opens the file of a place, whatever it is called now, there.
func (t *fileFollower) find(from app.Place) error {
	files, err := rotatedOf(t.path, t.format)
	if err != nil && !isGone(err) {
		return err
	}
	names := []string{t.path}
	for i := len(files) - 1; i >= 0; i-- {
		if !files[i].zipped {
			names = append(names, files[i].path)
		}
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || from.File == "" || identity(info) != from.File {
			continue
		}
		if err := t.open(name); err != nil {
			return err
		}
		_, err = t.file.Seek(from.End, io.SeekStart)
		return err
	}
	if err := t.open(t.path); err != nil && !isGone(err) {
		return err
	}
	return nil
}

// place is where it has come to: behind the last whole line.
func (t *fileFollower) place() (app.Place, error) {
	info, err := t.file.Stat()
	if err != nil {
		return app.Place{}, err
	}
	at, err := t.file.Seek(0, io.SeekCurrent)
	return app.Place{File: identity(info), End: at - int64(t.held)}, err
}
