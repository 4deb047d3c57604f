package port

import (
	"fmt"
	"strings"

	"weaver/app"
)

// interpolate replaces compose's ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?why}, ${NAME:+instead}, $NAME and $$ in
// a text. missing hears of names that have no value.
func interpolate(s string, env app.Env, missing func(name string)) (string, error) {
	return expandVars(s, env, missing, 0)
}

func expandVars(s string, env app.Env, missing func(name string), depth int) (string, error) {
	if !strings.Contains(s, "$") {
		return s, nil
	}
	if depth > 10 {
		return "", fmt.Errorf("defaults are nested more than 10 deep")
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '$' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		rest := s[i+1:]
		switch {
		case rest[0] == '$':
			b.WriteByte('$')
			i += 2
		case rest[0] == '{':
			end := closing(rest)
			if end < 0 {
				return "", fmt.Errorf("${ is not closed")
			}
			value, err := braced(rest[1:end], env, missing, depth)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			i += end + 2
		default:
			n := nameLength(rest)
			if n == 0 {
				b.WriteByte('$')
				i++
				continue
			}
			value, ok := env.Get(rest[:n])
			if !ok {
				missing(rest[:n])
			}
			b.WriteString(value)
			i += n + 1
		}
		if b.Len() > 1<<20 {
			return "", fmt.Errorf("comes to more than 1 MB")
		}
	}
	return b.String(), nil
}

// closing is where the brace that s begins with is closed, or -1.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func nameLength(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return n
}

func braced(s string, env app.Env, missing func(string), depth int) (string, error) {
	n := nameLength(s)
	name, rest := s[:n], s[n:]
	if name == "" {
		return "", fmt.Errorf("${%s} names no variable", clip(s))
	}
	value, ok := env.Get(name)
	if after, colon := strings.CutPrefix(rest, ":"); colon {
		ok, rest = ok && value != "", after
	}
	if rest == "" {
		if !ok {
			missing(name)
		}
		return value, nil
	}
	word := rest[1:]
	switch {
	case rest[0] == '+' && !ok:
		return "", nil
	case rest[0] == '+', rest[0] == '-' && !ok:
		return expandVars(word, env, missing, depth+1)
	case rest[0] == '?' && !ok:
		return "", fmt.Errorf("%s has to be set: %s", name, clip(word))
	case rest[0] == '-', rest[0] == '?':
		return value, nil
	}
	return "", fmt.Errorf("${%s} is not understood", clip(s))
}
