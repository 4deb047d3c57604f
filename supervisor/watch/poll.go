package watch

import (
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"
)

// stamp is what a look at a file tells.
type stamp struct {
	inode          uint64
	size, modified int64
	mode           fs.FileMode
}

// poller remembers what all files looked like.
type poller struct {
	last  map[string]stamp
	clock *time.Timer
}

// poll looks at all files from now on.
func (w *watcher) poll() {
	began := time.Now()
	w.poller = &poller{last: w.snapshot(), clock: time.NewTimer(w.o.Interval)}
	w.look = w.poller.clock.C
	w.rest(began)
}

// rest waits for the next look: longer where a look takes long, so that looking uses a tenth of a CPU at most.
func (w *watcher) rest(began time.Time) {
	w.poller.clock.Reset(max(w.o.Interval, 10*time.Since(began)))
}

// compare looks, and notes what has changed since the last look.
func (w *watcher) compare() {
	began := time.Now()
	now, last := w.snapshot(), w.poller.last
	w.poller.last = now
	for _, path := range slices.Sorted(maps.Keys(now)) {
		if old, ok := last[path]; !ok || old != now[path] {
			w.note(path, now[path].mode.IsDir())
		}
	}
	for _, path := range slices.Sorted(maps.Keys(last)) {
		if _, ok := now[path]; !ok {
			w.note(path, last[path].mode.IsDir())
		}
	}
	w.rest(began)
}

// snapshot looks at everything below the roots that is not ignored.
func (w *watcher) snapshot() map[string]stamp {
	stamps, entered := make(map[string]stamp), make(map[string]struct{})
	look := func(path string, follow bool) {
		stat := os.Lstat
		if follow {
			stat = os.Stat
		}
		switch info, err := stat(path); {
		case err != nil: // gone, or a link to nothing
		case info.IsDir():
			stamps[path] = stamp{inode: inode(info), mode: fs.ModeDir} // its times change with what is in it
		default:
			stamps[path] = stamp{inode(info), info.Size(), info.ModTime().UnixNano(), info.Mode()}
		}
	}
	for _, r := range w.roots {
		info, err := os.Stat(r.path)
		if w.tree == nil { // otherwise it is the tree's to say
			r.file = err == nil && !info.IsDir()
		}
		if err != nil {
			continue
		}
		look(r.path, true)
		if !info.IsDir() {
			continue
		}
		eyes := walker{filter: w.filter, follow: w.o.FollowSymlinks, report: w.report}
		eyes.enter = func(_, real string) (bool, error) {
			_, seen := entered[real]
			entered[real] = struct{}{}
			return !seen, nil
		}
		eyes.found = func(path string, isDir, _ bool) {
			if isDir || r.wish.has(path) {
				look(path, w.o.FollowSymlinks)
			}
		}
		_ = eyes.walk(r, r.path) // enter has no errors
	}
	return stamps
}
