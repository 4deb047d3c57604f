package port

import (
	"fmt"
	"strings"

	"weaver/config/source"
)

// section is one [NAME] of an INI file, or of a unit.
type section struct {
	file *file
	name string
	line int
	keys []setting
}

// setting is one KEY=VALUE.
type setting struct {
	file  *file // of an include or a drop-in, it may be another one than the section's
	line  int
	key   string
	value string
}

// get returns the last value of a key.
func (s *section) get(key string) (*setting, bool) {
	for i := len(s.keys) - 1; i >= 0; i-- {
		if s.keys[i].key == key {
			return &s.keys[i], true
		}
	}
	return nil, false
}

func (s *section) str(key, otherwise string) string {
	if k, ok := s.get(key); ok {
		return k.value
	}
	return otherwise
}

// parseINI reads what Python's ConfigParser reads, which is what supervisord uses: "=" or ":" after a key, values that go on
// in lines that are indented, comments in lines of their own and after a blank and a semicolon.
func parseINI(f *file) ([]section, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	var list []section
	n, open := 0, false
	for line := range strings.Lines(string(f.data)) {
		n++
		line = strings.TrimRight(strings.TrimPrefix(line, "\ufeff"), "\r\n")
		text := strings.TrimSpace(line)
		switch {
		case text == "":
			open = false
			continue
		case text[0] == '#', text[0] == ';':
			continue
		case (line[0] == ' ' || line[0] == '\t') && open:
			if i := inlineComment(text); i >= 0 {
				text = strings.TrimSpace(text[:i])
			}
			at := &list[len(list)-1]
			at.keys[len(at.keys)-1].value += "\n" + text
			continue
		case text[0] == '[':
			end := strings.IndexByte(text, ']')
			if end < 0 {
				return nil, &source.Error{File: f.path, Line: n, Message: "a section has no ]"}
			}
			list, open = append(list, section{file: f, name: strings.TrimSpace(text[1:end]), line: n}), false
			continue
		}
		at := strings.IndexAny(text, "=:")
		if at <= 0 {
			return nil, &source.Error{File: f.path, Line: n, Message: fmt.Sprintf("want KEY=VALUE, not %q", clip(text))}
		}
		if len(list) == 0 {
			return nil, &source.Error{File: f.path, Line: n, Message: "a key before the first [section]"}
		}
		value := strings.TrimSpace(text[at+1:])
		if i := inlineComment(value); i >= 0 {
			value = strings.TrimSpace(value[:i])
		}
		to := &list[len(list)-1]
		to.keys = append(to.keys, setting{file: f, line: n, key: strings.ToLower(strings.TrimSpace(text[:at])), value: value})
		open = true
	}
	return list, nil
}

// inlineComment is where " ;" begins, or -1.
func inlineComment(s string) int {
	if strings.HasPrefix(s, ";") {
		return 0
	}
	for i := 1; i < len(s); i++ {
		if s[i] == ';' && (s[i-1] == ' ' || s[i-1] == '\t') {
			return i
		}
	}
	return -1
}
