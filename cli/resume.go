package cli

import (
	"time"

	"weaver/app"
	"weaver/logs"
)

// outputOf is one of the streams of a process.
type outputOf struct {
	id     app.ID
	stream app.Stream
}

// reading is how far the log files were read that are being followed. When the supervisor dies, what comes until the next one
// answers is in the files: nothing is missed, and nothing shown twice.
type reading struct {
	paths map[outputOf]string
	at    map[string]*readFile   // by path
	new   map[outputOf]app.Place // of outputs whose path is not known yet
}

// readFile is one file and whose output it is.
type readFile struct {
	path  string
	of    app.Line // the last line, or what is known of the process
	place app.Place
	check bool // the first line that comes may not be the one after place
}

// know notes which files the processes write to. What is new to it begins where it ends now.
func (r *reading) know(list []app.Process) {
	if r.paths == nil {
		r.paths, r.at, r.new = map[outputOf]string{}, map[string]*readFile{}, map[outputOf]app.Place{}
	}
	for i := range list {
		p := &list[i]
		for stream, path := range map[app.Stream]string{app.Out: p.OutPath, app.Err: p.ErrorPath} {
			if path == "" {
				continue
			}
			o := outputOf{p.ID, stream}
			if old, ok := r.paths[o]; ok && old != path { // another process has the number now
				delete(r.at, old)
			}
			r.paths[o] = path
			place, seen := r.new[o]
			delete(r.new, o)
			if f := r.at[path]; f != nil {
				if seen && place.File == f.place.File {
					f.place.End = max(f.place.End, place.End)
				}
				continue
			}
			if !seen {
				place = logs.PlaceOf(path)
			}
			r.at[path] = &readFile{path: path, place: place, of: app.Line{ID: p.ID, Name: p.Name, Namespace: p.Namespace, Stream: stream}}
		}
	}
}

// catchUp shows what was written to the files since.
func (r *reading) catchUp(stream app.Stream, show func(app.Line)) {
	for _, f := range r.at {
		if stream == "" || f.of.Stream == stream {
			f.catchUp(show)
			f.check = true
		}
	}
}

// catchUp reports whether the file could be read.
func (f *readFile) catchUp(show func(app.Line)) bool {
	if f.place.File == "" {
		return false
	}
	now := time.Now()
	place, err := logs.CatchUp(f.path, "", f.place, func(text string) {
		l := f.of
		l.At, l.Text = now, text
		show(l)
	})
	if err == nil {
		f.place = place
	}
	return err == nil
}

// came notes a line that came, after showing what should have come before it. It reports whether the line is new.
func (r *reading) came(l *app.Line, show func(app.Line)) bool {
	if l.Place.File == "" {
		return true
	}
	o := outputOf{l.ID, l.Stream}
	f := r.at[r.paths[o]]
	if f == nil {
		if r.new != nil {
			r.new[o] = l.Place
		}
		return true
	}
	if f.check {
		if l.Place.File == f.place.File && l.Place.End <= f.place.End {
			return false
		}
		if l.Place.File != f.place.File || l.Place.End > f.place.End+int64(len(l.Text))+1 {
			if f.catchUp(show) && (l.Place.File != f.place.File || l.Place.End <= f.place.End) {
				return false // it was among what was in the files
			}
		}
		f.check = false
	}
	f.place = l.Place
	f.of = app.Line{ID: l.ID, Name: l.Name, Namespace: l.Namespace, Stream: l.Stream}
	return true
}
