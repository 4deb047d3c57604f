package logs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rotatedFile is a log's former self.
type rotatedFile struct {
	path   string
	size   int64
	mtime  time.Time
	number int // the n of "-n", for those rotated at the same time
	zipped bool
}

// rotatedOf returns the rotated files of the log at path, oldest first. format is the log's DateFormat; names with the
// default format are recognized too.
func rotatedOf(path, format string) ([]rotatedFile, error) {
	stem := filepath.Base(rotatedStem(path))
	return rotatedIn(filepath.Dir(path), []string{format, DefaultDateFormat}, func(name string) (string, bool) {
		return strings.CutPrefix(name, stem)
	})
}

// rotatedUnder returns the rotated files of all logs in dir, oldest first.
func rotatedUnder(dir string, formats []string) ([]rotatedFile, error) {
	return rotatedIn(dir, append([]string{DefaultDateFormat}, formats...), func(name string) (string, bool) {
		i := strings.LastIndex(name, "__")
		return name[max(0, i+2):], i > 0
	})
}

// rotatedIn lists the files in dir whose name, after what stem takes off, is a date in the shape of one of formats.
func rotatedIn(dir string, formats []string, stem func(name string) (rest string, ok bool)) ([]rotatedFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var shapes []string
	for _, f := range formats {
		if s := shape(stampFor(f, time.Now())); f != "" && !slices.Contains(shapes, s) {
			shapes = append(shapes, s)
		}
	}
	var out []rotatedFile
	for _, entry := range entries {
		rest, ok := stem(entry.Name())
		if !ok || !entry.Type().IsRegular() {
			continue
		}
		rest, zipped := strings.CutSuffix(rest, ".gz")
		rest, ok = strings.CutSuffix(rest, ".log")
		number, dated := dateOf(rest, shapes)
		if !ok || !dated {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue // it has just gone
		}
		out = append(out, rotatedFile{filepath.Join(dir, entry.Name()), info.Size(), info.ModTime(), number, zipped})
	}
	slices.SortFunc(out, func(a, b rotatedFile) int {
		if c := a.mtime.Compare(b.mtime); c != 0 {
			return c
		}
		if a.number != b.number {
			return a.number - b.number
		}
		return strings.Compare(a.path, b.path)
	})
	return out, nil
}

// dateOf says whether text is a date in one of the shapes, and the number after it.
func dateOf(text string, shapes []string) (number int, ok bool) {
	if slices.Contains(shapes, shape(text)) {
		return 0, true
	}
	i := strings.LastIndexByte(text, '-')
	if i < 0 {
		return 0, false
	}
	number, err := strconv.Atoi(text[i+1:])
	return number, err == nil && number > 0 && slices.Contains(shapes, shape(text[:i]))
}

// shape replaces each run of digits by 9 and each run of letters by a: all dates of one format look alike, and a file
// that somebody named differently does not.
func shape(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c = '9'
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80:
			c = 'a'
		}
		if len(b) == 0 || b[len(b)-1] != c || c != '9' && c != 'a' {
			b = append(b, c)
		}
	}
	return string(b)
}
