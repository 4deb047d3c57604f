package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fsnotify/fsnotify"
)

// tree keeps the kernel watching the directories of all roots. Kernels watch single directories; what is in a new one
// before it is watched is found by reading it after.
type tree struct {
	*kernel
	walker
	roots []*root
	home  string              // Options.Dir
	dirs  map[string]string   // a watched directory: its real path
	names map[string]string   // the reverse: the kernel cannot tell two paths of a directory apart
	twins bool                // a directory was left out because it has another name that is watched
	links map[string]struct{} // watched links to files
	last  error               // why the last directory that is not watched is not

	note    func(path string, isDir bool) // told of changes, which may not matter
	changed func(path string)             // told of changes that do
}

var errTwin = errors.New("watched under another name")

// arm watches everything, from nothing. The error is that of an exhausted kernel.
func (t *tree) arm() error {
	for dir := range t.dirs {
		_ = t.remove(dir) // what is gone is no longer watched
	}
	t.twins = false
	t.dirs, t.names, t.links = make(map[string]string), make(map[string]string), make(map[string]struct{})
	for _, r := range t.roots {
		if err := t.armRoot(r, nil); err != nil {
			return err
		}
	}
	return nil
}

// watch is the walker's enter.
func (t *tree) watch(dir, real string) (bool, error) {
	if other, ok := t.names[real]; ok && other != dir {
		t.twins, t.last = true, errTwin
		return false, nil
	}
	if err := t.add(dir); err != nil {
		if exhausted(err) {
			return false, err
		}
		t.last = err
		t.unseen(dir, err)
		return false, nil
	}
	t.dirs[dir], t.names[real] = real, dir
	return true, nil
}

// armRoot watches a root, and the directories where it will be seen that the root comes, or is replaced. It tells found,
// if set, what is below.
func (t *tree) armRoot(r *root, found func(string, bool)) error {
	const often = 10 // what is seen and watched may be gone in between, but hardly each time
	for range often {
		info, err := os.Stat(r.path)
		r.live, r.file = err == nil, err == nil && !info.IsDir()
		posts := t.lookouts(r)
		if err := t.station(r, posts); err != nil {
			return err
		}
		if r.live && !r.file {
			t.last = fs.ErrNotExist
			if err := t.grow(r, r.path, found); err != nil {
				return err
			}
			if _, ok := t.dirs[r.path]; ok || !errors.Is(t.last, fs.ErrNotExist) {
				return nil // if it cannot be watched, that has been reported
			}
			continue
		}
		if r.file {
			t.watchLink(r.path)
		}
		now, err := os.Stat(r.path)
		if r.live == (err == nil) && (err != nil || r.file == !now.IsDir()) && slices.Equal(posts, t.lookouts(r)) {
			return nil
		}
	}
	t.report("changes in %s go unseen: it comes and goes", r.path)
	return nil
}

// lookouts are the directories where it is seen what happens to a root: those between it and the app's directory, since
// the kernel does not tell a directory that one above it was moved. Above the app's directory are other people's files,
// too many to look at, so there it is only the next one that exists, and only if the root says nothing itself: if it
// does not exist, if it is a file, over which editors rename another, or a link, which deployments point elsewhere.
func (t *tree) lookouts(r *root) []string {
	var list []string
	dir := filepath.Dir(r.path)
	link, err := os.Lstat(r.path)
	if !r.live || r.file || err == nil && link.Mode()&fs.ModeSymlink != 0 {
		list = append(list, standing(dir))
	}
	for ; dir == t.home || within(dir, t.home); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && !slices.Contains(list, dir) {
			list = append(list, dir)
		}
	}
	return list
}

// station moves a root's lookouts.
func (t *tree) station(r *root, posts []string) error {
	old := r.posts
	r.posts = posts
	for _, post := range posts {
		if err := t.add(post); exhausted(err) {
			return err
		} else if err != nil {
			t.unseen(post, err)
		}
	}
	for _, post := range old {
		if !t.needs(post) {
			_ = t.remove(post) // it may be gone, and that may be why the posts move
		}
	}
	return nil
}

