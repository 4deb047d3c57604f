package pm2

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// SyntaxError says where a text stops being a value.
type SyntaxError struct {
	Offset int // in bytes
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.What) }

// maxDepth bounds the nesting that is read, so that no input can exhaust the stack.
const maxDepth = 1000

// Parse reads JSON, and the JavaScript literals that people write by hand where PM2 would evaluate them: comments,
// trailing commas, keys without quotes, single quotes, hexadecimal numbers, undefined. It evaluates nothing. Every
// error is a *SyntaxError.
func Parse(data []byte) (Value, error) {
	p := parser{s: strings.TrimPrefix(string(data), "\uFEFF")}
	skipped := len(data) - len(p.s)
	v, _, err := p.value(0)
	if err == nil {
		if p.space(); p.at < len(p.s) {
			err = p.fail("more after the end of the value")
		}
	}
	if err != nil {
		err.Offset += skipped
		return Value{}, err
	}
	return v, nil
}

func parseRaw(raw json.RawMessage) Value {
	v, err := Parse(raw)
	if err != nil {
		return String(string(raw))
	}
	return v
}

type parser struct {
	s  string
	at int
}

func (p *parser) fail(what string) *SyntaxError {
	if p.at >= len(p.s) {
		return &SyntaxError{p.at, "the text ends early"}
	}
	return &SyntaxError{p.at, what}
}

