package port

import (
	"fmt"
	"strings"

	"weaver/config/source"
)

// parseUnit reads systemd's syntax: sections, keys that may come several times, lines that go on after a backslash.
func parseUnit(f *file) ([]section, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	var list []section
	var held strings.Builder
	n, from := 0, 0
	end := func() error {
		line := strings.TrimSpace(held.String())
		held.Reset()
		switch {
		case line == "":
			return nil
		case line[0] == '[':
			if line[len(line)-1] != ']' {
				return &source.Error{File: f.path, Line: from, Message: "a section has no ]"}
			}
			list = append(list, section{file: f, name: line[1 : len(line)-1], line: from})
			return nil
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return &source.Error{File: f.path, Line: from, Message: fmt.Sprintf("want KEY=VALUE, not %q", clip(line))}
		}
		if len(list) == 0 {
			return &source.Error{File: f.path, Line: from, Message: "a key before the first [Section]"}
		}
		at := &list[len(list)-1]
		at.keys = append(at.keys, setting{file: f, line: from, key: strings.TrimSpace(key), value: strings.TrimSpace(value)})
		return nil
	}
	going := false
	for line := range strings.Lines(string(f.data)) {
		n++
		line = strings.TrimRight(strings.TrimPrefix(line, "\ufeff"), "\r\n")
		if text := strings.TrimSpace(line); text == "" && !going || text != "" && (text[0] == '#' || text[0] == ';') {
			continue
		}
		if !going {
			from = n
		}
		line, going = strings.CutSuffix(strings.TrimRight(line, " \t"), `\`)
		held.WriteString(line)
		if going {
			held.WriteByte(' ')
			continue
		}
		if err := end(); err != nil {
			return nil, err
		}
	}
	return list, end()
}

// unitWord is a word of a line, and where its letters may not be expanded again.
type unitWord struct {
	text   string
	quoted bool
}

// unitWords splits a value as systemd does: quotes around words or parts of them, and C's escapes.
func unitWords(s string) ([]unitWord, error) {
	var out []unitWord
	var b strings.Builder
	in, quoted := false, false
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if in {
				out = append(out, unitWord{b.String(), quoted})
				b.Reset()
			}
			in, quoted = false, false
			i++
		case c == '"' || c == '\'':
			in, quoted = true, true
			i++
			for i < len(s) && s[i] != c {
				i += unescape(&b, s[i:])
			}
			if i >= len(s) {
				return nil, errQuote
			}
			i++
		default:
			in = true
			i += unescape(&b, s[i:])
		}
	}
	if in {
		out = append(out, unitWord{b.String(), quoted})
	}
	return out, nil
}

// unescape writes the first letter of s, or what its first escape means, and returns how long that is.
func unescape(b *strings.Builder, s string) int {
	if s[0] != '\\' || len(s) < 2 {
		b.WriteByte(s[0])
		return 1
	}
	if i := strings.IndexByte("abfnrtvs\\\"'", s[1]); i >= 0 {
		b.WriteByte("\a\b\f\n\r\t\v \\\"'"[i])
		return 2
	}
	base, digits := 0, ""
	switch {
	case s[1] == 'x' && len(s) >= 4:
		base, digits = 16, s[2:4]
	case s[1] == 'u' && len(s) >= 6:
		base, digits = 16, s[2:6]
	case s[1] >= '0' && s[1] <= '3' && len(s) >= 4:
		base, digits = 8, s[1:4]
	}
	if n, err := parseUint(digits, base); err == nil && n > 0 {
		if s[1] == 'u' {
			b.WriteRune(rune(n))
			return 6
		}
		b.WriteByte(byte(n))
		return 4
	}
	b.WriteByte('\\')
	return 1
}