func (t *tree) needs(dir string) bool {
	_, ok := t.dirs[dir]
	return ok || slices.ContainsFunc(t.roots, func(r *root) bool { return slices.Contains(r.posts, dir) })
}

// standing is the nearest directory that exists, from dir upwards.
func standing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

// grow watches a directory and all below, and tells found what is in it.
func (t *tree) grow(r *root, dir string, found func(path string, isDir bool)) error {
	w := t.walker
	w.enter = t.watch
	w.found = func(path string, isDir, isLink bool) {
		if isLink && !isDir && t.follow {
			t.watchLink(path)
		}
		if found != nil {
			found(path, isDir)
		}
	}
	return w.walk(r, dir)
}

// watchLink watches the file that a link leads to: what happens to that is not seen in the link's directory.
func (t *tree) watchLink(path string) {
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return
	}
	if err := t.add(path); err == nil { // otherwise it leads nowhere, and what will create its target is not seen
		t.links[path] = struct{}{}
	}
}

// drop forgets a directory and all below. In the kernel, they may live on under another name.
func (t *tree) drop(dir string, moved bool) {
	real, ok := t.dirs[dir]
	if !ok {
		return
	}
	t.forget(dir, real)
	if above, ok := t.dirs[filepath.Dir(dir)]; !moved && ok && real == filepath.Join(above, filepath.Base(dir)) {
		return // a directory that was removed had been empty
	}
	for path, real := range t.dirs {
		if within(path, dir) {
			t.forget(path, real)
		}
	}
}

func (t *tree) forget(dir, real string) {
	_ = t.remove(dir) // the kernel forgets by itself what is removed; lookouts are watched again by what follows
	delete(t.dirs, dir)
	delete(t.names, real)
}

// handle follows a notice of the kernel. The error is that of an exhausted kernel.
func (t *tree) handle(e fsnotify.Event) error {
	path := filepath.Clean(e.Name)
	came, went := e.Has(fsnotify.Create), e.Has(fsnotify.Remove|fsnotify.Rename)
	if _, ok := t.links[path]; ok {
		delete(t.links, path)
		t.watchLink(path) // its target may be another file now
	}
	_, isDir := t.dirs[path]
	if !came && !went {
		if !isDir { // a directory's own times and rights are no news
			t.note(path, false)
		}
		return nil
	}
	if isDir {
		t.drop(path, came || e.Has(fsnotify.Rename))
	}
	if came {
		if err := t.came(path); err != nil {
			return err
		}
	} else {
		t.note(path, true) // nobody knows what it was; patterns for directories are to match, too
	}
	if isDir && t.twins {
		return t.arm() // it may have had another name
	}
	return t.again(func(r *root) bool { return path == r.path || within(r.path, path) })
}

// came notes what is new, watches a new directory, or the target of a new link.
func (t *tree) came(path string) error {
	isDir, isLink := false, false
	if info, err := os.Lstat(path); err == nil { // otherwise it is gone again, and was new nevertheless
		isDir, isLink = info.IsDir(), info.Mode()&fs.ModeSymlink != 0
	}
	if isLink && t.follow {
		info, err := os.Stat(path)
		isDir = err == nil && info.IsDir()
	}
	t.note(path, isDir)
	for _, r := range t.roots {
		if !within(path, r.path) || r.file || t.ignores(path, r.path, isDir) {
			continue
		}
		if isLink && !isDir && t.follow {
			t.watchLink(path)
		}
		if isDir {
			if err := t.grow(r, path, t.note); err != nil {
				return err
			}
		}
	}
	return nil
}

// again arms the roots that may have come, gone, or been replaced.
func (t *tree) again(affected func(*root) bool) error {
	for _, r := range t.roots {
		if !affected(r) {
			continue
		}
		was := r.live
		found := t.note
		if r.wish.re == nil {
			found = nil // the root itself has been noted
		}
		if err := t.armRoot(r, found); err != nil {
			return err
		}
		switch {
		case was && !r.live:
			t.changed(r.path) // even for a glob: all that it matched has gone
		case !was && r.live:
			t.note(r.path, !r.file)
		}
	}
	return nil
}