// space skips blanks and comments. An unfinished comment is skipped to the end.
func (p *parser) space() {
	for p.at < len(p.s) {
		rest := p.s[p.at:]
		switch {
		case strings.IndexByte(" \t\r\n\v\f", rest[0]) >= 0:
			p.at++
		case strings.HasPrefix(rest, "//"):
			p.skipTo(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			p.at += 2
			p.skipTo(rest[2:], "*/")
		default:
			return
		}
	}
}

func (p *parser) skipTo(rest, mark string) {
	if i := strings.Index(rest, mark); i >= 0 {
		p.at += i + len(mark)
		return
	}
	p.at = len(p.s)
}

// value reads one value; defined is false for undefined, which is null in arrays and no member at all in objects.
func (p *parser) value(depth int) (v Value, defined bool, err *SyntaxError) {
	if p.space(); p.at >= len(p.s) {
		return v, true, p.fail("")
	}
	if depth > maxDepth {
		return v, true, p.fail("nested too deeply")
	}
	switch c := p.s[p.at]; c {
	case '{':
		v, err = p.object(depth)
	case '[':
		v, err = p.array(depth)
	case '"', '\'':
		v.kind = text
		v.text, err = p.quoted(c)
	default:
		return p.word()
	}
	return v, true, err
}

func (p *parser) object(depth int) (Value, *SyntaxError) {
	o := &Object{}
	seen := map[string]int{}
	p.at++
	for {
		if p.space(); p.at >= len(p.s) {
			return Value{}, p.fail("")
		}
		if p.s[p.at] == '}' {
			p.at++
			return Of(o), nil
		}
		key, err := p.key()
		if err != nil {
			return Value{}, err
		}
		if p.space(); p.at >= len(p.s) || p.s[p.at] != ':' {
			return Value{}, p.fail("want a colon after a key")
		}
		p.at++
		v, defined, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		if defined {
			// Keys that are numbers move the others: only without them is a remembered place good.
			if i, ok := seen[key]; ok && i < len(o.members) && o.members[i].Key == key {
				o.members[i].Value = v
			} else if ok {
				o.Set(key, v)
			} else {
				seen[key] = len(o.members)
				o.add(key, v)
			}
		}
		if err := p.comma('}'); err != nil {
			return Value{}, err
		}
	}
}

func (p *parser) array(depth int) (Value, *SyntaxError) {
	list := Value{kind: array}
	p.at++
	for {
		if p.space(); p.at >= len(p.s) {
			return Value{}, p.fail("")
		}
		if p.s[p.at] == ']' {
			p.at++
			return list, nil
		}
		v, _, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		list.list = append(list.list, v)
		if err := p.comma(']'); err != nil {
			return Value{}, err
		}
	}
}

// comma takes a comma, or leaves the closing bracket to the caller.
func (p *parser) comma(closing byte) *SyntaxError {
	if p.space(); p.at >= len(p.s) {
		return p.fail("")
	}
	switch p.s[p.at] {
	case ',':
		p.at++
		return nil
	case closing:
		return nil
	}
	return p.fail("want a comma or " + string(rune(closing)))
}

func (p *parser) key() (string, *SyntaxError) {
	if c := p.s[p.at]; c == '"' || c == '\'' {
		return p.quoted(c)
	}
	from := p.at
	for p.at < len(p.s) && wordByte(p.s[p.at]) {
		p.at++
	}
	if p.at == from {
		return "", p.fail("want a key")
	}
	return p.s[from:p.at], nil
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= utf8.RuneSelf || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// word reads numbers and names.
func (p *parser) word() (Value, bool, *SyntaxError) {
	from := p.at
	for p.at < len(p.s) && (wordByte(p.s[p.at]) || strings.IndexByte("+-.", p.s[p.at]) >= 0) {
		p.at++
	}
	switch w := p.s[from:p.at]; w {
	case "null":
		return Value{}, true, nil
	case "undefined":
		return Value{}, false, nil
	case "true", "false":
		return Bool(w == "true"), true, nil
	case "NaN":
		return Number(math.NaN()), true, nil
	default:
		digits, sign := strings.TrimLeft(w, "+-"), 1.0
		if strings.HasPrefix(w, "-") {
			sign = -1
		}
		if len(w)-len(digits) <= 1 && digits != "" && (digits[0] == '.' || digits[0] <= '9' || digits == "Infinity") &&
			!strings.Contains(digits, "_") {
			if n, err := strconv.ParseUint(digits, 0, 64); err == nil && digits[0] == '0' {
				return Number(sign * float64(n)), true, nil
			}
			if n, err := strconv.ParseFloat(digits, 64); err == nil || math.IsInf(n, 0) {
				return Number(sign * n), true, nil
			}
		}
	}
	p.at = from
	return Value{}, true, p.fail("want a value")
}

// quoted reads a string. Halves of surrogate pairs on their own become U+FFFD.
func (p *parser) quoted(quote byte) (string, *SyntaxError) {
	p.at++
	from := p.at
	for p.at < len(p.s) && p.s[p.at] != quote && p.s[p.at] != '\\' {
		p.at++
	}
	if p.at < len(p.s) && p.s[p.at] == quote {
		p.at++
		return p.s[from : p.at-1], nil
	}
	out := []byte(p.s[from:p.at])
	for p.at < len(p.s) {
		switch c := p.s[p.at]; c {
		case quote:
			p.at++
			return string(out), nil
		case '\\':
			var err *SyntaxError
			if out, err = p.escape(out); err != nil {
				return "", err
			}
		default:
			out = append(out, c)
			p.at++
		}
	}
	return "", p.fail("")
}

func (p *parser) escape(out []byte) ([]byte, *SyntaxError) {
	p.at++
	if p.at >= len(p.s) {
		return nil, p.fail("")
	}
	c := p.s[p.at]
	p.at++
	switch c {
	case 'u':
		r, ok := p.hex(4)
		if !ok {
			return nil, p.fail("want four hexadecimal digits")
		}
		if utf16.IsSurrogate(r) {
			at := p.at
			if strings.HasPrefix(p.s[p.at:], `\u`) {
				p.at += 2
				low, ok := p.hex(4)
				if full := utf16.DecodeRune(r, low); ok && full != utf8.RuneError {
					return utf8.AppendRune(out, full), nil
				}
			}
			p.at, r = at, utf8.RuneError
		}
		return utf8.AppendRune(out, r), nil
	case 'x':
		r, ok := p.hex(2)
		if !ok {
			return nil, p.fail("want two hexadecimal digits")
		}
		return utf8.AppendRune(out, r), nil
	case '\n':
		return out, nil // a line continued
	}
	if i := strings.IndexByte("bfnrtv0", c); i >= 0 {
		c = "\b\f\n\r\t\v\x00"[i]
	}
	return append(out, c), nil
}

func (p *parser) hex(n int) (rune, bool) {
	if p.at+n > len(p.s) {
		p.at = len(p.s)
		return 0, false
	}
	r, err := strconv.ParseUint(p.s[p.at:p.at+n], 16, 32)
	if err != nil {
		return 0, false
	}
	p.at += n
	return rune(r), true
}
