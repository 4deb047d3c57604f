// Package watch tells when files change.
//
// One Run serves an app, however many instances it has. The kernel's notices (inotify, kqueue, ReadDirectoryChanges) are
// filtered, collected until it is quiet, and become one call. Directories are watched as they appear, roots may come,
// go and come back. Where the kernel refuses, files are looked at every second instead.
package watch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Options say what to watch. Dir is needed, the rest has useful zero values.
type Options struct {
	// Dir is what Roots and patterns are relative to, absolute: the app's working directory.
	Dir string

	// Roots are files, directories with all below, or globs; those that do not exist are waited for. With "!" before it,
	// a path or glob is left out. No roots are Dir.
	Roots []string

	// Ignore lists what changes do not matter: globs, names and paths, where a directory stands for all below, and
	// regular expressions, see filter. If it is empty, everything below a name that begins with a dot or has
	// node_modules in it is ignored, like in PM2.
	Ignore []string

	// Own is ignored always: weaver's own logs and pid files. As Ignore.
	Own []string

	// Delay passes between the first change and the call.
	Delay time.Duration

	// Quiet must pass without a change before the call, 50 ms if 0. When it never gets quiet, the call comes 20 times
	// Quiet after Delay.
	Quiet time.Duration

	// FollowSymlinks makes the target of a link below a root matter, not just the link. Roots are followed always.
	FollowSymlinks bool

	// Hash makes only content matter: a file that is touched, or saved as it was, is no change.
	Hash bool

	// Poll looks at all files each Interval, one second if 0, and does not ask the kernel, which knows nothing of what
	// others do on network file systems.
	Poll     bool
	Interval time.Duration

	// Ready, if set, is called once, as soon as every change will be seen.
	Ready func()

	// Report, if set, is told in a sentence what cannot be watched, or only in another way. It must return soon.
	Report func(string)
}

// Run calls fire after files have changed, once for all that change together, with the first of them that exists:
// relative to Dir if it is below, absolute otherwise. It returns the cause when ctx ends, after fire has returned; or an
// error about the options.
//
// Changes while fire runs do not count: what an app writes when it is restarted must not restart it again. A fire that
// returns at once makes every change count.
func Run(ctx context.Context, o Options, fire func(path string)) error {
	return run(ctx, o, fire, seams{open: openKernel, idle: func() {}})
}

// seams are where tests reach in.
type seams struct {
	open func() (*kernel, error)
	idle func() // fire has returned, changes count again
}

func run(ctx context.Context, o Options, fire func(path string), s seams) error {
	w, err := newWatcher(o)
	if err != nil {
		return err
	}
	defer w.close()
	w.start(s.open)
	if o.Ready != nil {
		o.Ready()
	}

	alarm := time.NewTimer(0)
	alarm.Stop()
	defer alarm.Stop()
	var firing chan struct{} // closed when fire has returned
	for {
		// Only what is armed can ring: nothing while fire runs or nothing has changed.
		if firing == nil && !w.pending.empty() {
			alarm.Reset(time.Until(w.pending.due(w.o.Delay, w.o.Quiet)))
		}
		select {
		case <-ctx.Done():
			if firing != nil {
				<-firing
			}
			return context.Cause(ctx)
		case e, ok := <-w.events():
			w.handle(e, ok)
		case err, ok := <-w.errors():
			w.trouble(err, ok)
		case <-w.look:
			w.compare()
		case <-firing:
			firing = nil
			w.pending.clear()
			s.idle()
		case <-alarm.C:
			if path, ok := w.news(); ok {
				done := make(chan struct{})
				firing = done
				go func() { // ends when fire returns, which Run waits for
					defer close(done)
					fire(path)
				}()
			}
		}
	}
}

func (o Options) checked() (Options, error) {
	if !filepath.IsAbs(o.Dir) {
		return o, fmt.Errorf("watch: directory %q is not absolute", o.Dir)
	}
	o.Dir = filepath.Clean(o.Dir)
	if o.Delay < 0 || o.Quiet < 0 || o.Interval < 0 {
		return o, errors.New("watch: a delay is negative")
	}
	if o.Quiet == 0 {
		o.Quiet = 50 * time.Millisecond
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if len(o.Roots) == 0 {
		o.Roots = []string{"."}
	}
	return o, nil
}
