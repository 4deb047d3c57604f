package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watcher is the state of one Run: who tells of changes, the kernel or the poller, and what has changed.
type watcher struct {
	o        Options
	filter   *filter
	roots    []*root
	tree     *tree   // nil while polling
	poller   *poller // nil otherwise
	look     <-chan time.Time
	content  *content // nil without Hash
	pending  pending
	reported map[string]struct{}
}

func newWatcher(o Options) (*watcher, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	f, err := newFilter(&o)
	if err != nil {
		return nil, err
	}
	roots, err := newRoots(&o, f)
	if err != nil {
		return nil, err
	}
	w := &watcher{o: o, filter: f, pending: pending{all: o.Hash}, reported: make(map[string]struct{})}
	for _, r := range roots {
		if w.isIgnored(r) {
			w.report("%s is both watched and ignored, so it is ignored", r.path)
			continue
		}
		w.roots = append(w.roots, r)
	}
	return w, nil
}

// isIgnored reports that a pattern is about a root, or a directory above it that is in the app's.
func (w *watcher) isIgnored(r *root) bool {
	for path := r.path; ; path = filepath.Dir(path) {
		if w.filter.matches(filepath.ToSlash(path), true) {
			return true
		}
		if !within(path, w.o.Dir) {
			return false
		}
	}
}

// start begins to watch, with the kernel if it can.
func (w *watcher) start(open func() (*kernel, error)) {
	if w.o.Poll {
		w.poll()
	} else if k, err := open(); err != nil {
		w.fallBack(err)
	} else {
		w.tree = &tree{
			kernel: k, walker: walker{filter: w.filter, follow: w.o.FollowSymlinks, report: w.report},
			roots: w.roots, home: w.o.Dir, note: w.note, changed: w.changed,
		}
		w.arm()
	}
	if w.o.Hash {
		w.content = newContent(w.snapshot()) // what changes before this is not seen
	}
}

func (w *watcher) arm() {
	if err := w.tree.arm(); err != nil {
		w.fallBack(err)
	}
}

func (w *watcher) close() {
	if w.tree != nil {
		// The kernel is let go of at once; that it could not be closed tells nobody anything.
		_ = w.tree.close()
		w.tree = nil
	}
	if w.poller != nil {
		w.poller.clock.Stop()
	}
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w.tree == nil {
		return nil
	}
	return w.tree.events
}

func (w *watcher) errors() <-chan error {
	if w.tree == nil {
		return nil
	}
	return w.tree.errors
}

// handle follows a notice of the kernel; not ok is its end.
func (w *watcher) handle(e fsnotify.Event, ok bool) {
	if !ok {
		w.fallBack(errors.New("the kernel's notices ended"))
		return
	}
	if err := w.tree.handle(e); err != nil {
		w.fallBack(err)
		// What has come into a directory since it came is part of the first snapshot, so that nobody would see it.
		for path, s := range w.poller.last {
			if within(path, filepath.Clean(e.Name)) {
				w.note(path, s.mode.IsDir())
			}
		}
	}
}

// trouble follows an error of the kernel; not ok is its end.
func (w *watcher) trouble(err error, ok bool) {
	switch {
	case !ok:
		w.fallBack(errors.New("the kernel's notices ended"))
	case errors.Is(err, fsnotify.ErrEventOverflow):
		// Much has changed, nobody knows what. New directories may have been missed.
		for _, r := range w.roots {
			w.changed(r.path)
		}
		w.arm()
	default:
		w.report("changes may go unseen: %v", err)
	}
}

// fallBack polls, since the kernel cannot help.
func (w *watcher) fallBack(err error) {
	w.close()
	w.report("the kernel watches no more files (%v), looking at them every %v instead%s", bare(err), w.o.Interval, remedy(err))
	w.poll()
}

// note counts a change, if it matters to a root.
func (w *watcher) note(path string, isDir bool) {
	for _, r := range w.roots {
		if w.matters(r, path, isDir) {
			w.changed(path)
			return
		}
	}
}

func (w *watcher) matters(r *root, path string, isDir bool) bool {
	if path == r.path {
		return r.wish.re == nil
	}
	return !r.file && within(path, r.path) && r.wish.has(path) && !w.filter.ignores(path, r.path, isDir)
}

func (w *watcher) changed(path string) { w.pending.add(path, time.Now()) }

// news takes the changes, and says with which path to call; false if nothing has changed really.
func (w *watcher) news() (string, bool) {
	paths := w.pending.paths
	w.pending.clear()
	if w.content != nil {
		paths = w.content.changed(paths)
	}
	if len(paths) == 0 {
		return "", false
	}
	path := paths[0]
	for _, p := range paths {
		if _, err := os.Lstat(p); err == nil {
			path = p
			break
		}
	}
	if path == w.o.Dir || !within(path, w.o.Dir) {
		return path, true
	}
	if short, err := filepath.Rel(w.o.Dir, path); err == nil {
		path = short
	}
	return path, true
}

// report says a thing once.
func (w *watcher) report(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if _, ok := w.reported[text]; ok || w.o.Report == nil {
		return
	}
	w.reported[text] = struct{}{}
	w.o.Report(text)
}
