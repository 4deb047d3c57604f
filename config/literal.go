package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// quoted reads a string in any of JavaScript's quotes. A back-quoted one may span lines; ${…} in it is code and refused.
func (p *jsonish) quoted() (string, error) {
	open := p.pos
	quote := p.src[open]
	p.pos++
	var b strings.Builder
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case c == quote:
			p.pos++
			return b.String(), nil
		case c == '\\':
			if err := p.escape(&b); err != nil {
				return "", err
			}
		case quote == '`' && strings.HasPrefix(p.src[p.pos:], "${"):
			return "", p.fail(p.pos, "${…} is code, which belongs into a .config.js file")
		case quote != '`' && (c == '\n' || c == '\r'):
			return "", p.fail(open, "the string is not closed")
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return "", p.fail(open, "the string is not closed")
}

func (p *jsonish) escape(b *strings.Builder) error {
	at := p.pos
	p.pos++ // the backslash
	if p.pos >= len(p.src) {
		return p.fail(at, "the string is not closed")
	}
	c := p.src[p.pos]
	p.pos++
	switch c {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'v':
		b.WriteByte('\v')
	case '0':
		b.WriteByte(0)
	case '\r':
		if p.pos < len(p.src) && p.src[p.pos] == '\n' {
			p.pos++
		}
	case '\n': // a line goes on
	case 'x':
		r, err := p.hex(at, 2)
		if err != nil {
			return err
		}
		b.WriteRune(r)
	case 'u':
		return p.unicode(b, at)
	default:
		b.WriteByte(c) // the rest of a longer character follows as it is
	}
	return nil
}

func (p *jsonish) unicode(b *strings.Builder, at int) error {
	if p.pos < len(p.src) && p.src[p.pos] == '{' {
		end := strings.IndexByte(p.src[p.pos:], '}')
		if end < 2 || end > 7 {
			return p.fail(at, "unreadable \\u{…}")
		}
		p.pos++
		r, err := p.hex(at, end-1)
		if err != nil {
			return err
		}
		p.pos++
		b.WriteRune(r)
		return nil
	}
	r, err := p.hex(at, 4)
	if err != nil {
		return err
	}
	if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(p.src[p.pos:], `\u`) {
		back := p.pos
		p.pos += 2
		if low, err := p.hex(at, 4); err == nil && low >= 0xdc00 && low < 0xe000 {
			r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
		} else {
			p.pos = back
		}
	}
	if !utf8.ValidRune(r) {
		r = utf8.RuneError
	}
	b.WriteRune(r)
	return nil
}

func (p *jsonish) hex(at, digits int) (rune, error) {
	n, err := strconv.ParseUint(p.src[p.pos:min(len(p.src), p.pos+digits)], 16, 32)
	if err != nil {
		return 0, p.fail(at, "unreadable escape")
	}
	if p.pos += digits; p.pos > len(p.src) {
		return 0, p.fail(at, "the string is not closed")
	}
	return rune(n), nil
}

// numeral reads a number: decimal, 0x, 0o, 0b, with _ between digits.
func (p *jsonish) numeral() (float64, error) {
	start := p.pos
	exponent := func() bool {
		last := p.src[p.pos-1]
		return (last == 'e' || last == 'E') && !strings.HasPrefix(p.src[start:p.pos], "0x") &&
			!strings.HasPrefix(p.src[start:p.pos], "0X")
	}
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		sign := (c == '+' || c == '-') && p.pos > start && exponent()
		if !sign && c != '.' && c != '_' && !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		p.pos++
	}
	word := p.src[start:p.pos]
	digits := strings.ReplaceAll(word, "_", "")
	if len(digits) > 1 && digits[0] == '0' && strings.ContainsRune("xXoObB", rune(digits[1])) {
		if n, err := strconv.ParseUint(digits, 0, 64); err == nil {
			return float64(n), nil
		}
	} else if plainDecimal(digits) {
		// A number too large for a float64 is Infinity, as in JavaScript.
		n, err := strconv.ParseFloat(digits, 64)
		if err == nil || n > 1 {
			return n, nil
		}
	}
	return 0, p.fail(start, fmt.Sprintf("unreadable number %s", clip(word)))
}

// plainDecimal keeps out what ParseFloat reads and JavaScript does not: 0x1p-2, inf, 1_0.
func plainDecimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.eE+-") == ""
}
