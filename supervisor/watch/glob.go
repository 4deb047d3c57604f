package watch

import (
	"path"
	"regexp"
	"strings"
)

// A glob is, as in picomatch, of
//
//	*  ?  [abc]  [!a-z]      within a name, dots at its beginning included
//	**                       as a whole name: any number of directories, none as well; "a/**" is also a, but "*/**" is
//	                         only what is below directories
//	{a,b}  @(a|b)  +(a)  *(a)  ?(a)
//	\x                       the character x
//
// A pattern also means the path that is written like it, whatever it means else.

const special = `*?[]{}()\`

// glob translates a pattern that may be relative to dir. It returns the path that the pattern would be without special
// characters, and how to match others; nil if none can.
func glob(dir, pattern string) (string, *regexp.Regexp) {
	dir = strings.TrimSuffix(dir, "/")
	rooted := isRooted(pattern)
	pattern = path.Clean(pattern)
	if rooted {
		dir = ""
	}
	for !rooted {
		rest, up := strings.CutPrefix(pattern, "../")
		if !up {
			break
		}
		pattern, dir = rest, dir[:max(0, strings.LastIndexByte(dir, '/'))]
	}
	literal := pattern
	if !rooted {
		literal = path.Join(dir+"/", pattern)
	}
	if !strings.ContainsAny(pattern, special) {
		return literal, nil
	}
	var t translator
	if !rooted {
		t.literally(dir + "/")
	}
	t.translate(pattern)
	re, err := regexp.Compile(`^(?s:` + t.String() + `)$`)
	if err != nil {
		return literal, nil // like [z-a]: picomatch takes it literally as well
	}
	return literal, re
}

// isRooted reports an absolute path with slashes; one may begin with a drive's letter.
func isRooted(pattern string) bool {
	return strings.HasPrefix(pattern, "/") || len(pattern) > 2 && pattern[1:3] == ":/"
}

// base is the directory that all matches of a glob are in: the names up to the first with special characters.
func base(pattern string) string {
	at := strings.IndexAny(pattern, special)
	if at < 0 {
		return pattern
	}
	dir, _ := path.Split(pattern[:at])
	return dir
}

// translator writes the regular expression of a glob.
type translator struct{ strings.Builder }

func (t *translator) literally(s string) { t.WriteString(regexp.QuoteMeta(s)) }

func (t *translator) translate(p string) {
	for i := 0; i < len(p); {
		i += t.next(p, i)
	}
}

// next translates what begins at i, and returns how long it is.
func (t *translator) next(p string, i int) int {
	rest := p[i:]
	atName := i == 0 || p[i-1] == '/'
	switch {
	case strings.ReplaceAll(rest, "/**", "") == "" && i > 0 && p[i-1] == '*':
		t.WriteString(`/.*`)
		return len(rest)
	case strings.ReplaceAll(rest, "/**", "") == "":
		t.WriteString(`(?:/.*)?`)
		return len(rest)
	case atName && rest == "**":
		t.WriteString(`.*`)
		return 2
	case atName && strings.HasPrefix(rest, "**/"):
		t.WriteString(`(?:[^/]+/)*`)
		return 3
	}
	if len(rest) > 1 && rest[1] == '(' && strings.IndexByte("@+*?", rest[0]) >= 0 {
		if parts, n := group(rest[1:], '(', ')', '|'); n > 0 {
			t.either(parts)
			if rest[0] != '@' {
				t.WriteByte(rest[0])
			}
			return n + 1
		}
	}
	switch rest[0] {
	case '*':
		n := len(rest) - len(strings.TrimLeft(rest, "*"))
		if atName && (n == len(rest) || rest[n] == '/') {
			t.WriteString(`[^/]+`)
		} else {
			t.WriteString(`[^/]*`)
		}
		return n
	case '?':
		t.WriteString(`[^/]`)
		return 1
	case '[':
		if n := t.class(rest); n > 0 {
			return n
		}
	case '{':
		if parts, n := group(rest, '{', '}', ','); n > 0 && len(parts) > 1 {
			t.either(parts)
			return n
		}
	case '(':
		if parts, n := group(rest, '(', ')', '|'); n > 0 && len(parts) > 1 {
			t.either(parts)
			return n
		}
	case '\\':
		if len(rest) > 1 {
			t.literally(rest[1:2])
			return 2
		}
	}
	n := 1
	for n < len(rest) && strings.IndexByte(special+"/@+", rest[n]) < 0 {
		n++
	}
	t.literally(rest[:n])
	return n
}

func (t *translator) either(parts []string) {
	t.WriteString("(?:")
	for i, part := range parts {
		if i > 0 {
			t.WriteByte('|')
		}
		t.translate(part)
	}
	t.WriteByte(')')
}

// class translates [...], and returns its length; 0 if it does not end.
func (t *translator) class(p string) int {
	i, not := 1, false
	if i < len(p) && (p[i] == '!' || p[i] == '^') {
		i, not = i+1, true
	}
	var set strings.Builder
	for first := true; i < len(p); first = false {
		switch {
		case p[i] == ']' && !first:
			if not {
				t.WriteString("[^/" + set.String() + "]")
			} else {
				t.WriteString("[" + set.String() + "]")
			}
			return i + 1
		case p[i] == '/':
			return 0
		case strings.HasPrefix(p[i:], "[:"):
			if end := strings.Index(p[i:], ":]"); end > 0 {
				set.WriteString(p[i : i+end+2])
				i += end + 2
				continue
			}
			set.WriteString(`\[`)
		case p[i] == '\\' && i+1 < len(p):
			i++
			set.WriteString(regexp.QuoteMeta(p[i : i+1]))
		case p[i] == '[' || p[i] == ']' || p[i] == '^' || p[i] == '\\':
			set.WriteString(`\` + p[i:i+1])
		default:
			set.WriteByte(p[i])
		}
		i++
	}
	return 0
}

// group splits what is between brackets at the beginning of p, and returns how long it is with them; 0 if it does not
// end.
func group(p string, open, end, separator byte) ([]string, int) {
	var parts []string
	depth, from := 0, 1
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case open:
			depth++
		case separator:
			if depth == 1 {
				parts = append(parts, p[from:i])
				from = i + 1
			}
		case end:
			if depth--; depth == 0 {
				return append(parts, p[from:i]), i + 1
			}
		}
	}
	return nil, 0
}
