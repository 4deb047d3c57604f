package watch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// wish is what matters below a root: all, or what a glob matches. The zero value is all.
type wish struct{ re *regexp.Regexp }

func (w wish) has(path string) bool { return w.re == nil || w.re.MatchString(filepath.ToSlash(path)) }

// newRoots reads Options.Roots; what begins with "!" goes to the filter.
func newRoots(o *Options, f *filter) ([]*root, error) {
	var roots []*root
	for _, text := range o.Roots {
		if not, ok := strings.CutPrefix(text, "!"); ok {
			if err := f.add(not); err != nil {
				return nil, err
			}
			continue
		}
		roots = append(roots, newRoot(o.Dir, text))
	}
	return roots, nil
}

func newRoot(dir, text string) *root {
	path := text
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	path = filepath.Clean(path)
	pattern := filepath.ToSlash(text)
	if !strings.ContainsAny(pattern, special) {
		return &root{path: path}
	}
	if _, err := os.Lstat(path); err == nil {
		return &root{path: path} // a name like [id].js
	}
	_, re := glob(filepath.ToSlash(dir), pattern)
	if re == nil {
		return &root{path: path}
	}
	above := filepath.FromSlash(base(pattern))
	if !filepath.IsAbs(above) {
		above = filepath.Join(dir, above)
	}
	return &root{path: filepath.Clean(above), wish: wish{re}}
}
