package port

import (
	"errors"
	"strings"
)

var errQuote = errors.New("a quote is not closed")

// splitWords splits a line as Python's shlex and compose do: like a shell, without anything that a shell expands.
func splitWords(s string) ([]string, error) {
	var out []string
	var word strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n', '\r':
			if in {
				out = append(out, word.String())
				word.Reset()
				in = false
			}
		case '\'', '"':
			in = true
			end := i + 1
			for ; end < len(s) && s[end] != c; end++ {
				if s[end] == '\\' && c == '"' && end+1 < len(s) {
					if s[end+1] != '"' && s[end+1] != '\\' {
						word.WriteByte('\\')
					}
					end++
				}
				word.WriteByte(s[end])
			}
			if end >= len(s) {
				return nil, errQuote
			}
			i = end
		case '\\':
			if i+1 < len(s) {
				i++
			}
			in = true
			word.WriteByte(s[i])
		default:
			in = true
			word.WriteByte(c)
		}
	}
	if in {
		out = append(out, word.String())
	}
	return out, nil
}

// assignments reads KEY=VALUE,KEY="VALUE, with comma", which is supervisord's way to write an environment.
func assignments(s string) ([][2]string, error) {
	var out [][2]string
	for i := 0; i < len(s); {
		if strings.IndexByte(", \t\n\r", s[i]) >= 0 {
			i++
			continue
		}
		eq := strings.IndexByte(s[i:], '=')
		if eq < 0 {
			return nil, errors.New("a variable has no value")
		}
		name := strings.TrimSpace(s[i : i+eq])
		if !isName(name) {
			return nil, errors.New("a variable has no name")
		}
		i += eq + 1
		for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
			i++
		}
		var value strings.Builder
		for i < len(s) && s[i] != ',' && s[i] != '\n' {
			c := s[i]
			if c != '\'' && c != '"' {
				value.WriteByte(c)
				i++
				continue
			}
			for i++; i < len(s) && s[i] != c; i++ {
				value.WriteByte(s[i]) // a backslash is one: there are no escapes
			}
			if i >= len(s) {
				return nil, errQuote
			}
			i++
			for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
				i++
			}
		}
		out = append(out, [2]string{name, strings.TrimRight(value.String(), " \t")})
	}
	return out, nil
}
