package port

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// appendYAML writes a document in block style, which people can go on with.
func appendYAML(b []byte, v any, indent int) []byte {
	switch v := v.(type) {
	case tree:
		for i, p := range v {
			if i > 0 || indent == 0 {
				b = pad(b, indent)
			}
			b = appendComment(b, p.comment, indent)
			b = append(appendScalar(b, p.key), ':')
			b = appendNested(b, p.val, indent+2)
		}
	case []any:
		for i, e := range v {
			if i > 0 {
				b = pad(b, indent)
			}
			if t, ok := e.(tree); ok && len(t) > 0 {
				b = append(appendComment(b, t[0].comment, indent), "- "...)
				t = append(tree{{key: t[0].key, val: t[0].val}}, t[1:]...)
				b = appendYAML(b, t, indent+2)
				continue
			}
			b = append(b, '-')
			b = appendNested(b, e, indent+2)
		}
	}
	return b
}

// appendComment writes lines that stand before what is at indent.
func appendComment(b []byte, text string, indent int) []byte {
	if text == "" {
		return b
	}
	for line := range strings.SplitSeq(text, "\n") {
		b = append(append(b, "# "...), printable(line)...)
		b = pad(append(b, '\n'), indent)
	}
	return b
}

// appendNested writes the value of a key: on its line if that is possible.
func appendNested(b []byte, v any, indent int) []byte {
	switch v := v.(type) {
	case tree:
		if len(v) == 0 {
			return append(b, " {}\n"...)
		}
		return appendYAML(pad(append(b, '\n'), indent), v, indent)
	case []any:
		if line, ok := flow(v); ok {
			return append(append(append(b, ' '), line...), '\n')
		}
		return appendYAML(pad(append(b, '\n'), indent), v, indent)
	}
	return append(appendScalar(append(b, ' '), v), '\n')
}

// flow is a list of scalars on one line, if it is short.
func flow(list []any) ([]byte, bool) {
	b := []byte{'['}
	for i, e := range list {
		switch e.(type) {
		case tree, []any:
			return nil, false
		}
		if i > 0 {
			b = append(b, ", "...)
		}
		if s, ok := e.(string); ok { // in brackets more letters mean something
			b = appendQuoted(b, s)
			continue
		}
		b = appendScalar(b, e)
	}
	return append(b, ']'), len(list) == 0 || len(b) < 100
}

func pad(b []byte, n int) []byte { return append(b, strings.Repeat(" ", n)...) }

func appendScalar(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case string:
		if plain(v) {
			return append(b, v...)
		}
		return appendQuoted(b, v)
	}
	s, _ := text(v)
	return append(b, s...)
}

// appendQuoted writes a JSON string, which every YAML reader takes.
func appendQuoted(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(strings.ToValidUTF8(s, "\ufffd")) // a string always can be
	return append(b, bytes.TrimRight(buf.Bytes(), "\n")...)
}

// plain reports a text that no YAML reader, of 1.1 or 1.2, takes for anything else than that text.
func plain(s string) bool {
	if s == "" {
		return false
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return false
	}
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		switch {
		case letter, c == '/' && len(s) > 1, c == '_':
		case i == 0, i == len(s)-1 && c == ' ':
			return false
		case c >= '0' && c <= '9', strings.IndexByte("-. @+", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// printable keeps a comment on its line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfffd {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
}
