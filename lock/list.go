package lock

import (
	"os"
	"path/filepath"
	"strings"
)

// suffix marks lock files. Other files in a directory are left alone.
const suffix = ".lock"

// Info is one lock file. If it can be neither Held nor Stale, it could not be
// tested: it belongs to someone else, or is no plain file.
type Info struct {
	Path   string
	Name   string // the file's name without ".lock"
	Held   bool   // someone holds it now
	Stale  bool   // nobody does: ClearStale would remove it
	Holder Holder // who wrote itself in last, also when it holds no more
}

// List tells of all files named *.lock in dir, by name. A dir that does not
// exist has none. It tests a lock by taking it for an instant.
func List(dir string) ([]Info, error) {
	paths, err := lockFiles(dir)
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(paths))
	for _, path := range paths {
		held, holder, err := probe(path)
		if os.IsNotExist(err) {
			continue // ClearStale was faster.
		}
		infos = append(infos, Info{
			Path:   path,
			Name:   strings.TrimSuffix(filepath.Base(path), suffix),
			Held:   err == nil && held,
			Stale:  err == nil && !held,
			Holder: holder,
		})
	}
	return infos, nil
}

// ClearStale removes all files named *.lock in dir that nobody holds, and
// returns their paths. It is safe at any time: whoever comes for the lock while
// its file goes notices, and takes a new file. On an error it returns what it
// has removed so far.
func ClearStale(dir string) ([]string, error) {
	paths, err := lockFiles(dir)
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, path := range paths {
		switch gone, err := removeStale(path); {
		case err != nil:
			return removed, &os.PathError{Op: "clear lock", Path: path, Err: err}
		case gone:
			removed = append(removed, path)
		}
	}
	return removed, nil
}

func lockFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err // It names the operation and dir.
	}
	var paths []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), suffix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}
