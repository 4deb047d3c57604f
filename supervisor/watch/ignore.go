package watch

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// filter knows what is ignored. Its patterns are those of chokidar 3, which PM2 uses: relative to the app's directory,
// so that "logs" and "*.log" mean the ones at its top, and "**/logs" those anywhere; a directory that matches is
// ignored with all below. See glob for the syntax.
//
// chokidar takes strings for globs always, so that the regular expressions of PM2's own examples, like
// "[\\/\\\\]\\./", do nothing there. Here, a string is a regular expression if it cannot sensibly be a glob, or is
// written between slashes. It is searched for in the path relative to the directory, or the absolute path if it is
// elsewhere; with or without a slash before it and, if the path is a directory, after it.
type filter struct {
	dir      string // with slashes, as all here
	usual    bool   // the default is on
	literals map[string]struct{}
	globs    []*regexp.Regexp
	searched []*regexp.Regexp
}

func newFilter(o *Options) (*filter, error) {
	f := &filter{dir: filepath.ToSlash(o.Dir), usual: len(o.Ignore) == 0, literals: make(map[string]struct{})}
	for _, list := range [][]string{o.Ignore, o.Own} {
		for _, pattern := range list {
			if err := f.add(pattern); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func (f *filter) add(pattern string) error {
	if expr, ok := expression(pattern); ok {
		re, err := regexp.Compile(expr)
		if err != nil {
			return fmt.Errorf("watch: ignore %q: %w", pattern, err)
		}
		f.searched = append(f.searched, re)
		return nil
	}
	literal, re := glob(f.dir, filepath.ToSlash(pattern))
	f.literals[literal] = struct{}{}
	if re != nil {
		f.globs = append(f.globs, re)
	}
	return nil
}

// They are made when they are asked for: every start of the front end would pay for them.
var (
	slashed   = expressionOf(`^/(.+)/([dgimsuy]*)$`)
	sensible  = expressionOf(`\\[./\\dDwWsSbB-]|^\^|\$$|\(\?:`) // in expressions
	awkward   = expressionOf(`\(\?[=!<]`)                       // what RE2 has not
	jsEscapes = strings.NewReplacer(`\\`, `\\`, `\/`, `/`)
)

func expressionOf(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// expression translates a pattern to Go's syntax, if it is a regular expression.
func expression(pattern string) (string, bool) {
	if !sensible().MatchString(pattern) && !awkward().MatchString(pattern) {
		return "", false
	}
	flags := ""
	m := slashed().FindStringSubmatch(pattern)
	if m == nil && filepath.Separator == '\\' {
		return "", false // a path of Windows
	}
	if m != nil && sensible().MatchString(m[1]) {
		pattern = m[1]
		for _, flag := range "ims" {
			if strings.ContainsRune(m[2], flag) {
				flags += string(flag)
			}
		}
	}
	if flags != "" {
		flags = "(?" + flags + ")"
	}
	return flags + jsEscapes.Replace(pattern), true
}

// ignores reports that a change of file does not matter to a root that it is below. Directories above it, up to the
// root, are for the caller to ask about.
func (f *filter) ignores(file, root string, isDir bool) bool {
	if below := filepath.ToSlash(strings.TrimPrefix(file, root)); below != "" {
		if f.usual && (strings.Contains("/"+below, "/.") || strings.Contains(below, "node_modules")) {
			return true
		}
		if ofEditor(path.Base(below)) {
			return true
		}
	}
	return f.matches(filepath.ToSlash(file), isDir)
}

// matches reports that a pattern is about a path.
func (f *filter) matches(file string, isDir bool) bool {
	if _, ok := f.literals[file]; ok {
		return true
	}
	for _, re := range f.globs {
		if re.MatchString(file) {
			return true
		}
	}
	if len(f.searched) == 0 {
		return false
	}
	forms := []string{file}
	if short, ok := strings.CutPrefix(file, strings.TrimSuffix(f.dir, "/")+"/"); ok {
		forms = []string{short, "/" + short}
	}
	if isDir {
		for _, form := range forms {
			forms = append(forms, form+"/")
		}
	}
	for _, re := range f.searched {
		if slices.ContainsFunc(forms, re.MatchString) {
			return true
		}
	}
	return false
}

// ofEditor reports the names of files that editors keep beside the edited one, as chokidar does.
func ofEditor(name string) bool {
	return strings.HasSuffix(name, "~") ||
		strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".swx")) ||
		strings.Contains(name, ".subl") && strings.HasSuffix(name, ".tmp")
}
