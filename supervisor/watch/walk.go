package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// root is what somebody asked to watch.
type root struct {
	path  string
	wish  wish     // which files below it matter
	posts []string // directories watched only to see the root come or go
	live  bool     // it exists
	file  bool     // it is no directory
}

// walker finds the files and directories below a root that are not ignored.
type walker struct {
	*filter
	follow bool
	report func(format string, args ...any)

	// enter is asked before a directory is read; real is its path without symbolic links, which tells whether it has
	// been seen under another name.
	enter func(dir, real string) (bool, error)

	// found, if set, is told of everything that is not ignored, directories before what is in them.
	found func(path string, isDir, isLink bool)
}

// walk visits dir, which is r or below it. An error is one of enter; others are reported.
func (w *walker) walk(r *root, dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		w.unseen(dir, err)
		return nil
	}
	return w.descend(r, dir, real)
}

func (w *walker) descend(r *root, dir, real string) error {
	if yes, err := w.enter(dir, real); err != nil || !yes {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.unseen(dir, err) // and go on with what was read
	}
	for _, e := range entries {
		path, target := filepath.Join(dir, e.Name()), filepath.Join(real, e.Name())
		isDir, isLink := e.IsDir(), e.Type()&fs.ModeSymlink != 0
		if isLink && w.follow {
			info, err := os.Stat(path)
			isDir = err == nil && info.IsDir()
		}
		if w.ignores(path, r.path, isDir) {
			continue
		}
		if w.found != nil {
			w.found(path, isDir, isLink)
		}
		if !isDir {
			continue
		}
		if isLink {
			err = w.walk(r, path)
		} else {
			err = w.descend(r, path, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unseen reports what cannot be watched. What is gone need not be.
func (w *walker) unseen(path string, err error) {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		w.report("changes in %s go unseen: %v", path, bare(err))
	}
}

// bare is an error without the path that its caller names anyway.
func bare(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// within reports that path is below dir.
func within(path, dir string) bool {
	if !strings.HasPrefix(path, dir) || len(path) == len(dir) {
		return false
	}
	return os.IsPathSeparator(dir[len(dir)-1]) || os.IsPathSeparator(path[len(dir)])
}
