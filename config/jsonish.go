package config

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"weaver/config/source"
)

// parseJSONish reads what PM2 reads as JSON: it evaluates the file as one JavaScript expression, so comments, names
// and strings without or with single quotes, trailing commas and arithmetic all work. Calls and variables do not:
// data that runs code belongs into a .config.js.
func parseJSONish(file string, data []byte) (any, error) {
	p := &jsonish{file: file, src: strings.TrimPrefix(strings.ToValidUTF8(string(data), "\ufffd"), "\ufeff")}
	v, err := p.document()
	if err != nil {
		return nil, err
	}
	return v, nil
}

type jsonish struct {
	file   string
	src    string
	pos    int
	depth  int
	values int
}

// undefined is a value that is left out.
type undefined struct{}

func (p *jsonish) document() (any, error) {
	v, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.space(); err != nil {
		return nil, err
	}
	if p.pos < len(p.src) {
		return nil, p.unexpected()
	}
	if _, none := v.(undefined); none {
		v = nil
	}
	return v, nil
}

func (p *jsonish) primary() (any, error) {
	if p.values++; p.values > source.MaxValues {
		return nil, p.fail(p.pos, fmt.Sprintf("holds more than %d values", source.MaxValues))
	}
	if err := p.space(); err != nil {
		return nil, err
	}
	if p.pos >= len(p.src) {
		return nil, p.unexpected()
	}
	switch c := p.src[p.pos]; {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '(':
		return p.group()
	case c == '"' || c == '\'' || c == '`':
		return p.quoted()
	case c == '.' || isDigit(c):
		return p.numeral()
	}
	at := p.pos
	word := p.word()
	switch word {
	case "":
		return nil, p.unexpected()
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	case "undefined":
		return undefined{}, nil
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	}
	return nil, p.fail(at, fmt.Sprintf("%s is not defined; code belongs into a .config.js file", clip(word)))
}

func (p *jsonish) object() (any, error) {
	open := p.pos
	if err := p.enter(open); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++
	var b builder
	for {
		closed, err := p.closes('}', open)
		if err != nil || closed {
			return b.done(), err
		}
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		if err := p.space(); err != nil {
			return nil, err
		}
		if p.pos >= len(p.src) || p.src[p.pos] != ':' {
			return nil, p.unexpected()
		}
		p.pos++
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		if _, none := v.(undefined); !none {
			b.set(key, v)
		}
		if err := p.comma('}', open); err != nil {
			return nil, err
		}
	}
}

func (p *jsonish) array() (any, error) {
	open := p.pos
	if err := p.enter(open); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++
	list := []any{}
	for {
		closed, err := p.closes(']', open)
		if err != nil || closed {
			return list, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		if _, none := v.(undefined); none {
			v = nil
		}
		list = append(list, v)
		if err := p.comma(']', open); err != nil {
			return nil, err
		}
	}
}

func (p *jsonish) group() (any, error) {
	open := p.pos
	if err := p.enter(open); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++
	v, err := p.expression()
	if err != nil {
		return nil, err
	}
	closed, err := p.closes(')', open)
	if err != nil {
		return nil, err
	}
	if !closed {
		return nil, p.unexpected()
	}
	return v, nil
}

// closes skips blanks and reports, past it, the closing bracket of what was opened.
func (p *jsonish) closes(bracket byte, open int) (bool, error) {
	if err := p.space(); err != nil {
		return false, err
	}
	if p.pos >= len(p.src) {
		line, col := place(p.src, open)
		return false, p.fail(p.pos, fmt.Sprintf("unexpected end of the file; %q of line %d, column %d is not closed",
			p.src[open:open+1], line, col))
	}
	if p.src[p.pos] != bracket {
		return false, nil
	}
	p.pos++
	return true, nil
}

// comma skips one, or stops before the closing bracket.
func (p *jsonish) comma(bracket byte, open int) error {
	closed, err := p.closes(bracket, open)
	if err != nil {
		return err
	}
	if closed {
		p.pos--
		return nil
	}
	if p.src[p.pos] != ',' {
		return p.unexpected()
	}
	p.pos++
	return nil
}

func (p *jsonish) key() (string, error) {
	switch c := p.src[p.pos]; {
	case c == '"' || c == '\'':
		return p.quoted()
	case isDigit(c) || c == '.':
		n, err := p.numeral()
		return number(n), err
	}
	word := p.word()
	if word == "" {
		return "", p.unexpected()
	}
	return word, nil
}

// word reads a name: letters, digits, _ and $.
func (p *jsonish) word() string {
	start := p.pos
	for p.pos < len(p.src) {
		r, size := utf8.DecodeRuneInString(p.src[p.pos:])
		if r != '_' && r != '$' && !unicode.IsLetter(r) && (p.pos == start || !unicode.IsDigit(r)) {
			break
		}
		p.pos += size
	}
	return p.src[start:p.pos]
}

// space skips blanks and comments.
func (p *jsonish) space() error {
	for p.pos < len(p.src) {
		rest := p.src[p.pos:]
		switch {
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexAny(rest, "\n\r")
			if end < 0 {
				end = len(rest)
			}
			p.pos += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return p.fail(p.pos, "the comment is not closed")
			}
			p.pos += end + 4
		default:
			r, size := utf8.DecodeRuneInString(rest)
			if !unicode.IsSpace(r) && r != '\ufeff' {
				return nil
			}
			p.pos += size
		}
	}
	return nil
}

func (p *jsonish) enter(at int) error {
	if p.depth++; p.depth > source.MaxDepth {
		return p.fail(at, fmt.Sprintf("nested more than %d deep", source.MaxDepth))
	}
	return nil
}

func (p *jsonish) leave() { p.depth-- }

func (p *jsonish) unexpected() error {
	if p.pos >= len(p.src) {
		return p.fail(p.pos, "unexpected end of the file")
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.pos:])
	return p.fail(p.pos, fmt.Sprintf("unexpected %q", r))
}

func (p *jsonish) fail(at int, message string) error {
	line, col := place(p.src, at)
	return &SyntaxError{File: p.file, Line: line, Col: col, Message: message}
}

// place is the line and column, in characters from 1, of the byte at offset at.
func place(src string, at int) (line, col int) {
	at = min(at, len(src))
	before := src[:at]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// clip keeps messages about something huge short.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	for i := range s {
		if i >= most {
			return s[:i] + "…"
		}
	}
	return s
}
